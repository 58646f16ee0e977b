"""Causes of confusions that lie in the label map: two classes that are one label under two names."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from complaints.audit.label_evidence import Evidence, EvidenceCollector
from complaints.audit.map_defects import defects
from complaints.audit.renames import side_by_side

NEAR_EQUAL_NAMES = 0.65
"""Two class names are near-equal from this similarity on, as the audit measures it."""

ONE_FORM = 0.5
"""From this product of the overlaps of dates and products on, two classes are choices of one form, however similar
their names are: the form is at fault then, not the map."""

Kind = Literal["equal names", "rename", "near-equal names"]


@dataclass(frozen=True)
class Cause:
    """A cause of the confusion of two classes that is not the model's."""

    kind: Kind
    reason: str


@dataclass(frozen=True)
class Likeness:
    """The likeness of two classes, from 0 to 1; None if it is unknown."""

    names: float
    texts: float
    dates: float | None
    products: float | None


class MapEvidence:
    """Evidence of the training complaints on each pair of classes, measured as the audit measures raw labels."""

    def __init__(self, evidence: Evidence) -> None:
        """Find the pairs of classes that follow one another."""
        self._evidence = evidence
        self._side_by_side = side_by_side(evidence)
        self._index = {label: index for index, label in enumerate(evidence.labels)}
        # With an empty map, the labels of the evidence are the classes.
        self._renames = {frozenset(item.labels): item.reason for item in defects({}, evidence)}

    def likeness(self, one: str, two: str) -> Likeness | None:
        """Return the likeness of two classes, None if the evidence lacks one of them."""
        if one not in self._index or two not in self._index:
            return None
        a, b = self._index[one], self._index[two]
        found = self._evidence
        dates, products = float(found.date_overlap[a, b]), float(found.product_overlap[a, b])
        return Likeness(
            names=round(float(found.name_similarity[a, b]), 3),
            texts=round(float(found.text_similarity[a, b]), 3),
            dates=None if dates != dates else round(dates, 3),
            products=None if products != products else round(products, 3),
        )

    def cause(self, one: str, two: str) -> Cause | None:
        """Return the fault of the label map behind a confusion of two classes, None without evidence of one."""
        if _letters(one) == _letters(two):
            return Cause("equal names", f"{one!r} and {two!r} differ only in case or punctuation")
        if reason := self._renames.get(frozenset((one, two))):
            return Cause("rename", reason)
        likeness = self.likeness(one, two)
        if likeness is None or likeness.names < NEAR_EQUAL_NAMES or self._one_form(one, two):
            return None
        overlaps = [
            f"overlap of {name} {value:.2f}"
            for name, value in (("dates", likeness.dates), ("products", likeness.products))
            if value is not None
        ]
        known = f", and they are not choices of one form ({', '.join(overlaps)})" if overlaps else ""
        return Cause("near-equal names", f"the names are similar ({likeness.names:.2f}){known}")

    def _one_form(self, one: str, two: str) -> bool:
        # Without dates the degree is NaN, which compares as False.
        return bool(self._side_by_side[self._index[one], self._index[two]] >= ONE_FORM)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def gather(batches: Iterable[pa.RecordBatch], names: Sequence[str]) -> MapEvidence:
    """Return the evidence of complaints with the columns text, label_id, date and product of SPLIT_SCHEMA."""
    collector = EvidenceCollector()
    classes = pa.array(names, pa.string())
    for batch in batches:
        columns = {name: batch[name] for name in ("text", "date", "product")}
        collector.add(pa.record_batch({**columns, "label": classes.take(batch["label_id"])}))
    return MapEvidence(collector.evidence())
