"""Possible defects of a label map: entries and omissions that the complaints speak against.

A person decides on each.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from complaints.audit.label_evidence import Evidence
from complaints.audit.renames import Candidate, candidate, scores
from complaints.reporting import html_page

SAME_SCORE = 0.5
"""Two classes that are not in use at the same time may be one, before and after a rename, from this score on."""

APART_OVERLAP = 0.25
"""Two labels with a smaller overlap of dates count as one after the other."""

TOGETHER_OVERLAP = 0.5
"""Two labels with at least this overlap of dates count as in use at the same time."""

OTHER_PRODUCTS = 0.1
"""Two labels with a smaller overlap of products count as choices for different products."""

SAME_PRODUCTS = 0.5
"""Two labels with at least this overlap of products count as choices for the same products."""

CLOSER_SHARE = 0.25
"""The texts of two labels differ if each of the two is closer to more than this share of all labels."""

ENOUGH_TEXTS = 10
"""The texts of labels with fewer complaints are not compared."""

_FUNCTION_WORDS = frozenset(
    {"a", "an", "and", "for", "i", "in", "my", "of", "on", "or", "the", "to", "with", "you", "your"}
)

Kind = Literal["mapped to itself", "classes kept apart", "merge of different labels"]


@dataclass(frozen=True)
class Defect:
    """A possible defect of a map: two labels, and the reason in one sentence."""

    kind: Kind
    labels: tuple[str, str]
    reason: str


def defects(merges: Mapping[str, str], evidence: Evidence) -> list[Defect]:
    """Return the possible defects of a map {from: to}, by kind, then by name.

    Labels without complaints have no defects but a mapping to themselves. Classes without dates are not compared.
    """
    itself = [
        Defect("mapped to itself", (source, source), f"{source!r} is mapped to itself, which changes nothing")
        for source, target in sorted(merges.items())
        if source == target
    ]
    return [*itself, *_kept_apart(merges, evidence), *_different(merges, evidence)]


def _kept_apart(merges: Mapping[str, str], evidence: Evidence) -> list[Defect]:
    """Return pairs of similar classes that are not in use at the same time, judged by their two most similar labels."""
    members: dict[str, list[int]] = {}
    for index, label in enumerate(evidence.labels):
        members.setdefault(merges.get(label, label), []).append(index)
    # Of the pairs of labels of two classes, successors are preferred.
    similarity = scores(evidence) + _successors(evidence)
    found = []
    for one, two in combinations(sorted(members), 2):
        block = np.ix_(members[one], members[two])
        # The overlap with a label without dates is NaN and compares as False: the pair is left out.
        if similarity[block].max() < SAME_SCORE or not evidence.date_overlap[block].max() < APART_OVERLAP:
            continue
        row, column = np.unravel_index(similarity[block].argmax(), similarity[block].shape)
        pair = candidate(evidence, members[one][row], members[two][column], merges)
        reason = (
            f"{_period(pair, 'old')} and {_period(pair, 'new')} are two classes, but one follows the other and they "
            f"are similar (names {pair.name_similarity:.2f}, texts {pair.text_similarity:.2f})"
        )
        found.append(Defect("classes kept apart", (one, two), reason))
    return found


def _successors(evidence: Evidence) -> np.ndarray:
    """Return whether two labels are successors, bool [L, L], symmetric.

    They are used for the same products, one after the other, and each has the texts that are closest to the other's:
    among the labels after the earlier one, and among the labels before the later one. Names do not count, so this
    finds labels that were reworded entirely.
    """
    enough = evidence.rows >= ENOUGH_TEXTS
    before = (evidence.date_overlap < APART_OVERLAP) & (evidence.middles[:, None] < evidence.middles)
    similarity = np.where(before & enough & enough[:, None], evidence.text_similarity, -1.0)
    closest = [similarity == similarity.max(axis=axis, keepdims=True, initial=-1.0) for axis in (0, 1)]
    found = closest[0] & closest[1] & (similarity > 0) & (evidence.product_overlap >= SAME_PRODUCTS)
    return found | found.T


def _period(pair: Candidate, side: Literal["old", "new"]) -> str:
    label, rows = (pair.old, pair.old_rows) if side == "old" else (pair.new, pair.new_rows)
    when = f"until {pair.old_ends}" if side == "old" else f"from {pair.new_begins}"
    return f"{label!r} ({rows:,} {'complaint' if rows == 1 else 'complaints'}, {when})"


def _different(merges: Mapping[str, str], evidence: Evidence) -> list[Defect]:
    """Return merges of labels that differ in their products and words, or in their texts."""
    index_of = {label: index for index, label in enumerate(evidence.labels)}
    found = []
    for source, target in sorted(merges.items()):
        if source == target or source not in index_of or target not in index_of:
            continue
        a, b = index_of[source], index_of[target]
        words = [_own_words(source, target), _own_words(target, source)]
        dates, products = evidence.date_overlap[a, b], evidence.product_overlap[a, b]
        if dates >= TOGETHER_OVERLAP and products < OTHER_PRODUCTS and all(words):
            reason = (
                f"{source!r} is merged into {target!r}, but both are in use at the same time (overlap {dates:.2f}) for "
                f"different products (overlap {products:.2f}), and one names {words[0]}, the other {words[1]}"
            )
            found.append(Defect("merge of different labels", (source, target), reason))
        elif min(evidence.rows[a], evidence.rows[b]) >= ENOUGH_TEXTS:
            similarity = evidence.text_similarity[a, b]
            closer = min(int(np.sum(evidence.text_similarity[side] > similarity)) for side in (a, b)) - 1
            if closer > CLOSER_SHARE * len(index_of):
                reason = (
                    f"{source!r} is merged into {target!r}, but their texts differ (similarity {similarity:.2f}): "
                    f"{closer} other labels are closer to each of the two"
                )
                found.append(Defect("merge of different labels", (source, target), reason))
    return found


def _own_words(label: str, other: str) -> str:
    """Return the words of `label` that `other` lacks, without function words."""
    words = [word for word in re.findall(r"\w+", label.casefold()) if word not in _FUNCTION_WORDS]
    return " ".join(word for word in words if word not in re.findall(r"\w+", other.casefold()))


def section(found: Sequence[Defect]) -> html_page.Section:
    """Return the defects as a table of the audit page."""
    text = (
        "Entries and omissions of the label map that the complaints speak against. Dates, products, names and texts "
        "only raise a question: read complaints of both labels before you decide whether they mean the same."
        if found
        else "The complaints show no defect of the label map."
    )
    header = ("defect", "reason") if found else ()
    return html_page.Section("The label map", text, header, [(item.kind, item.reason) for item in found])
