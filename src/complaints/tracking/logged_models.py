"""Logged models of MLflow 3: one per checkpoint, found by its md5, with its scores linked to the data behind them.

A logged model is a projection of runs that are in the store, so it can be made at any later time: its parameters and
tags are those of the run that trained it, its metrics those of that run and of the rows of scoreboards that have its
md5. It names the checkpoint's path and md5; DVC keeps the files, unless the user asks for a copy in the store.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from complaints.core.dvc_lock import Entry
from complaints.deciding.row_names import is_adjusted, model_of
from complaints.lineage.digest_tags import MODEL_MD5
from complaints.tracking.mlflow_client import METRICS_A_CALL, PARENT_TAG, Experiment
from complaints.tracking.projection import MODELS, SPLITS

PATH_TAG = "model_path"
WEIGHTS_TAG = "weights"
COPIED, IN_DVC = "copied", "dvc"
"""Values of WEIGHTS_TAG: where the files of the checkpoint are."""
OF_THE_RUN = ("changed", "lock_md5", "outs_md5")
"""Tags of a training's run that are not about its model."""
CONTENT = "models, digests"
"""What `complaints track` makes of a stage, apart from its run; stages with less are looked at again."""


def find_model(experiment: Experiment, path: str, md5: str) -> Any:
    """Return the logged model of a checkpoint, or None."""
    condition = f"tags.{MODEL_MD5} = '{md5}' AND tags.{PATH_TAG} = '{path}'"
    found = experiment.client.search_logged_models([experiment.experiment_id], filter_string=condition)
    return found[0] if found else None


def ensure_model(experiment: Experiment, run: Any, checkpoint: Entry, files: Path | None) -> None:
    """Make the logged model of a training, or complete one whose making was cut off.

    Args:
        experiment: Where the run is.
        run: The finished run of the training.
        checkpoint: The output of the training in models/.
        files: The checkpoint, for a copy of its files in the store; None for none.
    """
    from mlflow.entities import LoggedModelOutput

    client = experiment.client
    model = find_model(experiment, checkpoint.path, checkpoint.md5)
    if model is None:
        kept = {tag: value for tag, value in run.data.tags.items() if tag not in OF_THE_RUN and "mlflow." not in tag}
        model = client.create_logged_model(
            experiment.experiment_id,
            name=Path(checkpoint.path).name,
            source_run_id=run.info.run_id,
            tags=kept | {MODEL_MD5: checkpoint.md5, PATH_TAG: checkpoint.path, WEIGHTS_TAG: IN_DVC},
            params=run.data.params,
            model_type="checkpoint",
        )
    if model.model_id not in {made.model_id for made in run.outputs.model_outputs}:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, 0)])
    if model.status != "READY":
        _link_metrics(experiment, run, [key for key in run.data.metrics if key.startswith("best_")], model.model_id)
        client.finalize_logged_model(model.model_id, "READY")
    if files is not None and model.tags.get(WEIGHTS_TAG) != COPIED:
        client.log_model_artifacts(model.model_id, str(files))
        client.set_logged_model_tags(model.model_id, {WEIGHTS_TAG: COPIED})


def link_scores(experiment: Experiment, evaluation: Any) -> None:
    """Link each row of a scoreboard with the logged model that it scores.

    The model is an input of the row. Its metrics are those of its own row: that of its decision rule has others under
    the same names.
    """
    from mlflow.entities import LoggedModelInput

    for row in experiment.runs(f"tags.{PARENT_TAG} = '{evaluation.info.run_id}'"):
        name, md5 = row.data.tags.get("scoreboard_row"), row.data.tags.get(MODEL_MD5)
        if name is None or md5 is None:
            continue
        model = find_model(experiment, f"{MODELS}/{model_of(name)}", md5)
        run = experiment.client.get_run(row.info.run_id)  # a search does not return the models of a run's inputs
        if model is None or model.model_id in {known.model_id for known in run.inputs.model_inputs}:
            continue
        if not is_adjusted(name):
            _link_metrics(experiment, run, run.data.metrics, model.model_id)
        experiment.client.log_inputs(run.info.run_id, models=[LoggedModelInput(model.model_id)])


def _link_metrics(experiment: Experiment, run: Any, keys: Iterable[str], model_id: str) -> None:
    """Log points of a run again, now with a model and the data of their split; the run does not get them twice."""
    from mlflow.entities import Metric

    points = []
    for key in keys:
        data = _dataset_of(key, run)
        for point in experiment.client.get_metric_history(run.info.run_id, key):
            of_data = {"dataset_name": data.name, "dataset_digest": data.digest} if data else {}
            points.append(Metric(key, point.value, point.timestamp, point.step, model_id=model_id, **of_data))
    for start in range(0, len(points), METRICS_A_CALL):
        experiment.client.log_batch(run.info.run_id, metrics=points[start : start + METRICS_A_CALL])


def _dataset_of(key: str, run: Any) -> Any:
    """Return the data that a metric was measured on, `test/macro_f1` on the test split; None if the run has none."""
    datasets = {used.dataset.name: used.dataset for used in run.inputs.dataset_inputs}
    subset = re.sub(r"^best_", "", key).partition("/")[0].partition("_")[0]
    return datasets.get(f"{SPLITS}/{subset}.parquet", datasets.get(SPLITS))
