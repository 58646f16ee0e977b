"""Recognition of withdrawn complaints in strings, by the digests of the ledger and by texts found on the way."""

import re
from collections.abc import Callable, Iterable

from complaints.forgetting.excerpts import SHORTEST_TEXT, letters, openings, spellings
from complaints.forgetting.strings import String
from complaints.withdrawals.ledger import Withdrawals, normal_form

SHORTEST_ID = 6
"""A shorter id, such as a row number, is recognised in columns of ids alone: elsewhere it may be any number."""
ID_COLUMNS = frozenset({"row_id", "id", "Complaint ID"})
MOST_REMEMBERED = 2_000_000
LONGEST_TEXT = 2**20
"""A longer string is no complaint, but may have one in it."""
PARTS = frozenset({"id", "text", "excerpt"})
"""The parts of a withdrawn complaint that a string may hold."""

_WORD = re.compile(r"\w+(?:[.-]\w+)*")


class Matcher:
    """The withdrawn complaints that strings hold; strings without any are remembered, since versions repeat them."""

    def __init__(
        self, withdrawals: Withdrawals, own_ids: bool = True, remaining: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """Start with the digests of a ledger.

        Args:
            withdrawals: The withdrawn complaints.
            own_ids: Whether row ids are those of the source, not numbers of rows.
            remaining: Reader of the texts of the complaints that remain.
        """
        self._withdrawals, self._own_ids, self._remaining = withdrawals, own_ids, remaining
        self._clean: set[int] = set()
        self._other_words: set[int] = set()
        self.ids: set[str] = set()
        """Withdrawn ids found so far."""
        self.texts: set[str] = set()
        """Withdrawn texts found so far, as they were spelt."""
        self._letters: set[str] = set()
        self._openings: set[str] | None = set()
        """Beginnings of the texts; None until the remaining complaints were compared with those learnt since."""

    def learn(self, ids: set[str], texts: set[str]) -> None:
        """Search for these ids and texts too, also within longer strings."""
        self.ids |= ids
        self.texts |= texts
        self._letters |= {form for text in texts for form in spellings(text)}
        if texts:
            self._openings = None
        self._clean.clear()

    def _is_id(self, value: str) -> bool:
        if value in self.ids:
            return True
        if not self._own_ids or hash(value) in self._other_words:
            return False
        if self._withdrawals.covers_id(value):
            self.ids.add(value)
            return True
        if len(self._other_words) >= MOST_REMEMBERED:
            self._other_words.clear()
        self._other_words.add(hash(value))
        return False

    def _has_id(self, column: str, value: str, within: bool) -> bool:
        if (column in ID_COLUMNS or len(value) >= SHORTEST_ID) and self._is_id(value):
            return True
        return within and any(self._is_id(word) for word in _WORD.findall(value) if len(word) >= SHORTEST_ID)

    def _text_parts(self, value: str, within: bool) -> set[str]:
        if len(value) <= LONGEST_TEXT and self._withdrawals.covers_normal(normal_form(value)):
            if value not in self.texts:
                self.learn(set(), {value})
            return {"text"}
        if not self._letters or len(value) < SHORTEST_TEXT:
            return set()
        form = letters(value)
        if any(known in form for known in self._letters):
            return {"text"}
        if within and self._openings is None:
            self._openings = openings(self.texts, self._remaining())
        return {"excerpt"} if within and any(opening in form for opening in self._openings or ()) else set()

    def find(self, string: String, within: bool = True) -> set[str]:
        """Return the parts of withdrawn complaints in a string, some of PARTS.

        Args:
            string: Column and value.
            within: Whether an id may be a word of a longer string, and a text be quoted by its beginning: not in tables
                of the pipeline, where a longer text is another complaint.
        """
        column, value = string
        key = hash((column in ID_COLUMNS, within, value))
        if key in self._clean:
            return set()
        found = {"id"} if self._has_id(column, value, within) else set()
        found |= self._text_parts(value, within)
        if not found:
            if len(self._clean) >= MOST_REMEMBERED:
                self._clean.clear()
            self._clean.add(key)
        return found
