"""What a division into train, validation and test is like: sizes, leakage, label shares, classes that are missing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.splits.methods import COLUMN_HINT, TEST, TRAIN, Assignment, Rows, group_names, seen_in_train

CHANCE = 0.001
"""A class missing from the source's test split is an error where a random split would lack it less often than this."""

CLASSES = "classes"
"""The key of split.expected that does not name a split."""


def summarise(rows: Rows, assignment: Assignment, names: Sequence[str], method: str) -> dict[str, Any]:
    """Return reports/split.json.

    A held-out row is seen if train has a copy of its text, exact (after normalising) or near (of its cluster).
    """
    codes, near, exact = assignment.codes, rows.clusters.near, rows.clusters.exact
    sizes = np.bincount(near)
    counts = np.stack([np.bincount(rows.label_ids[codes == code], minlength=len(names)) for code in range(len(SPLITS))])
    seen = {"exact": seen_in_train(exact, codes), "near": seen_in_train(near, codes)}
    report: dict[str, Any] = {
        "method": method,
        "copies": {
            "exact": int(np.sum(exact != np.arange(len(exact)))),
            "near": int(np.sum(near != np.arange(len(near)))),
            "clusters_of_several": int(np.sum(sizes > 1)),
            "largest_cluster": int(sizes.max()),
        },
        "missing_classes": {name: _missing(counts[code], names) for code, name in enumerate(SPLITS)},
        "kept_in_train": group_names(rows.clusters, assignment.kept),
        "joined_in_train": group_names(rows.clusters, assignment.joined),
        # A list, not a mapping: DVC would show every number of a mapping as a metric.
        "label_shares": [
            {"class": name, **{split: _share(counts[code, i], counts[code].sum()) for code, split in enumerate(SPLITS)}}
            for i, name in enumerate(names)
        ],
    }
    for code, split in enumerate(SPLITS):
        here = codes == code
        report[split] = {
            "rows": int(np.sum(here)),
            "share": _share(np.sum(here), len(codes)),
            "classes": int(np.sum(counts[code] > 0)),
            "clusters": len(np.unique(near[here])),
        }
        if code != TRAIN:
            for kind, is_seen in seen.items():
                report[split][f"seen_{kind}"] = int(np.sum(is_seen & here))
                report[split][f"seen_{kind}_share"] = _share(np.sum(is_seen & here), np.sum(here))
    return report


def check(rows: Rows, assignment: Assignment, names: Sequence[str], method: str) -> None:
    """Refuse a division that nothing can be learned from or measured on.

    Raises:
        UserError: if a split is empty; if the source's own split has no training row for a class, or lacks a class in
            test that chance would not leave out.
    """
    codes = assignment.codes
    for code, split in enumerate(SPLITS):
        if not np.any(codes == code):
            hint = COLUMN_HINT if method == "canonical" else "give more complaints, or change the fractions under split"
            raise UserError(f"none of the {len(codes)} complaints falls into {split}; {hint}")
    if method != "canonical":
        return
    way_out = f"raise merge_labels.min_count to drop such classes, merge them in the label map, or {COLUMN_HINT}"
    untrained = _missing(np.bincount(rows.label_ids[codes == TRAIN], minlength=len(names)), names)
    if untrained:
        raise UserError(f"no complaint in train for {_listed(untrained)} (the source's split leaves it out); {way_out}")
    # In a long tail, chance alone leaves a few classes without test rows.
    clusters = np.unique(np.stack([rows.label_ids, rows.clusters.near]), axis=1)[0]
    unlikely = np.mean(codes != TEST) ** np.bincount(clusters, minlength=len(names)) < CHANCE
    tested = np.bincount(rows.label_ids[codes == TEST], minlength=len(names)) > 0
    untested = [name for name, wrong in zip(names, unlikely & ~tested, strict=True) if wrong]
    if untested:
        raise UserError(f"no complaint in test for {_listed(untested)}, too many complaints for chance; {way_out}")


def check_expected(report: dict[str, Any], expected: dict[str, int], classes: int) -> None:
    """Hold the division against split.expected: the rows of each split that it names, and the number of classes.

    Raises:
        UserError: naming all numbers that differ.
    """
    found = {CLASSES: classes} | {split: report[split]["rows"] for split in SPLITS}
    unknown = sorted(set(expected) - set(found))
    if unknown:
        raise UserError(f"params: split.expected has the key {unknown[0]!r}; known keys: {', '.join(found)}")
    wrong = [f"{key} {found[key]:,} instead of {value:,}" for key, value in expected.items() if found[key] != value]
    if wrong:
        raise UserError(f"this is not the data set that split.expected describes: {', '.join(wrong)}")


def warnings(report: dict[str, Any]) -> list[str]:
    """Return one line about classes that a split lacks and one about held-out rows that train has copies of."""
    lines = []
    parts = [f"{_listed(names)} in {split}" for split, names in report["missing_classes"].items() if names]
    if parts:
        lines.append(f"no complaint of {'; none of '.join(parts)}")
    if share := report["test"]["seen_near_share"]:
        lines.append(f"{share:.1%} of the test rows have an exact or near copy in train")
    return lines


def _share(part: float, whole: float) -> float:
    return round(float(part) / float(whole), 4) if whole else 0.0


def _missing(counts: np.ndarray, names: Sequence[str]) -> list[str]:
    return [name for name, count in zip(names, counts, strict=True) if not count]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ("class " if len(names) == 1 else "classes ") + ", ".join(map(repr, names[:3])) + more
