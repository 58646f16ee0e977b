"""Score the held-out complaints with two baselines: the majority class, and TF-IDF with logistic regression.

Reads data/splits/{train,validation,test}.parquet and data/interim/labels.json.
Writes models/tfidf/ (the fitted pipeline), predictions/tfidf.parquet and predictions/majority.parquet.
"""

import time

from complaints.baseline.params import BaselineParams
from complaints.baseline.store import save
from complaints.baseline.tfidf import fit_tfidf, majority_logits, tfidf_logits
from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT
from complaints.costs import training_time
from complaints.scoring.predictions import write_predictions
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_stage


def main() -> None:
    """Run the stage: fit on train, score validation and test."""
    train = read_parquet(paths.SPLITS / "train.parquet", columns=["text", "label_id"])
    held_out = {name: read_parquet(paths.SPLITS / f"{name}.parquet", columns=["row_id", "text"]) for name in HELD_OUT}
    classes = len(read_json(paths.LABELS))
    label_ids = train["label_id"].to_numpy()

    start = time.perf_counter()
    model = fit_tfidf(train["text"].to_pylist(), label_ids, classes, config.load("baseline", BaselineParams))
    seconds = time.perf_counter() - start
    tfidf = {name: tfidf_logits(model, table["text"].to_pylist()) for name, table in held_out.items()}
    majority = {name: majority_logits(label_ids, classes, len(table)) for name, table in held_out.items()}

    row_ids = {name: table["row_id"].to_pylist() for name, table in held_out.items()}
    with replacing_folder(paths.TFIDF) as folder:
        save(model, folder)
    write_predictions(paths.PREDICTIONS / "tfidf.parquet", row_ids, tfidf, paths.TFIDF)
    write_predictions(paths.PREDICTIONS / "majority.parquet", row_ids, majority)
    training_time.save(paths.TFIDF.name, seconds, 0.0, len(train))
    log_stage(config.load("tracking", TrackingParams))


if __name__ == "__main__":
    stage.run(main)
