"""Rungs: the models behind the rows of the scoreboard, and where their predictions and folders are.

A rung is TF-IDF, kNN, an entry of `models:`, or an entry in a compressed format. Names alone say where its files are.
"""

from pathlib import Path
from typing import Any

from complaints.core import config, paths

KNN = "knn"
"""Name of the nearest-neighbour model; no entry of `models:` may have it."""
FORMATS = ("onnx", "int8", "int4")
"""Formats that the stage compress writes. No entry's name may end in one of them after a hyphen."""
COMPRESSED = "compressed"
"""Folder of compressed models, and of their predictions, with one folder per entry in it."""


def compressed_name(entry: str, file_format: str) -> str:
    """Return the name of the rung that is an entry in a compressed format."""
    return f"{entry}-{file_format}"


def parent_of(name: str) -> tuple[str, str] | None:
    """Return the entry and the format of a compressed rung; None for another."""
    entry, _, file_format = name.rpartition("-")
    return (entry, file_format) if entry and file_format in FORMATS else None


def entry_of(name: str) -> str:
    """Return the entry behind a rung: that of a compressed one, or the name itself."""
    parent = parent_of(name)
    return parent[0] if parent else name


def predictions_file(folder: Path, name: str) -> Path:
    """Return the file with the predictions of a rung in the folder of predictions."""
    if parent := parent_of(name):
        return folder / COMPRESSED / parent[0] / f"{parent[1]}.parquet"
    return folder / f"{name}.parquet"


def model_folder(folder: Path, name: str) -> Path:
    """Return the folder of a rung in the folder of models."""
    if parent := parent_of(name):
        return folder / COMPRESSED / parent[0] / parent[1]
    return folder / name


def rung_names() -> list[str]:
    """Return the rungs of params.yaml: TF-IDF, kNN if it is on, and each entry followed by its compressed formats.

    Raises:
        UserError: if params.yaml cannot be read.
    """
    names = [paths.TFIDF.name]
    if _part_of(config.read_yaml(config.PARAMS_FILE), KNN).get("features"):
        names.append(KNN)
    for entry, keys in config.models().items():
        formats = _part_of(keys, "compress").get("formats") or []
        names += [str(entry), *(compressed_name(str(entry), name) for name in FORMATS if name in formats)]
    return names


def _part_of(tree: Any, key: str) -> dict[str, Any]:
    """Return a mapping of a mapping, {} where there is none; `complaints check` names what is wrong there."""
    part = tree.get(key) if isinstance(tree, dict) else None
    return part if isinstance(part, dict) else {}
