"""Complaints divided into train, validation and test, so that no text is tested on that was trained on."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.errors import UserError
from complaints.params import SplitParams
from complaints.schema import SPLIT_SCHEMA, SPLITS
from complaints.text import group_keys

TRAIN, VALIDATION, TEST = range(3)
"""Places in SPLITS, by which the arrays of this module name a split."""

COLUMN_HINT = "set fetch.file.columns.split to null to let this stage divide the complaints"

CHANCE = 0.001
"""A class missing from the source's test split is an error where a random split would lack it less often than this."""


@dataclass(frozen=True)
class Divided:
    """What `divide` returns: a table of SPLIT_SCHEMA per split, and reports/split.json."""

    tables: dict[str, pa.Table]
    report: dict[str, Any]


def divide(labeled: pa.Table, names: Sequence[str], p: SplitParams) -> Divided:
    """Divide complaints of LABELED_SCHEMA whose label ids are places in `names`; rows keep their order.

    Where the source brings a split, it is kept: its test rows are test, and validation is taken from its train rows
    unless it brings that too. Otherwise the whole is divided by `assign`.

    Raises:
        UserError: if a split would be empty, if a class is missing from train, if the source's test split lacks a class
            that chance would not leave out, or if only part of the rows have a source split.
    """
    groups = np.array(list(group_keys(labeled["text"], labeled["row_id"])), dtype=str)
    label_ids = labeled["label_id"].to_numpy()
    from_source = labeled["source_split"].null_count < labeled.num_rows
    if from_source:
        codes = source_codes(labeled["source_split"])
        if not np.any(codes == VALIDATION):
            train = np.flatnonzero(codes == TRAIN)
            shares = [(VALIDATION, p.validation_fraction)]
            codes[train] = assign(groups[train], label_ids[train], shares, p.seed)
    else:
        shares = [(TEST, p.test_fraction), (VALIDATION, p.validation_fraction)]
        codes = assign(groups, label_ids, shares, p.seed)
    check(codes, groups, label_ids, names, from_source)
    rows = labeled.append_column("group", pa.array(groups)).select(SPLIT_SCHEMA.names).cast(SPLIT_SCHEMA)
    tables = {name: rows.filter(pa.array(codes == code)) for code, name in enumerate(SPLITS)}
    return Divided(tables, summarise(codes, groups, label_ids, names, from_source))


def assign(groups: np.ndarray, label_ids: np.ndarray, shares: Sequence[tuple[int, float]], seed: int) -> np.ndarray:
    """Return the place in SPLITS of each row: int8 of the same length as `groups` and `label_ids`.

    `shares` holds (place, fraction) pairs for what leaves train, each a fraction of the rows that the earlier ones
    left. Rows of one group stay together, and a group counts for the class of most of its rows (on a tie, the one
    with the smallest id).

    Within a class, groups stand in the order of a hash keyed by `seed`, so that the result depends neither on the
    order of the rows nor on other classes, and adding complaints moves few of the old ones. Each share takes, in that
    order, the groups that still fit in its quota, which is its fraction of the rows rounded half up, and at least 1;
    if none fits, it takes the smallest. A class serves train first: its second group is for the first share, its
    third for the second, so with three groups or more a class is in every split, however few its rows.
    """
    keys, group_of_row = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of_row, minlength=len(keys))
    members: dict[int, list[int]] = defaultdict(list)
    for group, label in enumerate(_majority_labels(group_of_row, label_ids)):
        members[int(label)].append(group)
    code_of_group = np.full(len(keys), TRAIN, np.int8)
    for indices in members.values():
        indices.sort(key=lambda group: _rank(str(keys[group]), seed))
        code_of_group[indices] = _divide_class([int(sizes[group]) for group in indices], shares)
    return code_of_group[group_of_row]


def _rank(key: str, seed: int) -> tuple[bytes, str]:
    return hashlib.blake2b(key.encode(), key=str(seed).encode(), digest_size=8).digest(), key


def _majority_labels(group_of_row: np.ndarray, label_ids: np.ndarray) -> np.ndarray:
    """Return, for each group in order, the label that most of its rows have; the smallest id on a tie."""
    width = int(label_ids.max(initial=0)) + 1
    pairs, counts = np.unique(group_of_row.astype(np.int64) * width + label_ids, return_counts=True)
    group, label = np.divmod(pairs, width)
    best_first = np.lexsort((label, -counts, group))
    _, first = np.unique(group[best_first], return_index=True)
    return label[best_first][first]


