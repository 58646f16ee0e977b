"""Report on a split: sizes, duplicates, leakage, label shares, missing classes; and checks of the split."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.splits.methods import (
    GROUPED_HINT,
    TEST,
    TRAIN,
    VALIDATION,
    Assignment,
    LabeledRows,
    duplicated_in_train,
    group_names,
)

MISSING_PROBABILITY = 0.001
"""A class missing from the source's test split is an error if a random split would miss it with a lower probability."""

CLASSES = "classes"
"""Key of split.expected for the number of classes; its other keys are splits."""


def summarise(rows: LabeledRows, assignment: Assignment, names: Sequence[str], method: str) -> dict[str, Any]:
    """Return the split report.

    Its keys `seen_exact` and `seen_near` count the held-out rows with an exact or near duplicate in train.
    """
    codes, near, exact = assignment.codes, rows.clusters.near, rows.clusters.exact
    sizes = np.bincount(near)
    counts = np.stack([np.bincount(rows.label_ids[codes == code], minlength=len(names)) for code in range(len(SPLITS))])
    in_train = {"exact": duplicated_in_train(exact, codes), "near": duplicated_in_train(near, codes)}
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
        "joined_in_train": group_names(rows.clusters, assignment.merged),
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
            for kind, has_duplicate in in_train.items():
                report[split][f"seen_{kind}"] = int(np.sum(has_duplicate & here))
                report[split][f"seen_{kind}_share"] = _share(np.sum(has_duplicate & here), np.sum(here))
    return report


def check(rows: LabeledRows, assignment: Assignment, names: Sequence[str], method: str) -> None:
    """Check that a model can be trained and tested on the split.

    Raises:
        UserError: if a split is empty; if the source's own split has no training row of a class, or no test row of a
            class that a random split would rarely miss.
    """
    codes = assignment.codes
    for code, split in enumerate(SPLITS):
        if not np.any(codes == code):
            raise UserError(f"none of the {len(codes)} complaints is in {split}{_advice(rows, split, method)}")
    if method != "canonical":
        return
    remedy = f"raise merge_labels.min_count to drop such classes, merge them in the label map, or {GROUPED_HINT}"
    untrained = _missing(np.bincount(rows.label_ids[codes == TRAIN], minlength=len(names)), names)
    if untrained:
        raise UserError(f"the source's split has no complaint of {_listed(untrained)} in train; {remedy}")
    # In a long tail, a random split too misses a few classes in test.
    clusters = np.unique(np.stack([rows.label_ids, rows.clusters.near]), axis=1)[0]
    unlikely = np.mean(codes != TEST) ** np.bincount(clusters, minlength=len(names)) < MISSING_PROBABILITY
    tested = np.bincount(rows.label_ids[codes == TEST], minlength=len(names)) > 0
    untested = [name for name, wrong in zip(names, unlikely & ~tested, strict=True) if wrong]
    if untested:
        raise UserError(
            f"the source's split has no complaint of {_listed(untested)} in test, which a random split would rarely "
            f"miss; {remedy}"
        )


def _advice(rows: LabeledRows, split: str, method: str) -> str:
    """Return the end of a sentence on an empty split: the near duplicates, if they are kept together, and a way out."""
    texts = len(np.unique(rows.clusters.near))
    together = method == "grouped" or (method == "canonical" and split == SPLITS[VALIDATION])
    few = together and texts < len(rows.clusters.near)
    cause = f": near duplicates stay together, and without them there are {texts}" if few else ""
    if method == "canonical":
        return f"{cause}; {GROUPED_HINT}"
    return f"{cause}; add complaints{' with other texts' if few else ''}, or change the fractions under split"


def check_expected(report: dict[str, Any], expected: dict[str, int], classes: int) -> None:
    """Compare the split with split.expected: rows by split, and the number of classes.

    Raises:
        UserError: for an unknown key, or naming all numbers that differ.
    """
    found = {CLASSES: classes} | {split: report[split]["rows"] for split in SPLITS}
    unknown = sorted(set(expected) - set(found))
    if unknown:
        raise UserError(f"params: split.expected has the key {unknown[0]!r}; known keys: {', '.join(found)}")
    wrong = [f"{key} {found[key]:,} instead of {value:,}" for key, value in expected.items() if found[key] != value]
    if wrong:
        raise UserError(f"the data set differs from split.expected in params.yaml: {', '.join(wrong)}")


def warnings(report: dict[str, Any]) -> list[str]:
    """Return warnings, one line each, about classes missing from a split and test rows with a duplicate in train."""
    lines = []
    missing = [f"{_listed(names)} in {split}" for split, names in report["missing_classes"].items() if names]
    if missing:
        lines.append(f"no complaint of {'; none of '.join(missing)}")
    if share := report["test"]["seen_near_share"]:
        lines.append(f"{share:.1%} of the test rows have an exact or near duplicate in train")
    return lines


def _share(count: float, total: float) -> float:
    return round(float(count) / float(total), 4) if total else 0.0


def _missing(counts: np.ndarray, names: Sequence[str]) -> list[str]:
    return [name for name, count in zip(names, counts, strict=True) if not count]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ("class " if len(names) == 1 else "classes ") + ", ".join(map(repr, names[:3])) + more
