"""Row ids by the kind of finding: all rows are counted, the first ones of each kind are listed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

LISTED = 10_000
"""Maximum number of listed rows per kind."""


@dataclass
class Findings:
    """Rows with findings, in the order in which they were added."""

    counts: dict[str, int] = field(default_factory=dict)
    """Kind -> number of rows."""
    _listed: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, row_ids: Iterable[str]) -> None:
        """Add rows of one kind; a row must be added only once per kind."""
        listed = self._listed.setdefault(kind, [])
        rows = list(row_ids)
        self.counts[kind] = self.counts.get(kind, 0) + len(rows)
        listed += rows[: LISTED - len(listed)]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the listed (row id, kind), the kinds in alphabetical order."""
        for kind in sorted(self._listed):
            for row_id in self._listed[kind]:
                yield row_id, kind
