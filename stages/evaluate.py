"""Score every model on the held-out splits.

Reads predictions/, data/splits/, data/interim/{labels,hierarchy}.json, data/raw/source.json and reports/training/.
Writes reports/metrics.json and reports/evaluation/ (scoreboard.md, scoreboard.csv, per_class.csv, confusions.csv,
pictures and index.html).
"""

from pathlib import Path

from complaints import evaluation, params, scoreboard, stage, tracking
from complaints.files import replacing_folder, write_json


def main() -> None:
    """Run the stage."""
    p = params.load("evaluate")
    models = list(params.load("models"))
    truth = evaluation.read_truth(Path("data/splits"), Path("data/interim"), Path("data/raw/source.json"))
    logits = evaluation.read_all_logits(Path("predictions"), models, truth)
    histories = {model: scoreboard.read_history(Path("reports/training") / model) for model in models}

    rows = evaluation.score(truth, logits, p.adjustment_grid)
    with replacing_folder("reports/evaluation") as folder:
        scoreboard.write_report(folder, truth, rows, histories, p.worst_pairs)
    write_json("reports/metrics.json", evaluation.metrics_json(rows))
    tracking.log_stage(params.load("tracking"))


if __name__ == "__main__":
    stage.run(main)
