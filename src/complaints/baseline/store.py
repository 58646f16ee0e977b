"""Storage of a fitted TF-IDF pipeline, without pickles and with equal bytes for equal models."""

import importlib.metadata
import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import skops.io

from complaints.baseline.params import BaselineParams
from complaints.baseline.tfidf import TfidfModel
from complaints.core.config import check
from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json, write_json

MODEL_FILE = "tfidf.skops"
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


def save(model: TfidfModel, folder: Path) -> None:
    """Write tfidf.skops (the pipeline, loadable with skops alone) and tfidf.json (settings, versions, its SHA-256)."""
    # A memory address by which scikit-learn remembers that it has checked the stop words.
    vars(model.pipeline["tfidf"]).pop("_stop_words_id", None)
    # scikit-learn leaves NumPy integers, each of which skops would store as a separate file of the archive.
    vocabulary = model.pipeline["tfidf"].vocabulary_
    model.pipeline["tfidf"].vocabulary_ = {term: int(column) for term, column in vocabulary.items()}
    (folder / MODEL_FILE).write_bytes(_canonical(skops.io.dumps(model.pipeline)))
    settings = {
        "classes": model.classes,
        "params": model.params.model_dump(mode="json"),
        "sha256": file_digest(folder / MODEL_FILE),
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "scikit-learn", "skops")},
    }
    write_json(folder / SETTINGS_FILE, settings)


def load(folder: Path) -> TfidfModel:
    """Return the model written by `save`.

    Raises:
        UserError: if a file is missing or changed, or the model has a type outside `TRUSTED_TYPES`.
    """
    path = folder / MODEL_FILE
    settings = read_json(folder / SETTINGS_FILE)
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro` to make it")
    if not isinstance(settings, dict) or not {"classes", "params", "sha256"} <= settings.keys():
        raise UserError(f"{folder / SETTINGS_FILE} lacks classes, params or sha256; run `dvc repro` to rebuild it")
    if file_digest(path) != settings["sha256"]:
        raise broken_output(path, f"differs from the SHA-256 in {folder / SETTINGS_FILE}")
    try:
        with zipfile.ZipFile(path) as archive:
            schema = json.loads(archive.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError) as error:
        raise broken_output(path, f"is not a skops file ({error})") from None
    if untrusted := {_type_name(node) for node in schema_nodes(schema)} - TRUSTED_TYPES:
        raise UserError(f"{path} has types that no baseline has ({', '.join(sorted(untrusted))}); delete it")
    params = check(BaselineParams, settings["params"], folder / SETTINGS_FILE, prefix=("params",))
    return TfidfModel(skops.io.load(path, trusted=[]), settings["classes"], params)


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
