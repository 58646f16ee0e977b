"""Score every model on the held-out splits.

Reads predictions/, data/splits/, data/interim/{labels,hierarchy}.json, data/raw/source.json and reports/training/.
Writes reports/metrics.json and reports/evaluation/ (scoreboard.md, scoreboard.csv, per_class.csv, confusions.csv,
pictures and index.html).
"""

from pathlib import Path

from complaints.core import config, stage
from complaints.core.files import replacing_folder, write_json
from complaints.evaluation import page
from complaints.evaluation.params import EvaluateParams
from complaints.evaluation.scoreboard import read_all_logits, read_truth, score
from complaints.evaluation.tables import metrics_json
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_stage


def main() -> None:
    """Run the stage."""
    p = config.load("evaluate", EvaluateParams)
    models = config.model_names()
    truth = read_truth(Path("data/splits"), Path("data/interim"), Path("data/raw/source.json"))
    logits = read_all_logits(Path("predictions"), models, truth)
    histories = {model: page.read_history(Path("reports/training") / model) for model in models}

    rows = score(truth, logits, p.adjustment_grid)
    with replacing_folder("reports/evaluation") as folder:
        page.write_report(folder, truth, rows, histories, p.worst_pairs)
    write_json("reports/metrics.json", metrics_json(rows))
    log_stage(config.load("tracking", TrackingParams))


if __name__ == "__main__":
    stage.run(main)
