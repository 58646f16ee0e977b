"""Checkpoints that had a complaint, or a near duplicate of it, in training, validation or test."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq

from complaints.lineage.history import History, Version
from complaints.lineage.training_sets import Checkpoint, Dataset, Exposure, checkpoints
from complaints.row_history.facts import Fact, sha256_of
from complaints.row_history.index import Index
from complaints.row_history.loading import Loader, data_files, signatures_of, split_files
from complaints.row_history.near import duplicates, signatures_by_hash

Relation = Literal["itself", "same text", "exact duplicate", "near duplicate", "same group"]
"""A row with the id asked for; with the same text; of the same normal form; similar; in a cluster with one of these."""

RELATIONS: tuple[Relation, ...] = ("itself", "same text", "exact duplicate", "near duplicate", "same group")


LEFT_OUT = "left out"
"""The role of rows of train that train_fraction leaves out of the training."""


@dataclass(frozen=True)
class Query:
    """A complaint that is looked for: its id, or its text."""

    row_id: str | None
    text: str | None = None


@dataclass(frozen=True)
class Row:
    """A row of a split that is the complaint or a duplicate of it."""

    row_id: str
    relation: Relation
    label: str | None


@dataclass
class Use:
    """The rows of one complaint in the data of one checkpoint."""

    checkpoint: Checkpoint
    versions: list[Version]
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """By role: a role of `Exposure`, `validation`, `test` or LEFT_OUT."""


@dataclass(frozen=True)
class Unread:
    """A checkpoint whose data could not be read, or not all of it."""

    checkpoint: Checkpoint
    versions: list[Version]
    missing: tuple[str, ...]
    """What is missing, in words."""


@dataclass(frozen=True)
class Answer:
    """The checkpoints that saw a complaint."""

    query: Query
    uses: list[Use]


@dataclass(frozen=True)
class Search:
    """All answers, and the extent of the search."""

    answers: list[Answer]
    history: History
    checkpoints: int
    unread: list[Unread]
    remote: str
    """The remote's part in the message on unread data."""


@dataclass(frozen=True)
class _Part:
    """Rows of a dataset in one role for a checkpoint."""

    role: str
    dataset: Dataset
    key: str
    """Key of the rows in the index."""
    without: str | None = None
    """Key of rows to leave out."""


def _parts(exposure: Exposure, loader: Loader, index: Index) -> tuple[list[_Part], list[str]]:
    """Return the parts of the data that a checkpoint was exposed to, and what could not be read."""
    data, parts, missing = exposure.dataset, [], []
    own = exposure.role == "training"
    for split, file in split_files(data).items():
        if split != "train" and not own:
            continue
        if not index.has(file.key):
            missing.append(f"{file.path} {file.md5[:12]}")
            continue
        if not index.is_signed(file.key):
            missing.append(f"the texts of {file.path} {file.md5[:12]}")
        if split != "train":
            parts.append(_Part(split, data, file.key))
            continue
        key = loader.load_part(file, exposure)
        parts.append(_Part(exposure.role, data, key))
        if key != file.key and own:
            parts.append(_Part(LEFT_OUT, data, file.key, key))
    return parts, missing


def _merge(found: dict[int, Relation], facts: Iterable[int], relation: Relation) -> None:
    for number in facts:
        found.setdefault(number, relation)


def _related(index: Index, queries: Sequence[Query]) -> list[tuple[dict[int, Fact], dict[int, Relation]]]:
    """Return for each query the facts of the index that are the complaint or a duplicate, and their relations."""
    own = [index.facts("row_id", [query.row_id]) if query.row_id is not None else {} for query in queries]
    given = signatures_of([query.text for query in queries if query.text is not None])
    hashes = [{f.text_sha256 for f in facts.values()} for facts in own]
    by_text = duplicates(index, signatures_by_hash(index, set().union(*hashes)))
    by_text = {**by_text, **duplicates(index, given)}
    results = []
    for query, facts, texts in zip(queries, own, hashes, strict=True):
        found: dict[int, Relation] = {}
        _merge(found, facts, "itself")
        if query.text is not None:
            texts = texts | set(sha256_of([query.text]))
        similar: dict[bytes, float] = {}
        for text in texts:
            similar |= by_text.get(text, {})
        exact = [text for text, value in similar.items() if value == 1.0]
        # A text without words is no duplicate of another complaint with the same text, as in stage split.
        same = texts if query.text is not None else texts & set(exact)
        every = dict(facts)
        for relation, group in zip(RELATIONS[1:4], (same, exact, similar), strict=True):
            more = index.facts("text_sha256", group)
            every |= more
            _merge(found, more, relation)
        results.append((every, found))
    return results


