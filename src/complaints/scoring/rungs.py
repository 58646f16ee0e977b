"""Rungs: the models behind the rows of the scoreboard, and where their predictions and folders are.

A rung is TF-IDF, kNN, an entry of `models:`, or an entry in a compressed format. Names alone say where its files are.
"""

import shutil
from pathlib import Path
from typing import Any, Literal, get_args

from complaints.core import config, paths

KNN = "knn"
"""Name of the nearest-neighbour model; no entry of `models:` may have it."""
Format = Literal["onnx", "int8", "int8_blocks", "int4"]
FORMATS: tuple[Format, ...] = get_args(Format)
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


def out_of_fold_file(folder: Path, name: str) -> Path:
    """Return the file with the out-of-fold predictions of a rung, beside or in the folder of those of trained models.

    kNN's is not in the folder: every student depends on that, and kNN on the features of every entry, also of those
    whose initial weights are a student's.
    """
    return folder.parent / KNN / f"{folder.name}.parquet" if name == KNN else folder / f"{name}.parquet"


def model_folder(folder: Path, name: str) -> Path:
    """Return the folder of a rung in the folder of models."""
    if parent := parent_of(name):
        return folder / COMPRESSED / parent[0] / parent[1]
    return folder / name


def model_output(folder: Path, name: str) -> Path:
    """Return the output of dvc.lock that has a rung: its own folder, or that of all formats of an entry."""
    parent = parent_of(name)
    return folder / COMPRESSED / parent[0] if parent else folder / name


def remove_outputs(entry: str) -> list[Path]:
    """Remove the outputs of an entry of `models:` from the workspace, and return those that were there.

    Stages that read a folder of all entries would take them for present ones. DVC's cache keeps them.
    """
    outputs = [
        *(folder / entry for folder in (paths.TOKENS, paths.FEATURES, paths.TEACHERS, paths.PRETRAINED, paths.MODELS)),
        predictions_file(paths.PREDICTIONS, entry),
        out_of_fold_file(paths.OUT_OF_FOLD, entry),
        paths.UNLABELED_LOGITS / f"{entry}.parquet",
        paths.MODELS / COMPRESSED / entry,
        paths.PREDICTIONS / COMPRESSED / entry,
        paths.COMPRESSION / entry,
        paths.HISTORIES / entry,
    ]
    there = [path for path in outputs if path.exists()]
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return there


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
