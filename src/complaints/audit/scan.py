"""One pass over raw complaints that keeps a few numbers per row, and texts only in a sample."""

from collections import Counter
from dataclasses import dataclass, field, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.audit import encoding, languages, lengths
from complaints.audit.findings import Findings
from complaints.core.columns import Vocabulary, days, trimmed_labels
from complaints.core.schema import SPLITS
from complaints.dedup.clusters import Clusters, DuplicateFinder
from complaints.text import pii


@dataclass(frozen=True)
class RowNumbers:
    """Numbers of each row, all arrays [rows]."""

    words: np.ndarray
    redacted: np.ndarray
    """Words with a redaction mark."""
    label: np.ndarray
    """Index into the pass's label names, -1 for none."""
    day: np.ndarray
    """Days since 1970, core.columns.NO_DAY for none."""
    split: np.ndarray
    """Index into SPLITS, -1 for none."""


@dataclass
class AuditPass:
    """The pass: batches are added one by one, and the attributes are complete after the last batch."""

    short_words: int
    """A text with fewer words is short."""
    sample: lengths.EvenSample
    """Texts whose tokens are counted."""
    labels: Vocabulary = field(default_factory=Vocabulary)
    findings: Findings = field(default_factory=Findings)
    pii_values: Counter[str] = field(default_factory=Counter)
    """Kind of personal data -> number of values found."""
    _duplicates: DuplicateFinder = field(default_factory=DuplicateFinder)
    _batches: list[RowNumbers] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add a batch of RAW_SCHEMA."""
        texts, row_ids = batch["text"], batch["row_id"]
        numbers = RowNumbers(
            words=lengths.count_words(texts),
            redacted=lengths.count_redacted_words(texts),
            label=self.labels.encode(trimmed_labels(batch["label"])),
            day=days(batch["date"]),
            split=pc.fill_null(pc.index_in(batch["source_split"], value_set=pa.array(SPLITS)), -1).to_numpy(),
        )
        self._batches.append(numbers)
        self._duplicates.add(texts, row_ids)
        nonblank = numbers.words > 0
        self.sample.add(texts.filter(nonblank), row_ids.filter(nonblank))
        self._find("blank", row_ids, ~nonblank)
        self._find("short", row_ids, nonblank & (numbers.words < self.short_words))
        for kind in encoding.PATTERNS:
            self._find(f"encoding_{kind}", row_ids, encoding.damaged(texts, kind))
        for index, code in languages.other_languages(texts, numbers.words - numbers.redacted):
            self.findings.add(f"language_{code}", [row_ids[index].as_py()])
        for index, counts in pii.find_each(texts):
            self.pii_values.update(counts)
            for kind in counts:
                self.findings.add(f"personal_{kind}", [row_ids[index].as_py()])

    def _find(self, kind: str, row_ids: pa.Array, found: np.ndarray | pa.Array) -> None:
        self.findings.add(kind, row_ids.filter(found).to_pylist())

    def rows(self) -> RowNumbers:
        """Return the numbers of all rows added, and free those of the batches."""
        names = [column.name for column in fields(RowNumbers)]
        columns = {name: [getattr(batch, name) for batch in self._batches] for name in names}
        self._batches = []
        return RowNumbers(**{name: np.concatenate([np.empty(0, np.int32), *own]) for name, own in columns.items()})

    def clusters(self) -> Clusters:
        """Return the clusters of duplicates among all rows added, and free the memory that finding them took."""
        clusters = self._duplicates.clusters()
        self._duplicates = DuplicateFinder()
        return clusters
