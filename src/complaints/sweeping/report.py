"""Report of a sweep: its table, written beside its record."""

from complaints.core.files import write_text
from complaints.sweeping.ranking import rank
from complaints.sweeping.record import FOLDER
from complaints.sweeping.run import Sweep
from complaints.sweeping.table import table


def write_report(sweep: Sweep) -> str:
    """Rank the points of a sweep on validation, write the table to sweeps/<name>.md and return it.

    Raises:
        UserError: if DVC's cache has lost the predictions of an experiment.
    """
    complete = [
        point
        for point in sweep.record.points
        if len(point.runs) == len(sweep.study.seeds) and all(run.error is None for run in point.runs)
    ]
    ranking, rows = None, 0
    if complete:
        validation = sweep.validation
        systems = [
            (point, [validation.system(sweep.cache, run.predictions or "") for run in point.runs]) for point in complete
        ]
        ranking, rows = rank(validation.rows, systems, sweep.study.objective), len(validation.rows)
    text = table(sweep.name, sweep.study, ranking, sweep.failed, rows)
    write_text(FOLDER / f"{sweep.name}.md", text)
    return text
