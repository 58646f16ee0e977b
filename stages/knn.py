"""Fit the nearest-neighbour model: texts are labelled by the training texts whose features are the most similar.

Reads data/features/, data/splits/{train,validation,test}.parquet and data/interim/labels.json.
Writes models/knn/ (features, row ids and labels of the training rows, and knn.json), predictions/knn.parquet and
predictions/knn/out_of_fold.parquet (logits of the training rows). With `knn.features: null` they are empty.
"""

import time

from complaints.core import config, paths, stage
from complaints.core.files import read_json, replacing_folder, write_json
from complaints.core.schema import HELD_OUT, SPLITS
from complaints.costs import training_time
from complaints.neighbours import store
from complaints.neighbours.fit import fit
from complaints.neighbours.inputs import read_inputs
from complaints.neighbours.params import KnnParams
from complaints.scoring.predictions import write_out_of_fold, write_predictions
from complaints.scoring.rungs import KNN, model_folder, out_of_fold_file, predictions_file

MODEL = model_folder(paths.MODELS, KNN)
PREDICTIONS = predictions_file(paths.PREDICTIONS, KNN)
OUT_OF_FOLD = out_of_fold_file(paths.OUT_OF_FOLD, KNN)


def main() -> None:
    """Run the stage."""
    params = config.load("knn", KnnParams)
    classes = len(read_json(paths.LABELS))
    if params.features is None:
        write_nothing(classes)
    else:
        fit_model(params, params.features, classes)


def write_nothing(classes: int) -> None:
    """Write the outputs of a model that is off: no features and no rows."""
    with replacing_folder(MODEL) as folder:
        write_json(folder / store.SETTINGS_FILE, store.OFF)
    nothing = store.no_logits(classes)
    write_predictions(PREDICTIONS, {split: [] for split in HELD_OUT}, dict.fromkeys(HELD_OUT, nothing), MODEL)
    write_out_of_fold(OUT_OF_FOLD, [], nothing)


def fit_model(params: KnnParams, entry: str, classes: int) -> None:
    """Choose the vote on train, and score validation and test with all of train."""
    inputs = read_inputs(paths.SPLITS, paths.FEATURES / entry, paths.LABELS, SPLITS)
    rows = inputs.training_rows(classes)
    start = time.perf_counter()
    fitted = fit(rows, params)
    seconds = time.perf_counter() - start
    model = store.NeighbourModel(rows.features, inputs.row_ids("train"), rows.label_ids, classes, fitted.vote)
    logits = {split: model.logits(inputs.features[split]) for split in HELD_OUT}
    origin = {"encoder": inputs.encoder, "entry": entry, "params": params.model_dump(mode="json"), **inputs.identity}
    with replacing_folder(MODEL) as folder:
        store.save(model, fitted, folder, origin)
    write_predictions(PREDICTIONS, {split: inputs.row_ids(split) for split in HELD_OUT}, logits, MODEL)
    write_out_of_fold(OUT_OF_FOLD, inputs.row_ids("train"), fitted.out_of_fold)
    training_time.save(KNN, seconds, 0.0, len(rows.label_ids))


if __name__ == "__main__":
    stage.run(main)
