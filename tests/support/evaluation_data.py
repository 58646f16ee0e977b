"""Inputs of the stage evaluate on a small task: splits, predictions and the learning curve of one model."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from complaints.core import paths
from complaints.core.csv_files import write_csv
from complaints.core.files import write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import HELD_OUT, SPLIT_SCHEMA, SPLITS
from complaints.evaluation import scoreboard
from complaints.evaluation import truth as truth_files
from complaints.evaluation.compression import COMPRESSION_FILE, HEADER
from complaints.evaluation.histories import read_history
from complaints.evaluation.learning_curve import write_curve_table
from complaints.evaluation.page import write_report
from complaints.evaluation.params import EvaluateParams
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.truth import Truth
from complaints.labels.products import hierarchy
from complaints.scoring.learning_curve import CurvePoint
from complaints.scoring.predictions import write_predictions
from support.rules import write_rules

# One label is long, matplotlib could parse one as a broken formula, and one needs escaping in CSV and HTML.
LABELS = ["A fee of $5} or $10", 'Late, "very" <late>', "Other " + "problem " * 15, "Rare", "Zebra"]
COUNTS = {"train": [60, 30, 20, 6, 4], "validation": [20, 10, 6, 3, 0], "test": [30, 14, 9, 4, 2]}
RESAMPLES = 100
PARAMS = EvaluateParams(resamples=RESAMPLES, worst_pairs=25)
HISTORY = paths.HISTORIES / "net"
STEPS = "step,epoch,loss,learning_rate\n1,1,1.6,0.1\n2,1,1.2,0.05\n"
EPOCHS = "epoch,step,validation_loss,validation_accuracy,validation_macro_f1\n0,0,1.5,0.3,0.1\n1,2,1.1,0.5,0.2\n"


def write_inputs() -> None:
    """Write the inputs into the working directory: predictions of majority, tfidf and a better `net`, and rules."""
    generator = np.random.default_rng(0)
    write_json(paths.LABELS, LABELS)
    write_json(paths.HIERARCHY, hierarchy(LABELS, [{}] * 5, {}))
    write_json(paths.MANIFEST, {"source": "file", "synthetic": False})
    true = {split: generator.permutation(np.repeat(np.arange(5), COUNTS[split])) for split in SPLITS}
    ids = {split: [f"{split}-{i}" for i in range(len(true[split]))] for split in SPLITS}
    for split in SPLITS:
        blank = pa.nulls(len(ids[split]))
        in_train = pa.array([False] * len(ids[split]))
        columns = [ids[split], ids[split], pa.array(true[split], pa.int32()), ids[split], in_train, blank, blank]
        write_parquet(paths.SPLITS / f"{split}.parquet", SPLIT_SCHEMA, [pa.table(columns, names=SPLIT_SCHEMA.names)])
    prior = np.log(np.bincount(true["train"]) / len(true["train"]))
    for name, strength in (("majority", None), ("tfidf", 1.0), ("net", 2.0)):
        logits = {}
        for split in HELD_OUT:
            noise = np.zeros((len(ids[split]), 5))
            if strength is not None:
                noise = 0.5 * generator.normal(size=noise.shape) + strength * np.eye(5)[true[split]]
            logits[split] = (prior + noise).astype(np.float32)
        write_predictions(paths.PREDICTIONS / f"{name}.parquet", ids, logits)
    HISTORY.mkdir(parents=True)
    (HISTORY / "steps.csv").write_text(STEPS)
    (HISTORY / "epochs.csv").write_text(EPOCHS)
    write_rules(["net"])


def read_truth() -> Truth:
    """Return the truth in the working directory."""
    return truth_files.read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)


def score(truth: Truth) -> list[ScoreboardRow]:
    """Return the scoreboard of the predictions in the working directory."""
    rules = scoreboard.read_rules(paths.RULES, ["tfidf", "net"], paths.PREDICTIONS)
    logits = scoreboard.read_all_logits(paths.PREDICTIONS, ["tfidf", "net"], truth)
    return scoreboard.score(truth, logits, rules, RESAMPLES)


def report(folder: Path, truth: Truth) -> list[ScoreboardRow]:
    """Write the report into a new folder and return the rows of its scoreboard."""
    folder.mkdir()
    rows = score(truth)
    write_report(folder, truth, rows, {"net": read_history(HISTORY)}, PARAMS)
    return rows


def write_further_tables(folder: Path, truth: Truth, text: str) -> None:
    """Write the tables that the stage evaluate makes of learning curve and errors, with a complaint's text."""
    predicted = [
        {split: np.where(np.arange(len(ids)) < share * len(ids), ids, 0) for split, ids in truth.label_ids.items()}
        for share in (0.3, 0.5, 0.6)
    ]
    points = [CurvePoint(rows / 120, rows, labels) for rows, labels in zip((12, 60, 120), predicted, strict=True)]
    write_curve_table(folder / "learning_curve.csv", truth, points, 50)
    write_csv(folder / COMPRESSION_FILE, HEADER, [])
    errors = ["model", "split", "rank", "row_id", "true", "predicted", "confidence", "p_true", "in_train", "text"]
    best = ["net", "net-adjusted", "ensemble-adjusted", "tfidf", "tfidf-adjusted"]
    write_csv(
        folder / "errors.csv", errors, ([m, "test", 1, "t-1", "Rare", "Zebra", 0.9, 0.1, False, text] for m in best)
    )
    header = ["split", "row_id", "given", "suggested", "p_given", "p_suggested", "text"]
    write_csv(folder / "label_errors.csv", header, [["train", "t-2", "Rare", "Zebra", 0.1, 0.8, text]])
