"""Synthetic corpus: the size of each issue, labels and days of the complaints, and the ground truth."""

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.synthetic.banks import Banks, load_banks
from complaints.sources.synthetic.draws import Draws
from complaints.sources.synthetic.planting import DROPPED_BELOW, NEW_FORM, Complaint, Planted, Planter

FIRST_DAY = datetime.date(2015, 3, 19)
LAST_DAY = datetime.date(2022, 9, 9)
MOST_ROWS = 1_000_000


def make_corpus(banks: Path, rows: int, seed: int) -> tuple[pa.Table, dict[str, Any]]:
    """Return `rows` synthetic complaints and their ground truth; equal arguments return equal results on every machine.

    Returns:
        A table in RAW_SCHEMA, ordered by `row_id` (seven random digits), without source splits; and the ground truth,
        ready for JSON:
            exact_duplicates, near_duplicates: lists of groups of row ids; the texts of a group are equal (exact) or
                pairwise different (near).
            two_labels: the groups of exact duplicates whose two rows have labels of different classes.
            wrong_labels: {row id: class that the text describes}.
            blank: row ids of texts without a word.
            renames: {older name: class}.

    Raises:
        UserError: if a bank is missing or invalid (see `banks.load_banks`), or `rows` is not from 1 to a million.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise UserError(f"the synthetic corpus can have 1 to {MOST_ROWS} rows, not {rows}; correct fetch.sample.rows")
    known = load_banks(banks)
    draws = Draws(seed)
    complaints = _labelled(draws, known, rows)
    planted = Planter(draws, known, complaints).plant()
    for complaint, row_id in zip(complaints, _row_ids(draws, rows), strict=True):
        complaint.row_id = row_id
    return _table(complaints), _truth(known, complaints, planted)


def class_sizes(banks: Banks, rows: int) -> dict[str, int]:
    """Return the number of complaints of each issue, which add up to `rows`.

    Issues of fewer than DROPPED_BELOW complaints never grow; the others share the remaining rows in proportion, by the
    largest-remainder method.
    """
    issues = list(banks.issues.values())
    total = sum(issue.complaints for issue in issues)
    tiny = {
        issue.name: min(issue.complaints, issue.complaints * rows // total)
        for issue in issues
        if issue.complaints < DROPPED_BELOW
    }
    others = [issue for issue in issues if issue.name not in tiny]
    return tiny | _apportioned({issue.name: issue.complaints for issue in others}, rows - sum(tiny.values()))


def _apportioned(weights: dict[str, int], total: int) -> dict[str, int]:
    """Return integers that add up to `total` in proportion to the weights, by the largest-remainder method."""
    weight_sum = sum(weights.values())
    sizes = {name: weight * total // weight_sum for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: (-(weights[name] * total % weight_sum), name))
    for name in by_remainder[: total - sum(sizes.values())]:
        sizes[name] += 1
    return sizes


def _labelled(draws: Draws, banks: Banks, rows: int) -> list[Complaint]:
    """Return complaints without texts, in random order, each with a label and a day on which the form offered it."""
    complaints = []
    for name, size in class_sizes(banks, rows).items():
        issue = banks.issues[name]
        current = issue.complaints - sum(issue.before.values())
        for label, count in _apportioned({name: current, **issue.before}, size).items():
            old_form = label != name or issue.era == "before"
            new_form = label == name and issue.era in ("after", "renamed")
            first = NEW_FORM if new_form else FIRST_DAY
            last = NEW_FORM - datetime.timedelta(days=1) if old_form else LAST_DAY
            for _ in range(count):
                day = first + datetime.timedelta(days=draws.between(0, (last - first).days))
                complaints.append(Complaint(issue, label, first, last, day))
    return draws.shuffled(complaints)


def _row_ids(draws: Draws, rows: int) -> list[str]:
    """Return distinct numbers of seven digits, like the CFPB's complaint ids."""
    ids: dict[int, None] = {}
    while len(ids) < rows:
        ids[draws.between(1_000_000, 9_999_999)] = None
    return [str(number) for number in ids]


def _table(complaints: list[Complaint]) -> pa.Table:
    ordered = sorted(complaints, key=lambda complaint: complaint.row_id)
    columns = {
        "row_id": [complaint.row_id for complaint in ordered],
        "text": [complaint.text for complaint in ordered],
        "label": [complaint.label for complaint in ordered],
        "date": [complaint.day for complaint in ordered],
        "product": [complaint.product for complaint in ordered],
        "source_split": [None] * len(ordered),
    }
    return pa.table(columns, schema=RAW_SCHEMA)


def _truth(banks: Banks, complaints: list[Complaint], planted: Planted) -> dict[str, Any]:
    def ids(indices: list[int]) -> list[str]:
        return sorted(complaints[index].row_id for index in indices)

    return {
        "exact_duplicates": sorted(ids(group) for group in planted.exact),
        "near_duplicates": sorted(ids(group) for group in planted.near),
        "two_labels": sorted(ids(group) for group in planted.two_labels),
        "wrong_labels": {complaints[index].row_id: name for index, name in sorted(planted.wrong.items())},
        "blank": ids(planted.blank),
        "renames": {old: issue.name for issue in banks.issues.values() for old in issue.before},
    }
