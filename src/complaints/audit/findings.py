"""Which rows an audit found something in: all of them counted, the first ones of each kind listed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

LISTED = 10_000
"""At most so many rows of each kind are listed."""


@dataclass
class Findings:
    """Rows by what was found in them, in the order in which they come."""

    counts: dict[str, int] = field(default_factory=dict)
    """Kind -> rows."""
    _listed: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, row_ids: Iterable[str]) -> None:
        """Count rows of one kind; a row is to be added once for a kind."""
        listed = self._listed.setdefault(kind, [])
        rows = list(row_ids)
        self.counts[kind] = self.counts.get(kind, 0) + len(rows)
        listed += rows[: LISTED - len(listed)]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield (row id, kind), the kinds in alphabetical order."""
        for kind in sorted(self._listed):
            for row_id in self._listed[kind]:
                yield row_id, kind