def _divide_class(sizes: Sequence[int], shares: Sequence[tuple[int, float]]) -> list[int]:
    """Return the place in SPLITS of each group of one class, given the groups' sizes in rows, in their order."""
    codes = [TRAIN] * len(sizes)
    free = list(range(len(sizes)))
    served = min(len(sizes), len(shares) + 1)
    for done, (code, fraction) in enumerate(shares[: served - 1]):
        room = max(1, int(fraction * sum(sizes[group] for group in free) + 0.5))
        most = len(free) - (served - 1 - done)
        taken: list[int] = []
        for group in free:
            if sizes[group] <= room and len(taken) < most:
                taken.append(group)
                room -= sizes[group]
        if not taken:
            taken = [min(free, key=lambda group: sizes[group])]
        for group in taken:
            codes[group] = code
        chosen = set(taken)
        free = [group for group in free if group not in chosen]
    return codes


def source_codes(source_split: pa.ChunkedArray) -> np.ndarray:
    """Return the source's own split as places in SPLITS.

    Raises:
        UserError: if some rows have no split, or a split that is not in SPLITS.
    """
    if source_split.null_count:
        raise UserError(
            f"{source_split.null_count} of {len(source_split)} complaints have no split of the source and the others "
            f"do; fill the column, or {COLUMN_HINT}"
        )
    unknown = sorted(set(source_split.unique().to_pylist()) - set(SPLITS))
    if unknown:
        raise UserError(
            f"the source's split has the value {unknown[0]!r}; make it one of {', '.join(SPLITS)}, or {COLUMN_HINT}"
        )
    return pc.index_in(source_split, value_set=pa.array(SPLITS)).to_numpy().astype(np.int8)


def check(
    codes: np.ndarray, groups: np.ndarray, label_ids: np.ndarray, names: Sequence[str], from_source: bool
) -> None:
    """Raise the UserErrors that `divide` names."""
    for code, split in enumerate(SPLITS):
        if not np.any(codes == code):
            hint = COLUMN_HINT if from_source else "give more complaints, or change the fractions under split"
            raise UserError(f"none of the {len(codes)} complaints falls into {split}; {hint}")
    way_out = "raise merge_labels.min_count to drop such classes, or merge them in the label map"
    if from_source:
        way_out += f", or {COLUMN_HINT}"
    untrained = _missing(codes == TRAIN, label_ids, names)
    if untrained:
        why = "the source's split leaves it out" if from_source else "its texts are copies of other classes' texts"
        raise UserError(f"no complaint in train for {_listed(untrained)} ({why}); {way_out}")
    # Only a source's split can leave a class of two groups untested; in a long tail, chance alone does it to a few.
    _, group_of_row = np.unique(groups, return_inverse=True)
    own_groups = np.bincount(_majority_labels(group_of_row, label_ids), minlength=len(names))
    unlikely = set(np.flatnonzero(np.mean(codes != TEST) ** own_groups < CHANCE).tolist())
    untested = [name for name in _missing(codes == TEST, label_ids, names) if names.index(name) in unlikely]
    if untested:
        raise UserError(f"no complaint in test for {_listed(untested)}, too many complaints for chance; {way_out}")


def _missing(chosen: np.ndarray, label_ids: np.ndarray, names: Sequence[str]) -> list[str]:
    present = np.bincount(label_ids[chosen], minlength=len(names)) > 0
    return [name for name, here in zip(names, present, strict=True) if not here]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ("class " if len(names) == 1 else "classes ") + ", ".join(map(repr, names[:3])) + more


def summarise(
    codes: np.ndarray, groups: np.ndarray, label_ids: np.ndarray, names: Sequence[str], from_source: bool
) -> dict[str, Any]:
    """Return reports/split.json: sizes of each split, copies, leakage into the held-out splits, missing classes.

    Leakage is the number of held-out rows that have a copy in train; it is 0 unless the source brought the split.
    """
    _, group_of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    report: dict[str, Any] = {
        "from_source": from_source,
        "copies": {
            "groups": int(np.sum(sizes > 1)),
            "rows": int(np.sum(sizes[sizes > 1])),
            "largest_group": int(sizes.max()),
        },
        "missing_classes": {},
    }
    trained = group_of_row[codes == TRAIN]
    for code, split in enumerate(SPLITS):
        here = codes == code
        missing = _missing(here, label_ids, names)
        report[split] = {
            "rows": int(np.sum(here)),
            "share": round(float(np.mean(here)), 4),
            "classes": len(names) - len(missing),
            "groups": len(np.unique(group_of_row[here])),
        }
        if code != TRAIN:
            report[split]["rows_with_a_copy_in_train"] = int(np.sum(np.isin(group_of_row[here], trained)))
            report["missing_classes"][split] = missing
    return report


def warning(report: dict[str, Any]) -> str | None:
    """Return one line about classes that a held-out split lacks, or None if there are none."""
    parts = [f"{_listed(names)} in {split}" for split, names in report["missing_classes"].items() if names]
    return f"no complaint of {'; none of '.join(parts)}" if parts else None
