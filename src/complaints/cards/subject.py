"""Subject of a card: a model's files with their digests, in the layout of the folder that `complaints card` makes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.cards.evidence import Evidence
from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError, broken_output
from complaints.core.files import file_digest, read_json
from complaints.deciding.row_names import ENSEMBLE, REFERENCE
from complaints.deciding.rule import DecisionRule, rule_file
from complaints.scoring.rungs import KNN, entry_of, model_folder, model_output
from complaints.subsets.fractions import nested_fraction

RULE_FILE = "decision_rule.json"
TRAINING_FILE = "training.json"
RECORDS = {REFERENCE: "tfidf.json", KNN: "knn.json"}
"""Model -> its record; that of the others is TRAINING_FILE."""
_IGNORED = re.compile(r"\.|#.*#$|.*(~|\.swp|\.swo)$")
"""Names that .dvcignore leaves out: no hash of DVC has them, so that no output may depend on them."""


@dataclass(frozen=True)
class Part:
    """A trained model: the only part of a card's subject, or one of the ensemble's."""

    name: str
    folder: Path
    files: Mapping[str, str]
    """Path in the folder -> sha256."""
    output: Path
    """The output in dvc.lock: the folder, or that of all formats of a compressed model's entry."""
    md5: str
    """DVC's hash of the output, the one in dvc.lock."""
    record: Mapping[str, Any]
    """training.json, tfidf.json or knn.json."""

    @property
    def entry(self) -> str:
        """Name of the entry whose tokens it was trained on."""
        return entry_of(self.name)

    @property
    def is_tfidf(self) -> bool:
        """Whether this is the baseline."""
        return self.name == REFERENCE

    @property
    def is_knn(self) -> bool:
        """Whether this is the nearest-neighbour model."""
        return self.name == KNN

    @property
    def is_tuned(self) -> bool:
        """Whether this is an encoder or decoder that was trained on the labels."""
        return not self.is_tfidf and not self.is_knn


@dataclass(frozen=True)
class Subject:
    """The model of a card."""

    name: str
    """tfidf, knn, an entry of `models:` or `ensemble`."""
    parts: Sequence[Part]
    rule: DecisionRule
    rule_path: Path

    @property
    def is_ensemble(self) -> bool:
        """Whether the rule combines models."""
        return self.name == ENSEMBLE

    def layout(self) -> dict[str, tuple[Path, str]]:
        """Return path in the folder of `complaints card` -> (file of the project, sha256)."""
        found: dict[str, tuple[Path, str]] = {}
        for part in self.parts:
            prefix = f"{part.name}/" if self.is_ensemble else ""
            found |= {f"{prefix}{name}": (part.folder / name, digest) for name, digest in part.files.items()}
        return found | {RULE_FILE: (self.rule_path, file_digest(self.rule_path))}


def _read_part(name: str, folder: Path, output: Path) -> Part:
    if not folder.is_dir():
        raise UserError(f"{folder} is missing; run `dvc repro` to make it")
    record_path = folder / RECORDS.get(name, TRAINING_FILE)
    record = read_json(record_path)
    if not isinstance(record, dict):
        raise broken_output(record_path, "is not the record of a model")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _IGNORED.match(path.name)]
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    md5 = hash_path(Path("."), output.as_posix())
    assert md5 is not None
    return Part(name, folder, digests, output, md5, record)


def read_parts(models: Path, names: Sequence[str]) -> dict[str, Part]:
    """Return the models of the scoreboard by name, each file hashed.

    Raises:
        UserError: if a model is missing or has no record.
    """
    return {name: _read_part(name, model_folder(models, name), model_output(models, name)) for name in names}


def subject_of(name: str, parts: Mapping[str, Part], evidence: Evidence) -> Subject:
    """Return the subject of a card.

    Args:
        name: A model, or `ensemble`.
        parts: All models.
        evidence: The sources, with the decision rules.
    """
    rule = evidence.tables.rules[name]
    used = [parts[part] for part, weight in rule.weights.items() if weight]
    return Subject(name, used, rule, rule_file(evidence.sources.rules, name))


def trained_rows(part: Part, evidence: Evidence) -> list[str]:
    """Return the ids of the rows that a model was trained on: the training split, or a nested fraction of it."""
    train = evidence.splits["train"]
    params = part.record["params"]
    fraction = params["finetune"]["train_fraction"] if part.is_tuned else 1
    if fraction == 1:
        return train.row_ids
    ids = train.ids
    kept = nested_fraction(ids["group"].to_pylist(), np.asarray(ids["label_id"]), fraction, params["seed"])
    row_ids = train.row_ids
    return [row_ids[row] for row in kept]
