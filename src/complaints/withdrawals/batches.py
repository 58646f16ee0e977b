"""Filter of withdrawn complaints in a stream of batches."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from complaints.dedup.normalize import normalize_text
from complaints.text.pii import mask_each
from complaints.withdrawals.ledger import Withdrawals


class WithdrawnFilter:
    """The rows of a source without the withdrawn ones, and the ids of those."""

    def __init__(self, withdrawals: Withdrawals, own_ids: bool) -> None:
        """Start without rows.

        Args:
            withdrawals: The withdrawn complaints.
            own_ids: Whether row ids are those of the source; row numbers name other rows in another file.
        """
        self._withdrawals, self._own_ids = withdrawals, own_ids
        self.row_ids: set[str] = set()
        """Ids of the rows left out; complete once all batches are drawn."""

    def apply(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches of RAW_SCHEMA without withdrawn rows; without any withdrawal, the same batches."""
        if not self._withdrawals:
            yield from batches
            return
        for batch in batches:
            withdrawn = self._withdrawn(batch)
            if any(withdrawn):
                self.row_ids.update(batch["row_id"].filter(pa.array(withdrawn)).to_pylist())
                batch = batch.filter(pa.array([not out for out in withdrawn]))
            yield batch

    def _withdrawn(self, batch: pa.RecordBatch) -> list[bool]:
        """Return whether each row is withdrawn."""
        covers_id, covers_normal = self._withdrawals.covers_id, self._withdrawals.covers_normal
        # A text without a word has no digest in the ledger, so its normal form, such as "#", is found there by chance
        # alone. This is `normal_form` without the test for words.
        normals = map(normalize_text, mask_each(batch["text"], Counter()).to_pylist())
        by_text = [covers_normal(normal) for normal in normals]
        if not self._own_ids:
            return by_text
        return [out or covers_id(row_id) for out, row_id in zip(by_text, batch["row_id"].to_pylist(), strict=True)]

    def without_ids(self, truth: dict[str, Any]) -> dict[str, Any]:
        """Return the ground truth of a synthetic corpus without the rows left out, and without groups of one row."""

        def kept(value: Any) -> Any:
            if isinstance(value, list):
                rows = [kept(item) for item in value if not (isinstance(item, str) and item in self.row_ids)]
                return [row for row in rows if not (isinstance(row, list) and len(row) < 2)]
            return value

        if not self.row_ids:
            return truth
        result = {key: kept(value) for key, value in truth.items()}
        labels = result.get("wrong_labels")
        if labels:
            result["wrong_labels"] = {row_id: name for row_id, name in labels.items() if row_id not in self.row_ids}
        return result
