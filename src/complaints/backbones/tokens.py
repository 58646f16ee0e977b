"""Texts as token ids on disk, tied to the tokenizer that made them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from complaints.core.errors import UserError
from complaints.core.files import read_json, read_parquet, write_parquet
from complaints.core.schema import TOKENS_SCHEMA

BATCH_ROWS = 2_000


@dataclass(frozen=True)
class TokenSet:
    """The tokens of one split as flat arrays: row i has ids[offsets[i]:offsets[i + 1]]."""

    row_ids: list[str]
    ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each row, int64 [rows]."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.labels)


def load_tokenizer(folder: Path) -> Any:
    """Load the fast tokenizer of a model folder, padding on the right.

    Where no token is for padding (decoders), the one that ends a text or the unknown one fills up rows, so that no
    embedding is added; the attention mask alone says what is padding, never the id.

    Raises:
        UserError: if there is none, only a slow one, whose ids may differ, or none of these tokens.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UserError(f"no tokenizer can be loaded from {folder.name}: {str(error).splitlines()[0]}") from None
    if not tokenizer.is_fast:
        raise UserError(f"{folder.name} has no fast tokenizer (tokenizer.json)")
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise UserError(f"the tokenizer in {folder.name} has no token to pad with: no pad, eos or unk token")
    return tokenizer


def encode(tokenizer: Any, texts: list[str], max_length: int) -> Any:
    """Return the tokenizer's output for `texts`, cut to `max_length` tokens and not padded.

    A text without any token (a blank one, where the tokenizer adds no special tokens) becomes one padding token.
    """
    output = tokenizer(texts, truncation=True, max_length=max_length)
    output["input_ids"] = [ids or [tokenizer.pad_token_id] for ids in output["input_ids"]]
    return output


def tokenizer_digest(tokenizer: Any) -> str:
    """Return the sha256 of all that decides a fast tokenizer's ids: vocabulary, rules, special tokens.

    Truncation and padding are set per call and left out.
    """
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    rules.pop("truncation", None)
    rules.pop("padding", None)
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def tokenize_split(tokenizer: Any, source: Path, target: Path, max_length: int) -> dict[str, int]:
    """Tokenize one split file into TOKENS_SCHEMA, batch by batch, and return counts for the report.

    Returns:
        rows, tokens, truncated (rows that lost their end to `max_length`), median_tokens, longest.
    """
    lengths: list[np.ndarray] = []
    truncated = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal truncated
        for batch in pq.ParquetFile(source).iter_batches(BATCH_ROWS, columns=["row_id", "text", "label_id"]):
            output = encode(tokenizer, batch["text"].to_pylist(), max_length)
            truncated += sum(1 for encoding in output.encodings if encoding.overflowing)
            lengths.append(np.array([len(ids) for ids in output["input_ids"]]))
            ids = pa.array(output["input_ids"], pa.list_(pa.int32()))
            yield pa.table([batch["row_id"], ids, batch["label_id"]], schema=TOKENS_SCHEMA)

    rows = write_parquet(target, TOKENS_SCHEMA, tables())
    all_lengths = np.concatenate(lengths)
    return {
        "rows": rows,
        "tokens": int(all_lengths.sum()),
        "truncated": truncated,
        "median_tokens": int(np.median(all_lengths)),
        "longest": int(all_lengths.max()),
    }


def read_tokens(path: Path) -> TokenSet:
    """Read one split's tokens; the ids are the Parquet column's own values, not copied row by row."""
    table = read_parquet(path).combine_chunks()
    column = table["input_ids"].chunk(0) if table.num_rows else pa.array([], pa.list_(pa.int32()))
    offsets = column.offsets.to_numpy().astype(np.int64)
    return TokenSet(
        row_ids=table["row_id"].to_pylist(),
        ids=column.values.to_numpy(),
        offsets=offsets,
        labels=table["label_id"].to_numpy().astype(np.int64),
    )


def check_tokenizer(meta_path: Path, tokenizer: Any) -> None:
    """Refuse tokens that another tokenizer made: their ids would mean other words to this backbone.

    Raises:
        UserError: if the digest that `tokenize` recorded in `meta_path` is not this tokenizer's.
    """
    recorded = read_json(meta_path)["tokenizer_sha256"]
    if recorded != tokenizer_digest(tokenizer):
        raise UserError(
            f"{meta_path.parent} was made by another tokenizer than the backbone's; run `dvc repro` to tokenize again"
        )
