"""Candidates for renames: pairs of labels that may be one label before and after a change of its name."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from complaints.audit.label_evidence import Evidence
from complaints.reporting import html_page

Status = Literal["merged", "same class", "apart"]

CSV_HEADER = (
    "old", "new", "score", "name_similarity", "text_similarity", "date_overlap", "product_overlap", "old_rows",
    "new_rows", "old_begins", "old_ends", "new_begins", "new_ends", "in_map",
)  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """Two labels that may be one; `old` is the one whose complaints are earlier or, without dates, fewer.

    A label's begin and end are those of the central nine tenths of its complaints. None means unknown.
    """

    old: str
    new: str
    score: float
    name_similarity: float
    text_similarity: float
    date_overlap: float | None
    product_overlap: float | None
    old_rows: int
    new_rows: int
    old_begins: date | None
    old_ends: date | None
    new_begins: date | None
    new_ends: date | None
    in_map: Status


def side_by_side(evidence: Evidence) -> np.ndarray:
    """Return the degree to which two labels are choices of one form [L, L], from 0 to 1, NaN without dates.

    It is the date overlap times the product overlap; unknown products count as the same. Labels of one form are two
    choices, however similar they are.
    """
    return evidence.date_overlap * np.where(np.isnan(evidence.product_overlap), 1.0, evidence.product_overlap)


def scores(evidence: Evidence) -> np.ndarray:
    """Return the score of each pair [L, L]: name similarity x the mean of 1, text similarity and 1 - side by side.

    Without dates, the mean leaves out the last term.
    """
    apart = 1 - side_by_side(evidence)
    known = ~np.isnan(apart)
    support = 1 + evidence.text_similarity + np.where(known, apart, 0.0)
    return evidence.name_similarity * support / (2 + known)


def status(a: str, b: str, merges: Mapping[str, str]) -> Status:
    """Return whether a map of raw labels to classes merges one label into the other, both into a third, or neither."""
    if merges.get(a) == b or merges.get(b) == a:
        return "merged"
    return "same class" if merges.get(a, a) == merges.get(b, b) else "apart"


def candidates(evidence: Evidence, merges: Mapping[str, str], limit: int) -> list[Candidate]:
    """Return the `limit` pairs of labels with the highest scores, best first; ties are in the order of names."""
    first, second = np.triu_indices(len(evidence.labels), k=1)
    score = np.round(scores(evidence)[first, second], 4)
    # The labels are sorted by name, so a stable sort keeps ties in this order.
    best = np.argsort(-score, kind="stable")[:limit]
    return [candidate(evidence, int(first[k]), int(second[k]), merges) for k in best]


def candidate(evidence: Evidence, a: int, b: int, merges: Mapping[str, str]) -> Candidate:
    """Return the candidate of the labels at positions `a` and `b`, similarities rounded to three digits."""
    dated = not np.isnan(evidence.middles[[a, b]]).any()
    key = evidence.middles if dated else evidence.rows
    old, new = (a, b) if key[a] <= key[b] else (b, a)
    return Candidate(
        old=evidence.labels[old],
        new=evidence.labels[new],
        score=round(float(scores(evidence)[a, b]), 3),
        name_similarity=round(float(evidence.name_similarity[a, b]), 3),
        text_similarity=round(float(evidence.text_similarity[a, b]), 3),
        date_overlap=_known(evidence.date_overlap[a, b]),
        product_overlap=_known(evidence.product_overlap[a, b]),
        old_rows=int(evidence.rows[old]),
        new_rows=int(evidence.rows[new]),
        old_begins=_day(evidence.begins[old]),
        old_ends=_day(evidence.ends[old]),
        new_begins=_day(evidence.begins[new]),
        new_ends=_day(evidence.ends[new]),
        in_map=status(evidence.labels[a], evidence.labels[b], merges),
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)


def _day(days: float) -> date | None:
    return None if np.isnan(days) else date(1970, 1, 1) + timedelta(int(days))


def csv_rows(found: Sequence[Candidate]) -> list[tuple[str | int | float | date | None, ...]]:
    """Return one row of CSV_HEADER for each candidate."""
    return [astuple(item) for item in found]


def section(found: Sequence[Candidate], has_map: bool = True) -> html_page.Section:
    """Return the candidates as a table of the audit page, with their status in the label map if there is one."""
    status_header = ("in the map",) if has_map else ()
    header = ("earlier label", "later label", *status_header, "score", "names", "texts", "dates", "products")
    rows: list[tuple[html_page.Cell, ...]] = [
        (
            _cell(item.old, item.old_rows, "until", item.old_ends),
            _cell(item.new, item.new_rows, "from", item.new_begins),
            *((item.in_map,) if has_map else ()),
            *(item.score, item.name_similarity, item.text_similarity),
            *(item.date_overlap, item.product_overlap),
        )
        for item in found
    ]
    kept_apart = "that the map keeps apart " if has_map else ""
    text = (
        "Pairs of labels that may be one label before and after a rename, in descending order of the score. The score "
        "is the similarity of the names times the mean of three numbers: 1, the similarity of the texts, and 1 - "
        "overlap of dates x overlap of products. Two labels of one form, at the same time and for the same product, "
        "are two choices.\n\n"
        f"Days are those of the central nine tenths of a label's complaints. A pair {kept_apart}is a "
        "question, not an answer: read complaints of both labels before you merge them."
    )
    return html_page.Section("Labels that may be renames", text, header, rows)


def _cell(label: str, rows: int, word: str, day: date | None) -> str:
    when = f" {word} {day}" if day else ""
    return f"{label} ({rows:,}{when})"
