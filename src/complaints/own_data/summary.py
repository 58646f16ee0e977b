"""Summary of a file as the stage fetch will read it: labels, lengths, splits, and the parameters that suit them."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from complaints.audit.lengths import EvenSample, token_numbers
from complaints.core.columns import blank_texts
from complaints.core.errors import UserError
from complaints.core.schema import SPLITS
from complaints.dedup.normalize import normalize_text, text_key
from complaints.text.label_names import normalize_label_names

SAMPLED_TEXTS = 2000
"""Tokens are counted on at most this many texts."""

MAX_LENGTHS = (16, 32, 48, 64, 96, 128, 192, 256)
"""Input lengths to choose from; texts beyond the last are truncated, since steps become slow."""

TRUNCATED = 0.02
"""At most this share of the texts is truncated, where a length allows it."""

MIN_COUNT = 5
"""Fewest rows of a class, unless fewer than two classes have as many."""

LEARNED_COUNT = 3
"""Rows, and different texts, of a class that train, validation and test can have one each of."""

FEW_TEXTS = 60
"""Of fewer different texts, validation may get none: of so many in two classes, by the fractions of params.yaml, with a
probability of about 1 %."""


@dataclass
class Summary:
    """Counts over all rows of a file in RAW_SCHEMA."""

    rows: int = 0
    blank: int = 0
    """Rows with a blank text."""
    unlabeled: int = 0
    """Rows with a text and without a label."""
    labels: Counter[str] = field(default_factory=Counter)
    """Usable rows by label."""
    splits: Counter[str | None] = field(default_factory=Counter)
    """Usable rows by the source's own split, None for none."""
    sample: EvenSample = field(default_factory=lambda: EvenSample(SAMPLED_TEXTS))
    _texts: array = field(default_factory=lambda: array("Q"))
    """Key of each text that is not blank; exact duplicates share it."""
    _labelled: array = field(default_factory=lambda: array("b"))
    """Whether the row of each of them has a label."""
    _texts_of: dict[str, set[int]] = field(default_factory=dict)
    """Up to LEARNED_COUNT different keys of each label."""

    @property
    def duplicates(self) -> int:
        """Return the number of texts that are exact duplicates of an earlier one."""
        return len(self._texts) - len(np.unique(np.frombuffer(self._texts, np.uint64)))

    @property
    def distinct(self) -> int:
        """Return the number of different texts with a label."""
        return len(np.unique(np.frombuffer(self._texts, np.uint64)[np.frombuffer(self._labelled, bool)]))

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows in RAW_SCHEMA."""
        # The stage fetch normalises labels, which merges names with an invisible difference.
        labels = normalize_label_names(batch["label"])
        filled = pc.invert(blank_texts(batch["text"]))
        usable = pc.and_(filled, pc.is_valid(labels))
        self.rows += batch.num_rows
        self.blank += batch.num_rows - filled.true_count
        self.unlabeled += filled.true_count - usable.true_count
        self.labels.update(labels.filter(usable).to_pylist())
        self.splits.update(batch["source_split"].filter(usable).to_pylist())
        texts, row_ids = batch["text"].filter(filled), batch["row_id"].filter(filled)
        self.sample.add(texts, row_ids)
        pairs = zip(texts.to_pylist(), row_ids.to_pylist(), strict=True)
        keys = [text_key(normalize_text(text), row_id) for text, row_id in pairs]
        self._texts.extend(keys)
        self._labelled.extend(usable.filter(filled).to_pylist())
        for key, label in zip(keys, labels.filter(filled).to_pylist(), strict=True):
            known = self._texts_of.setdefault(label, set()) if label is not None else None
            if known is not None and len(known) < LEARNED_COUNT:
                known.add(key)

    def min_count(self) -> int:
        """Return the fewest rows of a class: MIN_COUNT, or less where two classes could not have as many.

        Raises:
            UserError: if there are fewer than two labels, or fewer than two with a row, or a text, for each split.
        """
        if len(self.labels) < 2:
            found = f"one label, {next(iter(self.labels))!r}" if self.labels else "no label"
            raise UserError(f"the texts have {found}, and two are needed; name another column with --label COLUMN")
        second = self.labels.most_common(2)[1][1]
        if second < LEARNED_COUNT:
            raise UserError(
                f"the texts have {len(self.labels):,} labels, of which fewer than two occur {LEARNED_COUNT} times, "
                "once each in train, validation and test; name another column with --label COLUMN"
            )
        least = min(MIN_COUNT, second)
        various = [label for label, rows in self.labels.items() if rows >= least and self._is_various(label)]
        if self.is_drawn() and len(various) < 2:
            raise UserError(
                f"the texts have {len(self.labels):,} labels, of which fewer than two have {LEARNED_COUNT} different "
                f"texts, one each for train, validation and test ({self.duplicates:,} exact duplicates do not count); "
                "add other texts, or name another column with --text COLUMN or --label COLUMN"
            )
        return least

    def _is_various(self, label: str) -> bool:
        return len(self._texts_of[label]) >= LEARNED_COUNT

    def split_method(self) -> str:
        """Return `canonical` if the source's own splits have train and test for all usable rows, else `grouped`."""
        own = set(self.splits)
        return "canonical" if {SPLITS[0], SPLITS[2]} <= own and None not in own else "grouped"

    def is_drawn(self) -> bool:
        """Return whether the stage split draws a split, at least that of validation."""
        return self.split_method() == "grouped" or SPLITS[1] not in self.splits


@dataclass(frozen=True)
class Lengths:
    """Tokens of a sample of the texts, and the input length that suits them."""

    median: int
    p95: int
    longest: int
    max_length: int
    truncated: float
    """Share of the texts that `max_length` truncates."""


def summarise(batches: Iterable[pa.RecordBatch]) -> Summary:
    """Return the summary of batches in RAW_SCHEMA."""
    summary = Summary()
    for batch in batches:
        summary.add(batch)
    return summary


def measure_lengths(sample: EvenSample, tokenizer: Tokenizer) -> Lengths:
    """Return the lengths of a sample of at least one text; the tokenizer neither truncates nor pads."""
    numbers = token_numbers(tokenizer, sample, MAX_LENGTHS)
    shares: dict[str, float] = numbers["truncated_share"]
    fitting = [length for length in MAX_LENGTHS if shares[str(length)] <= TRUNCATED]
    chosen = fitting[0] if fitting else MAX_LENGTHS[-1]
    return Lengths(numbers["p50"], numbers["p95"], numbers["max"], chosen, shares[str(chosen)])