class _Membership:
    """The parts of all checkpoints, restricted to a few facts."""

    def __init__(self, index: Index, parts: Iterable[_Part], numbers: Iterable[int]) -> None:
        """Look up the facts with these numbers in every part."""
        asked = np.unique(np.fromiter(numbers, np.int64))
        keys = {key for part in parts for key in (part.key, part.without) if key is not None}
        self._inside = {key: set(asked[np.isin(asked, index.numbers(key))].tolist()) for key in keys}

    def of(self, part: _Part, numbers: Iterable[int]) -> list[int]:
        """Return the numbers that are in a part."""
        inside, without = self._inside[part.key], self._inside[part.without] if part.without else set()
        return [number for number in numbers if number in inside and number not in without]


def _rows_by_role(
    parts: Sequence[_Part], membership: _Membership, facts: dict[int, Fact], found: dict[int, Relation]
) -> dict[str, list[Row]]:
    """Return role -> rows of the parts that are the complaint, a duplicate, or in a cluster with one of these."""
    groups: dict[Dataset, set[str]] = defaultdict(set)
    for part in parts:
        groups[part.dataset] |= {facts[number].cluster for number in membership.of(part, found)}
    rows: dict[str, set[Row]] = defaultdict(set)
    for part in parts:
        for number in membership.of(part, facts):
            fact = facts[number]
            if number in found:
                rows[part.role].add(Row(fact.row_id, found[number], fact.label))
            elif fact.cluster and fact.cluster in groups[part.dataset]:
                rows[part.role].add(Row(fact.row_id, "same group", fact.label))
    return {role: sorted(some, key=lambda r: (RELATIONS.index(r.relation), r.row_id)) for role, some in rows.items()}


def _answers(
    index: Index,
    queries: Sequence[Query],
    versions: dict[Checkpoint, list[Version]],
    parts: dict[Checkpoint, list[_Part]],
) -> list[Answer]:
    """Return the answer to each query."""
    related = _related(index, queries)
    clusters = {facts[number].cluster for facts, found in related for number in found} - {""}
    by_cluster: dict[str, dict[int, Fact]] = defaultdict(dict)
    for number, fact in index.facts("cluster", clusters).items():
        by_cluster[fact.cluster][number] = fact
    for facts, found in related:
        for cluster in {facts[number].cluster for number in found} - {""}:
            facts |= by_cluster[cluster]
    every_part = list(dict.fromkeys(part for some in parts.values() for part in some))
    membership = _Membership(index, every_part, (number for facts, _ in related for number in facts))
    answers = []
    for query, (facts, found) in zip(queries, related, strict=True):
        uses = [
            Use(checkpoint, versions[checkpoint], rows)
            for checkpoint, some in parts.items()
            if (rows := _rows_by_role(some, membership, facts, found))
        ]
        answers.append(Answer(query, uses))
    return answers


def _with_texts(index: Index, loader: Loader, history: History, queries: Sequence[Query]) -> list[Query]:
    """Return the queries, with the texts of ids that no split has and the complaints of the source have.

    Stage merge_labels drops complaints without a class, of which a split may have duplicates.
    """
    lacking = {q.row_id for q in queries if q.row_id is not None and not index.facts("row_id", [q.row_id])}
    if not lacking:
        return list(queries)
    raw = dict.fromkeys(file for version in history.versions for file in data_files(version.lock)["raw"].values())
    loader.load(raw)
    texts = {}
    for number, fact in index.facts("row_id", lacking).items():
        file = next((f for f in raw if index.has(f.key) and number in index.numbers(f.key)), None)
        if file is not None:
            loader.find([(file.md5, file.path)])
            path = loader.path(file.md5)
            if path is not None:
                rows = pq.read_table(path, columns=["text"], filters=[("row_id", "==", fact.row_id)])
                texts[fact.row_id] = rows["text"][0].as_py()
    return [replace(q, text=texts.get(q.row_id or "", q.text)) for q in queries]


def search(index: Index, root: Path, remote: str | None, history: History, queries: Sequence[Query]) -> Search:
    """Look for complaints in the data of every checkpoint of every version.

    Args:
        index: The index, into which data that it lacks is read.
        root: The folder of dvc.yaml.
        remote: The name of a remote of DVC, None for the default one.
        history: The versions of dvc.lock.
        queries: The complaints.

    Raises:
        UserError: as `Loader.load` does.
    """
    every = checkpoints(history.versions)
    loader = Loader(index, root, remote)
    files = {f for checkpoint in every for e in checkpoint.exposures for f in split_files(e.dataset).values()}
    loader.load(sorted(files, key=lambda file: file.key), signed=True)
    parts: dict[Checkpoint, list[_Part]] = {}
    unread = []
    for checkpoint, versions in every.items():
        found = [_parts(exposure, loader, index) for exposure in checkpoint.exposures]
        parts[checkpoint] = list(dict.fromkeys(part for some, _ in found for part in some))
        missing = [problem for _, problems in found for problem in problems]
        missing += [
            f"{entry.path} with md5 {entry.md5}, which no version of dvc.lock explains" for entry in checkpoint.unknown
        ]
        if missing:
            unread.append(Unread(checkpoint, versions, tuple(dict.fromkeys(missing))))
    queries = _with_texts(index, loader, history, queries)
    return Search(_answers(index, queries, every, parts), history, len(every), unread, loader.remote)
