"""A fitted TF-IDF pipeline on disk, without pickles and with the same bytes for the same model."""

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
from complaints.core.errors import UserError
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
"""All that a stored model is made of; a file that names any other type is refused unread."""


def save(model: TfidfModel, folder: Path) -> None:
    """Write tfidf.skops (the pipeline, loadable with skops alone) and tfidf.json (settings, versions, its sha256).

    Equal models give equal bytes.
    """
    # Memory addresses that scikit-learn keeps to check the stop words once only.
    vars(model.pipeline["tfidf"]).pop("_stop_words_id", None)
    # As NumPy integers, which scikit-learn leaves there, every term would get a file of its own in the archive.
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
    """Read what `save` wrote.

    Raises:
        UserError: if a file is missing or changed, or the model names a type outside `TRUSTED_TYPES`.
    """
    path = folder / MODEL_FILE
    settings = read_json(folder / SETTINGS_FILE)
    if not path.is_file():
        raise UserError(f"{path} is missing; run `dvc repro` to make it")
    if file_digest(path) != settings["sha256"]:
        raise UserError(f"{path} is not the file that {folder / SETTINGS_FILE} describes; run `dvc repro` to make it")
    try:
        with zipfile.ZipFile(path) as archive:
            schema = json.loads(archive.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a skops file ({error}); run `dvc repro` to make it") from None
    if untrusted := {_type_name(node) for node in schema_nodes(schema)} - TRUSTED_TYPES:
        raise UserError(f"{path} names types that no baseline is made of ({', '.join(sorted(untrusted))}); delete it")
    return TfidfModel(skops.io.load(path, trusted=[]), settings["classes"], BaselineParams(**settings["params"]))


def _canonical(archive: bytes) -> bytes:
    """Return a skops archive without what differs between two runs: dates, and memory addresses as ids and names.

    skops uses the ids to restore objects that occur twice as one object, which no part of the pipeline needs.
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
    """Yield every node of a skops schema that names a type, parents first."""
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
