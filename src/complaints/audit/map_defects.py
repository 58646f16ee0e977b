"""Entries and omissions of a label map that the complaints speak against; a person decides on each."""

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
"""From this score on, two classes that are not in use at the same time look like one before and after a rename."""

APART_OVERLAP = 0.25
"""Below this overlap of dates, two labels count as one after the other."""

TOGETHER_OVERLAP = 0.5
"""From this overlap of dates on, two labels count as in use at the same time."""

OTHER_PRODUCTS = 0.1
"""Below this overlap of products, two labels count as choices for different products."""

SAME_PRODUCTS = 0.5
"""From this overlap of products on, two labels count as choices for the same products."""

CLOSER_SHARE = 0.25
"""The texts of two labels look different when more than this share of all labels is closer to each of the two."""

ENOUGH_TEXTS = 10
"""Texts of a label with fewer complaints are not judged."""

_FUNCTION_WORDS = frozenset(
    {"a", "an", "and", "for", "i", "in", "my", "of", "on", "or", "the", "to", "with", "you", "your"}
)

Kind = Literal["mapped to itself", "classes kept apart", "merge of different labels"]


@dataclass(frozen=True)
class Defect:
    """What may be wrong with a map: the labels it is about, and why, in one sentence."""

    kind: Kind
    labels: tuple[str, str]
    reason: str


def defects(merges: Mapping[str, str], evidence: Evidence) -> list[Defect]:
    """Return what the evidence holds against a map {from: to}, by kind, then by name.

    Labels that do not occur in the data say nothing, and neither do classes kept apart where there are no dates.
    """
    itself = [
        Defect("mapped to itself", (source, source), f"{source!r} is mapped to itself, which changes nothing")
        for source, target in sorted(merges.items())
        if source == target
    ]
    return [*itself, *_kept_apart(merges, evidence), *_different(merges, evidence)]


def _kept_apart(merges: Mapping[str, str], evidence: Evidence) -> list[Defect]:
    """Find pairs of classes that are alike and not in use at the same time, by the two most alike of their labels."""
    members: dict[str, list[int]] = {}
    for place, label in enumerate(evidence.labels):
        members.setdefault(merges.get(label, label), []).append(place)
    # Successors come first among equals, whatever their names.
    alike = scores(evidence) + _successors(evidence)
    found = []
    for one, two in combinations(sorted(members), 2):
        places = np.ix_(members[one], members[two])
        # NaN, for a label without dates, compares as False: the pair is not judged.
        if alike[places].max() < SAME_SCORE or not evidence.date_overlap[places].max() < APART_OVERLAP:
            continue
        row, column = np.unravel_index(alike[places].argmax(), alike[places].shape)
        pair = candidate(evidence, members[one][row], members[two][column], merges)
        reason = (
            f"{_period(pair, 'old')} and {_period(pair, 'new')} stay two classes, but one follows the other and they "
            f"are alike (names {pair.name_similarity:.2f}, texts {pair.text_similarity:.2f})"
        )
        found.append(Defect("classes kept apart", (one, two), reason))
    return found


def _successors(evidence: Evidence) -> np.ndarray:
    """Return bool [L, L], symmetric: of one product, one after the other, and each closest to the other by its texts.

    Closest means among the labels that come after the earlier one, and among those that come before the later one. The
    names do not count: this finds labels that were reworded entirely.
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
    """Find merges of labels for different products in different words, and merges of labels with different texts."""
    place = {label: number for number, label in enumerate(evidence.labels)}
    found = []
    for source, target in sorted(merges.items()):
        if source == target or source not in place or target not in place:
            continue
        a, b = place[source], place[target]
        words = [_own_words(source, target), _own_words(target, source)]
        dates, products = evidence.date_overlap[a, b], evidence.product_overlap[a, b]
        if dates >= TOGETHER_OVERLAP and products < OTHER_PRODUCTS and all(words):
            reason = (
                f"{source!r} is merged into {target!r}, but both are in use at the same time (overlap {dates:.2f}) for "
                f"different products (overlap {products:.2f}), and one speaks of {words[0]}, the other of {words[1]}"
            )
            found.append(Defect("merge of different labels", (source, target), reason))
        elif min(evidence.rows[a], evidence.rows[b]) >= ENOUGH_TEXTS:
            similarity = evidence.text_similarity[a, b]
            closer = min(int(np.sum(evidence.text_similarity[side] > similarity)) for side in (a, b)) - 1
            if closer > CLOSER_SHARE * len(place):
                reason = (
                    f"{source!r} is merged into {target!r}, but their texts differ (similarity {similarity:.2f}): "
                    f"{closer} other labels are closer to each of the two"
                )
                found.append(Defect("merge of different labels", (source, target), reason))
    return found


def _own_words(label: str, other: str) -> str:
    """Return the words of `label` that `other` lacks, but for those that carry no meaning of their own."""
    words = [word for word in re.findall(r"\w+", label.casefold()) if word not in _FUNCTION_WORDS]
    return " ".join(word for word in words if word not in re.findall(r"\w+", other.casefold()))


def section(found: Sequence[Defect]) -> html_page.Section:
    """Return the defects as a table of the audit page."""
    text = (
        "What the complaints hold against the label map. Dates, products, names and texts raise a question; whether "
        "two labels mean the same is for a reader of complaints to say."
        if found
        else "The complaints hold nothing against the label map."
    )
    header = ("what", "why") if found else ()
    return html_page.Section("The label map", text, header, [(item.kind, item.reason) for item in found])
