"""Storage of a fitted TF-IDF model, without pickles and with equal bytes for equal models."""

import importlib.metadata
import json
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import skops.io
from sklearn.pipeline import Pipeline

from complaints.baseline.params import BaselineParams
from complaints.baseline.tfidf import TfidfModel, weights
from complaints.core.config import check
from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json, write_json

SETTINGS_FILE = "tfidf.json"

TRUSTED_TYPES = {
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.str",
    "builtins.tuple",
    "numpy.float32",
    "numpy.ndarray",
    "sklearn.feature_extraction.text.TfidfTransformer",
    "sklearn.feature_extraction.text.TfidfVectorizer",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.pipeline.Pipeline",
}
"""Types in a stored model. A file with any other type is refused before anything is built from it."""


def model_file(analyser: str) -> str:
    """Return the name of the file of an analyser's pipeline."""
    return f"{analyser}.skops"


def save(model: TfidfModel, folder: Path, data: Mapping[str, Any] | None = None) -> None:
    """Write a file for each pipeline (loadable with skops alone) and tfidf.json (settings, versions, their SHA-256).

    Args:
        model: The fitted model.
        folder: An empty folder.
        data: Identity of the data that it was fitted to, as JSON values, for tfidf.json.
    """
    for analyser, pipeline in model.pipelines.items():
        # A memory address by which scikit-learn remembers that it has checked the stop words.
        vars(pipeline["tfidf"]).pop("_stop_words_id", None)
        (folder / model_file(analyser)).write_bytes(_canonical(skops.io.dumps(pipeline)))
    settings = {
        "classes": model.classes,
        "params": model.params.model_dump(mode="json"),
        "sha256": {analyser: file_digest(folder / model_file(analyser)) for analyser in model.pipelines},
        **(data or {}),
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "scikit-learn", "skops")},
    }
    write_json(folder / SETTINGS_FILE, settings)


def load(folder: Path) -> TfidfModel:
    """Return the model written by `save`.

    Raises:
        UserError: if a file is missing or changed, or a pipeline has a type outside `TRUSTED_TYPES`.
    """
    file = folder / SETTINGS_FILE
    settings = read_json(file)
    if not isinstance(settings, dict) or not {"classes", "params", "sha256"} <= settings.keys():
        raise UserError(f"{file} lacks classes, params or sha256; run `dvc repro` to rebuild it")
    params = check(BaselineParams, settings["params"], file, prefix=("params",))
    digests = settings["sha256"]
    if not isinstance(digests, dict) or digests.keys() != weights(params).keys():
        raise UserError(f"{file} names other pipelines than its params have; run `dvc repro` to rebuild it")
    pipelines = {analyser: _load(folder / model_file(analyser), digests[analyser]) for analyser in weights(params)}
    return TfidfModel(pipelines, settings["classes"], params)


def _load(path: Path, digest: str) -> Pipeline:
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro` to make it")
    if file_digest(path) != digest:
        raise broken_output(path, f"differs from the SHA-256 in {path.with_name(SETTINGS_FILE)}")
    try:
        with zipfile.ZipFile(path) as archive:
            schema = json.loads(archive.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as error:
        raise broken_output(path, f"is not a skops file ({error})") from None
    if untrusted := {_type_name(node) for node in schema_nodes(schema)} - TRUSTED_TYPES:
        raise UserError(f"{path} has types that no baseline has ({', '.join(sorted(untrusted))}); delete it")
    return skops.io.load(path, trusted=[])


def _canonical(archive: bytes) -> bytes:
    """Return a skops archive without content that differs between runs: dates, and memory addresses as ids and names.

    skops uses the ids to restore an object that occurs twice as one object, which the pipeline does not need.
    """
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w") as target:

        def write(name: str, content: bytes) -> None:
            target.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)

        schema = json.loads(source.read("schema.json"))
        for number, node in enumerate(schema_nodes(schema)):
            node.pop("__id__", None)
            if "file" in node:
                content = source.read(node["file"])
                node["file"] = f"{number}.npy"
                write(node["file"], content)
        write("schema.json", json.dumps(schema, separators=(",", ":")).encode())
    return buffer.getvalue()


def schema_nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a skops schema that has a type, parents first."""
    if isinstance(schema, dict):
        if "__class__" in schema:
            yield schema
        children: Any = schema.values()
    else:
        children = schema if isinstance(schema, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            yield from schema_nodes(child)


def _type_name(node: dict[str, Any]) -> str:
    return f"{node['__module__']}.{node['__class__']}"
