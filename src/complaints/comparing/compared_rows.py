"""Rows of a comparison: the held-out rows and classes on which all of its systems are scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from complaints.core.errors import UserError
from complaints.deciding.rule import Decisions
from complaints.evaluation.truth import NEVER_SEEN, Truth, tiers
from complaints.uncertainty.resampling import Rows

COMMON = "--common-rows"


def split_of(subset: str) -> str:
    """Return the split of a subset."""
    return subset.removesuffix(NEVER_SEEN)


@dataclass(frozen=True)
class ComparedRows:
    """The n held-out rows and the vocabulary of a comparison, and their places in each snapshot."""

    rows: Rows
    row_ids: list[str]
    texts: list[str]
    labels: list[str]
    """Names of the classes; `rows.true` has positions in it."""
    indices: Mapping[str, np.ndarray]
    """Snapshot -> index of each row in its split, int64 [n]."""
    class_ids: Mapping[str, np.ndarray]
    """Snapshot -> class id here of each of its own class ids, int64 [its classes]."""
    notes: Sequence[str]
    """Sentences on what was left out and on what differs between the snapshots."""

    def answers(self, snapshot: str, answers: Decisions) -> Decisions:
        """Return the answers of a system for these rows, with the class ids of this vocabulary.

        A class that the system does not know has probability 0.
        """
        chosen, ids = self.indices[snapshot], self.class_ids[snapshot]

        def here(values: np.ndarray) -> np.ndarray:
            spread = np.full((len(chosen), len(self.labels)), -np.inf)
            spread[:, ids] = values[chosen]
            return spread

        return Decisions(here(answers.log_probabilities), here(answers.scores))


def make_compared_rows(truths: Mapping[str, Truth], subset: str, common: bool) -> ComparedRows:
    """Return the rows that all snapshots have.

    Args:
        truths: Snapshot -> its splits.
        subset: test, validation, or one of them with the end NEVER_SEEN.
        common: Leave out rows and classes that a snapshot lacks, instead of refusing them.

    Raises:
        UserError: if the snapshots differ in their test rows or labels and `common` is false, or no row is left.
    """
    split = split_of(subset)
    first, *others = truths
    reference = truths[first]
    notes: list[str] = []
    for other in others:
        difference = _difference(split, first, reference, other, truths[other])
        if difference and not common:
            raise UserError(f"{difference}; {COMMON} compares on what both have")
        notes += [difference] if difference else []
    labels = list(dict.fromkeys(label for truth in truths.values() for label in truth.labels))
    position = {label: index for index, label in enumerate(labels)}
    class_ids = {name: np.array([position[label] for label in truth.labels]) for name, truth in truths.items()}
    kept = _common_rows(truths, class_ids, subset)
    if not kept:
        raise UserError(f"no row of {subset} has the same label in {', '.join(truths)}; there is nothing to compare")
    indices = {name: np.array([places[row_id] for row_id in kept]) for name, places in _places(truths, split).items()}
    if notes:
        sizes = ", ".join(f"{len(truth.row_ids[split]):,} in {name}" for name, truth in truths.items())
        classes = len({int(label) for label in class_ids[first][reference.label_ids[split][indices[first]]]})
        notes.append(f"compared on the {len(kept):,} common rows of {classes} classes ({sizes})")
    known = dict(zip(class_ids[first].tolist(), tiers(reference.train_support), strict=True))
    rows = Rows(
        true=class_ids[first][reference.label_ids[split][indices[first]]],
        clusters=reference.clusters[split][indices[first]],
        classes=len(labels),
        tiers=[known.get(label, "tail") for label in range(len(labels))],
    )
    texts = [reference.texts[split][index] for index in indices[first]]
    return ComparedRows(rows, kept, texts, labels, indices, class_ids, notes)


def _places(truths: Mapping[str, Truth], split: str) -> dict[str, dict[str, int]]:
    """Return snapshot -> row id -> its index in the split."""
    return {
        name: {row_id: index for index, row_id in enumerate(truth.row_ids[split])} for name, truth in truths.items()
    }


def _common_rows(truths: Mapping[str, Truth], class_ids: Mapping[str, np.ndarray], subset: str) -> list[str]:
    """Return the ids of the rows of a subset that all snapshots have with the same label, in the order of the first.

    A row is never seen if no snapshot has a duplicate of it in train.
    """
    split = split_of(subset)
    (first, reference), *others = truths.items()

    def labels_of(name: str, truth: Truth) -> dict[str, int]:
        kept = ~truth.in_train[split] if subset != split else np.ones(len(truth.row_ids[split]), dtype=bool)
        labels = class_ids[name][truth.label_ids[split]]
        return {
            row_id: int(label) for row_id, label, keep in zip(truth.row_ids[split], labels, kept, strict=True) if keep
        }

    wanted = labels_of(first, reference)
    for name, truth in others:
        there = labels_of(name, truth)
        wanted = {row_id: label for row_id, label in wanted.items() if there.get(row_id) == label}
    return list(wanted)


def _difference(split: str, first: str, a: Truth, other: str, b: Truth) -> str:
    """Return the first difference in the labels or rows of two snapshots, "" if there is none."""
    only_a, only_b = sorted(set(a.labels) - set(b.labels)), sorted(set(b.labels) - set(a.labels))
    if only_a or only_b:
        example = f"{(only_a + only_b)[0]!r} of {first if only_a else other}"
        counts = f"{len(a.labels)} classes in {first}, {len(b.labels)} in {other}"
        return f"the labels differ: {counts}, {len(only_a) + len(only_b)} not common, such as {example}"
    ids_a, ids_b = (
        dict(zip(truth.row_ids[split], [truth.labels[label] for label in truth.label_ids[split]], strict=True))
        for truth in (a, b)
    )
    if ids_a.keys() != ids_b.keys():
        shared = len(ids_a.keys() & ids_b.keys())
        return f"the {split} rows differ: {len(ids_a):,} in {first}, {len(ids_b):,} in {other}, {shared:,} common"
    if changed := [row_id for row_id in ids_a if ids_a[row_id] != ids_b[row_id]]:
        row_id = changed[0]
        example = f"row {row_id} is {ids_a[row_id]!r} in {first} and {ids_b[row_id]!r} in {other}"
        return f"the labels of {len(changed):,} {split} rows differ: {example}"
    return ""
