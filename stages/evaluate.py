"""Score every model on the held-out splits.

Reads predictions/, models/rules/, data/splits/, data/interim/{labels,hierarchy}.json, data/raw/{source,truth}.json,
reports/labels.json, reports/compression/, data/teacher/ and reports/training/.
Writes reports/metrics.json and reports/evaluation/ (scoreboard.md, CSV files, figures and index.html), which
docs/evaluation.md and docs/errors.md describe.
"""

from complaints.core import config, paths, stage
from complaints.core.files import replacing_folder, write_json
from complaints.deciding.row_names import REFERENCE
from complaints.error_analysis.inputs import Sources
from complaints.error_analysis.report import write_error_analysis
from complaints.evaluation.compression import read_sizes, write_compression
from complaints.evaluation.distillation import distillation_sections, find_students
from complaints.evaluation.histories import read_history
from complaints.evaluation.learning_curve import write_curve_table
from complaints.evaluation.page import write_report
from complaints.evaluation.params import EvaluateParams
from complaints.evaluation.scoreboard import read_all_logits, read_rules, score
from complaints.evaluation.tables import metrics_json
from complaints.evaluation.truth import read_truth
from complaints.evaluation.zero_shot import write_zero_shot
from complaints.scoring.learning_curve import read_learning_curve
from complaints.scoring.rungs import rung_names
from complaints.scoring.zero_shot import FOLDER as ZERO_SHOT
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import tracked

SOURCES = Sources(paths.SPLITS, paths.OUT_OF_FOLD / f"{REFERENCE}.parquet", paths.TRUTH, paths.LABELS_REPORT)


def main() -> None:
    """Run the stage."""
    with tracked(config.load("tracking", TrackingParams)):
        evaluate()


def evaluate() -> None:
    """Score every row of the scoreboard and write the reports on it."""
    p = config.load("evaluate", EvaluateParams)
    rungs = rung_names()
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    logits = read_all_logits(paths.PREDICTIONS, rungs, truth)
    points = read_learning_curve(paths.LEARNING_CURVES / f"{REFERENCE}.parquet", truth.row_ids)
    histories = {model: read_history(paths.HISTORIES / model) for model in config.model_names()}
    sizes = read_sizes(paths.COMPRESSION, rungs)

    rows = score(truth, logits, read_rules(paths.RULES, rungs, paths.PREDICTIONS), p.resamples)
    with replacing_folder(paths.EVALUATION) as folder:
        students = find_students(config.models(), paths.TEACHERS)
        sections = distillation_sections(folder, truth, rows, logits, students, p.resamples)
        sections += write_compression(folder, truth, rows, sizes, p.resamples)
        sections += write_error_analysis(folder, truth, rows, logits, SOURCES, p.worst_pairs)
        sections += write_zero_shot(folder, truth, rows, paths.PREDICTIONS / ZERO_SHOT, p.resamples)
        write_curve_table(folder / "learning_curve.csv", truth, points, p.resamples)
        write_report(folder, truth, rows, histories, p, sections)
    write_json(paths.METRICS, metrics_json(rows))


if __name__ == "__main__":
    stage.run(main)
