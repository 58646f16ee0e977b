"""One pass over raw complaints that keeps a few numbers of each row, and texts only where they are sampled."""

from collections import Counter
from dataclasses import dataclass, field, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.audit import encoding, languages, lengths
from complaints.audit.findings import Findings
from complaints.core.columns import Vocabulary, days, trimmed_labels
from complaints.core.schema import SPLITS
from complaints.dedup.clusters import Clusters, CopyFinder
from complaints.text import pii


@dataclass(frozen=True)
class Rows:
    """What is known of each row, all arrays [rows]."""

    words: np.ndarray
    redacted: np.ndarray
    """Words that hold a redaction mark."""
    label: np.ndarray
    """Index into the pass's label names, -1 for none."""
    day: np.ndarray
    """Days since 1970, label_stats.NO_DAY for none."""
    split: np.ndarray
    """Index into SPLITS, -1 for none."""


@dataclass
class AuditPass:
    """Takes the batches of a file one by one; its attributes are complete after the last."""

    short_words: int
    """A text of fewer words is very short."""
    sample: lengths.EvenSample
    """Texts whose tokens will be counted."""
    labels: Vocabulary = field(default_factory=Vocabulary)
    findings: Findings = field(default_factory=Findings)
    personal: Counter[str] = field(default_factory=Counter)
    """Kind of personal data -> how many times it was found."""
    _copies: CopyFinder = field(default_factory=CopyFinder)
    _rows: list[Rows] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of RAW_SCHEMA."""
        texts, row_ids = batch["text"], batch["row_id"]
        rows = Rows(
            words=lengths.count_words(texts),
            redacted=lengths.count_redacted_words(texts),
            label=self.labels.encode(trimmed_labels(batch["label"])),
            day=days(batch["date"]),
            split=pc.fill_null(pc.index_in(batch["source_split"], value_set=pa.array(SPLITS)), -1).to_numpy(),
        )
        self._rows.append(rows)
        self._copies.add(texts, row_ids)
        spoken = rows.words > 0
        self.sample.add(texts.filter(spoken), row_ids.filter(spoken))
        self._find("blank", row_ids, ~spoken)
        self._find("short", row_ids, spoken & (rows.words < self.short_words))
        for kind in encoding.PATTERNS:
            self._find(f"encoding_{kind}", row_ids, encoding.damaged(texts, kind))
        for index, code in languages.other_languages(texts, rows.words - rows.redacted):
            self.findings.add(f"language_{code}", [row_ids[index].as_py()])
        for index, counts in pii.find_each(texts):
            self.personal.update(counts)
            for kind in counts:
                self.findings.add(f"personal_{kind}", [row_ids[index].as_py()])

    def _find(self, kind: str, row_ids: pa.Array, found: np.ndarray | pa.Array) -> None:
        self.findings.add(kind, row_ids.filter(found).to_pylist())

    def rows(self) -> Rows:
        """Return what is known of all rows taken, and let go of the parts."""
        names = [column.name for column in fields(Rows)]
        columns = {name: [getattr(part, name) for part in self._rows] for name in names}
        self._rows = []
        return Rows(**{name: np.concatenate([np.empty(0, np.int32), *parts]) for name, parts in columns.items()})

    def clusters(self) -> Clusters:
        """Return the copies among all rows taken, and let go of what they were found by."""
        clusters = self._copies.clusters()
        self._copies = CopyFinder()
        return clusters
