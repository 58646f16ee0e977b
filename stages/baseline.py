"""Score the held-out complaints with two baselines: the majority class, and TF-IDF with logistic regression.

Reads data/splits/{train,validation,test}.parquet, data/unlabeled/texts.parquet and data/interim/labels.json.
Writes models/tfidf/ (the fitted pipelines), predictions/{tfidf,majority}.parquet, predictions/out_of_fold/tfidf.parquet
(logits of the training rows), predictions/unlabeled/tfidf.parquet (those of texts without labels, by models of the same
folds) and predictions/learning_curve/tfidf.parquet (labels of the held-out rows, predicted after training on fractions
of the rows).
"""

from complaints.baseline.params import BaselineParams
from complaints.baseline.refits import fit_all, read_rows
from complaints.baseline.store import save
from complaints.baseline.tfidf import majority_logits
from complaints.core import config, paths, stage
from complaints.core.files import file_digest, read_json, replacing_folder
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.costs import training_time
from complaints.scoring.learning_curve import write_learning_curve
from complaints.scoring.predictions import UNLABELED, write_out_of_fold, write_predictions, write_unlabeled
from complaints.subsets.row_ids import describe_rows
from complaints.tracking.params import TrackingParams
from complaints.tracking.stages import tracked


def main() -> None:
    """Run the stage."""
    with tracked(config.load("tracking", TrackingParams)):
        score_baselines()


def score_baselines() -> None:
    """Fit on train, score validation and test, and train again without each fold and on fractions."""
    params = config.load("baseline", BaselineParams)
    rows, row_ids = read_rows(paths.SPLITS, paths.UNLABELED_TEXTS, len(read_json(paths.LABELS)), params)
    fits = fit_all(rows)
    data = {
        "labels_sha256": file_digest(paths.LABELS),
        "rows": describe_rows({split: row_ids[split] for split in SPLITS}),
        "splits_sha256": {split: file_digest(paths.SPLITS / f"{split}.parquet") for split in SPLITS},
    }
    with replacing_folder(paths.TFIDF) as folder:
        save(fits.model, folder, data)
    majority = {name: majority_logits(rows.label_ids, rows.classes, len(row_ids[name])) for name in HELD_OUT}
    write_predictions(paths.PREDICTIONS / "tfidf.parquet", row_ids, fits.logits, paths.TFIDF)
    write_predictions(paths.PREDICTIONS / "majority.parquet", row_ids, majority)
    train = row_ids["train"] if params.folds else []
    write_out_of_fold(paths.OUT_OF_FOLD / "tfidf.parquet", train, fits.out_of_fold, params.folds)
    write_unlabeled(paths.UNLABELED_LOGITS / "tfidf.parquet", row_ids[UNLABELED], fits.unlabeled)
    write_learning_curve(paths.LEARNING_CURVES / "tfidf.parquet", row_ids, fits.curve)
    training_time.save(paths.TFIDF.name, fits.seconds, 0.0, len(rows.label_ids))


if __name__ == "__main__":
    stage.run(main)
