"""Writing of a package: an MLflow model from code, with equal bytes for equal models, compared before it is kept."""

import contextlib
import hashlib
import io
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import file_digest, replacing_folder, writing
from complaints.core.parquet import read_parquet
from complaints.packaging import model_code
from complaints.packaging.contents import requirements, write_contents
from complaints.predicting.choice import ModelChoice
from complaints.predicting.predictors import Decider
from complaints.tracking.mlflow_client import DEFAULTS

MLMODEL = "MLmodel"
TOLERANCE = 1e-5
"""Greatest difference of a probability between a package and the project: batches decide the last bits."""
COMPARED_ROWS = 256
TEXTS = ["They charged me twice.", "XXXX", "ﬀ Ünïcode \U0001f58b עברית", "a" * 5000, "late fee " * 2000]
"""Texts on which a package is compared, beside held-out ones."""


def _signature(least: float | None) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array

    text, number, flag = DataType.string, DataType.double, DataType.boolean
    outputs: list[Any] = [ColSpec(text, "label"), ColSpec(number, "probability"), ColSpec(Array(text), "top_labels")]
    outputs += [ColSpec(Array(number), "top_probabilities"), ColSpec(Array(number), "probabilities")]
    outputs += [ColSpec(flag, "abstain"), ColSpec(text, "model_digest"), ColSpec(text, "data_digest")]
    params = [ParamSpec("top", DataType.long, 5), ParamSpec("abstain_below", number, least or 0.0)]
    return ModelSignature(Schema([ColSpec(text, "text")]), Schema(outputs), ParamSchema(params))


def _without_chance(folder: Path) -> None:
    """Take out of MLmodel what differs between two packages of one model: the time, a random id, paths.

    The id becomes the beginning of the sha256 of all other files. MLflow fills in a missing time when it reads one.
    """
    file = folder / MLMODEL
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    tree.pop("utc_time_created", None)
    flavour = tree["flavors"]["python_function"]
    artifact = flavour["artifacts"][model_code.MODEL]
    artifact["uri"] = artifact["path"]
    flavour["model_code_path"] = Path(flavour["model_code_path"]).name
    others = sorted(path for path in folder.rglob("*") if path.is_file() and path != file)
    listing = "".join(f"{path.relative_to(folder).as_posix()} {file_digest(path)}\n" for path in others)
    tree["model_uuid"] = hashlib.sha256(listing.encode()).hexdigest()[:32]
    file.write_text(yaml.safe_dump(tree, sort_keys=True, allow_unicode=True), encoding="utf-8")


def _texts() -> list[str]:
    """Return texts to compare on: some of the test split, where it is there, and hard ones."""
    file = paths.SPLITS / "test.parquet"
    held_out = read_parquet(file, ["text"])["text"].to_pylist()[:COMPARED_ROWS] if file.is_file() else []
    return [*held_out, *TEXTS]


def check_answers(folder: Path, decider: Decider, texts: list[str]) -> float:
    """Compare the answers of a package with those of the project, and return the greatest difference of a probability.

    Raises:
        UserError: if a label differs, or a probability by more than TOLERANCE.
    """
    import mlflow

    with contextlib.redirect_stderr(io.StringIO()):  # bars of progress
        found = mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame({"text": texts}))
    decisions = decider.decide(texts)
    difference = float(np.abs(np.stack(found["probabilities"]) - np.exp(decisions.log_probabilities)).max())
    labels = [decider.labels[label] for label in decisions.predicted]
    if difference > TOLERANCE or found["label"].tolist() != labels:
        raise UserError(
            f"the package answers otherwise than the project (probabilities differ by {difference:.2g}); nothing is "
            "written: install the versions of requirements.txt, and make the model again with `dvc repro`"
        )
    return difference


def save(name: str, choice: ModelChoice, decider: Decider, least: float | None, target: Path) -> tuple[float, bool]:
    """Write a package, completely or not at all.

    Returns:
        The greatest difference of a probability from the project's, and whether the lineage is in the package.

    Raises:
        UserError: if a model cannot be packaged, the package answers otherwise, or the folder cannot be written.
    """
    for variable, value in DEFAULTS.items():
        os.environ.setdefault(variable, value)
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch, writing(str(target)), replacing_folder(target) as folder:
        contents = Path(scratch) / model_code.MODEL
        contents.mkdir()
        has_lineage = write_contents(name, choice, least, decider.labels, contents)
        with contextlib.redirect_stderr(io.StringIO()):
            mlflow.pyfunc.save_model(
                folder,
                python_model=model_code.__file__,
                artifacts={model_code.MODEL: str(contents)},
                signature=_signature(least),
                pip_requirements=requirements(choice),
            )
        _without_chance(folder)
        difference = check_answers(folder, decider, _texts())
        for cached in folder.rglob("__pycache__"):
            for file in cached.iterdir():
                file.unlink()
            cached.rmdir()
    return difference, has_lineage
