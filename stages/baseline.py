"""Score the held-out complaints with two baselines: the majority class, and TF-IDF with logistic regression.

Reads data/splits/{train,validation,test}.parquet and data/interim/labels.json.
Writes models/tfidf/ (the fitted pipelines), predictions/{tfidf,majority}.parquet, predictions/out_of_fold/tfidf.parquet
(logits of the training rows) and predictions/learning_curve/tfidf.parquet (labels of the held-out rows, predicted
after training on fractions of the rows).
"""

import numpy as np
import pyarrow as pa

from complaints.baseline.params import BaselineParams
from complaints.baseline.refits import Rows, fit_all
from complaints.baseline.store import save
from complaints.baseline.tfidf import Corpus, majority_logits
from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.costs import training_time
from complaints.scoring.learning_curve import write_learning_curve
from complaints.scoring.predictions import write_out_of_fold, write_predictions
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import log_stage


def main() -> None:
    """Run the stage: fit on train, score validation and test, and train again without each fold and on fractions."""
    params = config.load("baseline", BaselineParams)
    columns = ["row_id", "text", "label_id", "group"]
    tables = {name: read_parquet(paths.SPLITS / f"{name}.parquet", columns=columns) for name in SPLITS}
    texts = pa.concat_tables(tables.values())["text"].to_pylist()
    ends = np.cumsum([len(table) for table in tables.values()])
    indices = dict(zip(SPLITS, np.split(np.arange(len(texts)), ends[:-1]), strict=True))
    rows = Rows(
        corpus=Corpus.read(texts, params),
        label_ids=tables["train"]["label_id"].to_numpy(),
        clusters=tables["train"]["group"].to_pylist(),
        held_out={name: indices[name] for name in HELD_OUT},
        classes=len(read_json(paths.LABELS)),
    )
    fits = fit_all(rows)
    with replacing_folder(paths.TFIDF) as folder:
        save(fits.model, folder)
    row_ids = {name: table["row_id"].to_pylist() for name, table in tables.items()}
    majority = {name: majority_logits(rows.label_ids, rows.classes, len(row_ids[name])) for name in HELD_OUT}
    write_predictions(paths.PREDICTIONS / "tfidf.parquet", row_ids, fits.logits, paths.TFIDF)
    write_predictions(paths.PREDICTIONS / "majority.parquet", row_ids, majority)
    write_out_of_fold(paths.OUT_OF_FOLD / "tfidf.parquet", row_ids["train"] if params.folds else [], fits.out_of_fold)
    write_learning_curve(paths.LEARNING_CURVES / "tfidf.parquet", row_ids, fits.curve)
    training_time.save(paths.TFIDF.name, fits.seconds, 0.0, len(rows.label_ids))
    log_stage(config.load("tracking", TrackingParams))


if __name__ == "__main__":
    stage.run(main)
