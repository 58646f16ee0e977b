"""Page of the costs, reports/costs/index.html: scores against costs, with the Pareto fronts."""

from pathlib import Path
from tempfile import TemporaryDirectory

from complaints.core.files import write_text
from complaints.recommending import document
from complaints.recommending.figure import draw_front
from complaints.recommending.measures import MEASURES
from complaints.recommending.study import FRONTS, METRIC, Study
from complaints.reporting.html_page import Section, render

LEAD = "Scores are those of the test split with their 95 % intervals."


def write_page(path: Path, study: Study) -> None:
    """Write the page of a study with at least one row."""
    shown = document.data(study)
    with TemporaryDirectory() as folder:
        sections = []
        for cost in FRONTS:
            picture = Path(folder) / document.PICTURES[cost]
            draw_front(picture, study.options, study.fronts[cost], cost, METRIC)
            heading = f"{MEASURES[METRIC].title} against {MEASURES[cost].title}"
            sections.append(Section(heading, f"Red: the Pareto front. {document.FRONT}", png=picture))
        sections.append(Section("All measured rows", header=shown["header"], rows=shown["rows"]))
        lead = f"{LEAD} {document.COST_NOTE}"
        write_text(path, render("Costs of the models", f"{lead}\n\n{study.machine}", sections))
