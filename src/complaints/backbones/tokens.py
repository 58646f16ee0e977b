"""Token ids of texts: written by split, read back as flat arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from complaints.backbones.tokenizer import encode, make_cut
from complaints.core.files import file_digest
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import TOKENS_SCHEMA

BATCH_ROWS = 2_000


@dataclass(frozen=True)
class TokenSet:
    """The tokens of one split as flat arrays: row i has ids[offsets[i]:offsets[i + 1]]."""

    row_ids: list[str]
    ids: np.ndarray
    """Token ids, int32 or int64 [tokens]."""
    offsets: np.ndarray
    """Index of each row's first token, and the number of tokens, int64 [rows + 1]."""
    labels: np.ndarray
    """Class ids, int64 [rows]."""

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each row, int64 [rows]."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "TokenSet":
        """Return the rows at these indices, int64, in their order."""
        ends = np.cumsum(self.lengths[rows])
        positions = np.arange(ends[-1]) + np.repeat(self.offsets[rows] - ends + self.lengths[rows], self.lengths[rows])
        row_ids = [self.row_ids[row] for row in rows]
        return TokenSet(row_ids, self.ids[positions], np.concatenate([[0], ends]), self.labels[rows])

    def followed_by(self, other: "TokenSet") -> "TokenSet":
        """Return these rows and, after them, those of another set."""
        return TokenSet(
            self.row_ids + other.row_ids,
            np.concatenate([self.ids, other.ids]),
            np.concatenate([self.offsets, other.offsets[1:] + len(self.ids)]),
            np.concatenate([self.labels, other.labels]),
        )


def tokenize_split(tokenizer: Any, source: Path, target: Path, max_length: int, truncation: str) -> dict[str, Any]:
    """Write the tokens of one split file in TOKENS_SCHEMA, batch by batch, and return its digest and counts.

    Args:
        tokenizer: The backbone's tokenizer.
        source: The split file, with row_id, text, label_id and group.
        target: The file to replace.
        max_length: Longest input, in tokens.
        truncation: The part of a longer text to keep: `start`, `end` or `both`.

    Returns:
        sha256 (of the split file), rows, tokens, truncated (rows longer than `max_length`), median_tokens and longest.
    """
    lengths: list[np.ndarray] = []
    truncated = 0
    cut = make_cut(tokenizer, max_length, truncation)

    def tables() -> Iterator[pa.Table]:
        nonlocal truncated
        for batch in pq.ParquetFile(source).iter_batches(BATCH_ROWS, columns=["row_id", "text", "label_id", "group"]):
            rows = encode(tokenizer, batch["text"].to_pylist())
            truncated += sum(len(row) > max_length for row in rows)
            rows = [cut(row) for row in rows]
            lengths.append(np.array([len(row) for row in rows]))
            ids = pa.array(rows, pa.list_(pa.int32()))
            yield pa.table([batch["row_id"], ids, batch["label_id"], batch["group"]], schema=TOKENS_SCHEMA)

    rows = write_parquet(target, TOKENS_SCHEMA, tables())
    all_lengths = np.concatenate(lengths)
    return {
        "sha256": file_digest(source),
        "rows": rows,
        "tokens": int(all_lengths.sum()),
        "truncated": truncated,
        "median_tokens": int(np.median(all_lengths)),
        "longest": int(all_lengths.max()),
    }


def encode_texts(tokenizer: Any, texts: list[str], max_length: int, truncation: str = "start") -> TokenSet:
    """Return the tokens of texts, cut to `max_length`; row ids are empty and labels zero."""
    cut = make_cut(tokenizer, max_length, truncation)
    # A tokenizer refuses an empty list.
    ids = [cut(row) for row in encode(tokenizer, texts)] if texts else []
    return TokenSet(
        row_ids=[],
        ids=np.concatenate([np.empty(0, np.int64), *(np.asarray(row, dtype=np.int64) for row in ids)]),
        offsets=np.cumsum([0] + [len(row) for row in ids]),
        labels=np.zeros(len(ids), dtype=np.int64),
    )


def read_tokens(path: Path) -> TokenSet:
    """Return one split's tokens; the ids are the memory of the Parquet column, not a copy."""
    table = read_parquet(path, ["row_id", "input_ids", "label_id"]).combine_chunks()
    column = table["input_ids"].chunk(0) if table.num_rows else pa.array([], pa.list_(pa.int32()))
    offsets = column.offsets.to_numpy().astype(np.int64)
    return TokenSet(
        row_ids=table["row_id"].to_pylist(),
        ids=column.values.to_numpy(),
        offsets=offsets,
        labels=table["label_id"].to_numpy().astype(np.int64),
    )


def read_clusters(path: Path) -> list[str]:
    """Return the name of the cluster of near duplicates of each row of a split's tokens."""
    return read_parquet(path, ["group"])["group"].to_pylist()
