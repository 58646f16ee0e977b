"""Digests of files that checkpoints and decision rules record, compared with the files.

They find a dvc.lock that was rewritten to fit other files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from complaints.backbones.checkpoint import check_saved_files, is_checkpoint, read_settings
from complaints.backbones.model_files import read_model_files
from complaints.core import paths
from complaints.core.dvc_lock import Stage
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json
from complaints.lineage.hashes import Hashes
from complaints.lineage.problems import Problem
from complaints.scoring.rungs import predictions_file

RECORD = "training.json"
KNN_RECORD = "knn.json"
TFIDF_RECORD = "tfidf.json"
"""The package `baseline`, which writes it and `<analyser>.skops`, takes seconds to import."""


def _expected(folder: Path, root: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield record, file and the recorded sha256 of each file that a model or a rule was made from or consists of."""
    name, full = folder.name, root / folder
    if (full / RECORD).is_file():
        record = read_json(full / RECORD)
        for read, sha256 in _mapping(record, "data").items():
            source = paths.FEATURES if read.endswith(".npy") else paths.TOKENS
            yield f"{folder}/{RECORD}", source / name / read, sha256
        yield from _data_files(f"{folder}/{RECORD}", record)
    if (full / TFIDF_RECORD).is_file():
        record = read_json(full / TFIDF_RECORD)
        for analyser, sha256 in _mapping(record, "sha256").items():
            yield f"{folder}/{TFIDF_RECORD}", folder / f"{analyser}.skops", sha256
        yield from _data_files(f"{folder}/{TFIDF_RECORD}", record)
    if (full / KNN_RECORD).is_file():
        record = read_json(full / KNN_RECORD)
        for file, sha256 in _mapping(record, "sha256").items():
            yield f"{folder}/{KNN_RECORD}", folder / file, sha256
        for read, sha256 in _mapping(record, "data").items():
            yield f"{folder}/{KNN_RECORD}", paths.FEATURES / str(record["entry"]) / read, sha256
    if folder == paths.RULES:
        for rule in sorted(full.glob("*.json")):
            for model, source in _mapping(_mapping(read_json(rule), "fit"), "parts").items():
                predictions = predictions_file(paths.PREDICTIONS, model)
                yield f"{folder}/{rule.name}", predictions, source["predictions_sha256"]


def _data_files(source: str, record: Any) -> Iterator[tuple[str, Path, str]]:
    """Yield record, file and the recorded sha256 of the class names and the splits."""
    if isinstance(record, dict) and "labels_sha256" in record:
        yield source, paths.LABELS, record["labels_sha256"]
    for split, sha256 in _mapping(record, "splits_sha256").items():
        yield source, paths.SPLITS / f"{split}.parquet", sha256


def _mapping(record: Any, key: str) -> Mapping[str, Any]:
    found = record.get(key) if isinstance(record, dict) else None
    return found if isinstance(found, dict) else {}


def check_digests(lock: Mapping[str, Stage], hashes: Hashes) -> list[Problem]:
    """Return the files that are not the ones which a checkpoint, TF-IDF, kNN or a decision rule records.

    A record in an output that was changed is not believed: the change is a problem already.
    """
    root, problems = hashes.root, []
    known: dict[Path, str] = {}
    for stage in lock.values():
        for out in stage.outs:
            if hashes.md5s.get(out.path) != out.md5 or not (root / out.path).is_dir():
                continue
            for record, file, sha256 in _expected(Path(out.path), root):
                if not (root / file).is_file():
                    continue
                found = known.setdefault(file, "") or file_digest(root / file)
                known[file] = found
                if found != sha256:
                    message = f"{file} is not the one that {record} names: its sha256 is {found}, not {sha256}"
                    problems.append(Problem(stage.name, file.as_posix(), "record", message))
            if is_checkpoint(root / out.path):
                problems += _check_saved(stage, out.path, root)
    return problems


def _check_saved(stage: Stage, path: str, root: Path) -> list[Problem]:
    try:
        check_saved_files(read_model_files(root / path), read_settings(root / path))
    except UserError as error:
        return [Problem(stage.name, path, "record", str(error).replace(f"{root}/", ""))]
    return []
