"""Rows of input files in blocks, with bad rows set aside instead of refused.

Blocks are cut as the readers of `complaints predict` cut batches: the rounding of a checkpoint's logits depends on the
batch, so the labels of both commands are the same only if their batches are.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError
from complaints.predicting.request import in_options
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import dialect_of, file_format
from complaints.sources.readers.chunk import BATCH_CHARACTERS, BATCH_ROWS, check_columns
from complaints.sources.readers.csv import DELIMITERS, FIELD_CHARACTERS
from complaints.sources.readers.lines import text_lines
from complaints.sources.readers.parquet import parquet_chunks

EMPTY, WRONG_TYPE, UNDECODABLE, TOO_LONG, MALFORMED = (
    "empty text",
    "wrong type",
    "not decodable",
    "too long",
    "malformed",
)

BYTES = "latin-1"
"""Encoding that maps each byte to a character: lines of UTF-8 are decoded one by one, so a wrong byte is a row's."""
BOM = "\xef\xbb\xbf"


@dataclass(frozen=True)
class Columns:
    """The columns to read, and the limits of a row."""

    text: str
    id: str | None
    encoding: str
    max_characters: int


@dataclass
class Block:
    """Consecutive rows of a file."""

    start: int
    """Number of the first row among all rows of the file, from 1."""
    rows: list[int] = field(default_factory=list)
    """Numbers of the good rows."""
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    rejected: list[tuple[int, str | None, str]] = field(default_factory=list)
    """Number, id and reason of each bad row."""

    def __len__(self) -> int:
        """Return the number of rows, good and bad."""
        return len(self.rows) + len(self.rejected)

    def add(self, row_id: str | None, text: str | None, reason: str | None, max_characters: int) -> None:
        """Add a row; `reason` is why it is bad, None if it was read."""
        row = self.start + len(self)
        reason = reason or _reason(text, max_characters)
        if reason is not None or text is None:
            self.rejected.append((row, row_id, reason or EMPTY))
            return
        self.rows.append(row)
        self.ids.append(str(row) if row_id is None else row_id)
        self.texts.append(text)


def _reason(text: str | None, max_characters: int) -> str | None:
    if text is None or not text.strip():
        return EMPTY
    if "\0" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
        return UNDECODABLE
    return TOO_LONG if len(text) > max_characters else None


Row = tuple[int, str | None, str | None, str | None]
"""Characters that count for the size of a block; id; text; and why the row is bad."""


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines; those of UTF-8 as one character per byte."""
    lines = text_lines(path, BYTES if _is_utf8(encoding) else encoding)
    yield next(lines, "").removeprefix(BOM if _is_utf8(encoding) else "\ufeff")
    yield from lines


def _decoded(text: str, encoding: str) -> str:
    return text.encode(BYTES).decode() if _is_utf8(encoding) else text


def _csv_rows(path: Path, columns: Columns) -> Iterator[Row]:
    dialect = dialect_of(path, _file_params(columns))
    csv.field_size_limit(FIELD_CHARACTERS)
    reader = csv.reader(_lines(path, columns.encoding), delimiter=DELIMITERS[dialect.delimiter], strict=True)
    try:
        header = [_decoded(name, columns.encoding) for name in next(reader, [])]
        wanted = {"text": columns.text} | ({"id": columns.id} if columns.id else {})
        check_columns(path, header, wanted, keys="")
        text_at, id_at = header.index(columns.text), header.index(columns.id) if columns.id else None
        for row in reader:
            if row:
                yield _csv_row(row, len(header), text_at, id_at, columns.encoding)
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num}: {error}; mend its quotes: no row after them can be read"
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: its header is not {columns.encoding}; name another with --encoding") from None


def _csv_row(row: list[str], fields: int, text_at: int, id_at: int | None, encoding: str) -> Row:
    if len(row) != fields:
        return 0, None, None, f"{MALFORMED}: {len(row)} fields where the header has {fields}"
    try:
        text, row_id = _decoded(row[text_at], encoding), None if id_at is None else _decoded(row[id_at], encoding)
    except UnicodeDecodeError:
        return 0, None, None, UNDECODABLE
    # The readers of `complaints predict` read the text for the label too.
    return 2 * len(text) + len(row_id or ""), row_id, text, None


def _json_rows(path: Path, columns: Columns) -> Iterator[Row]:
    for line in _lines(path, columns.encoding):
        if not line.isspace() and line:
            yield _json_row(line, columns)


def _json_row(line: str, columns: Columns) -> Row:
    try:
        line = _decoded(line, columns.encoding)
        value: Any = json.loads(line)
    except UnicodeDecodeError:
        return 0, None, None, UNDECODABLE
    except (ValueError, RecursionError):
        return 0, None, None, f"{MALFORMED}: not JSON"
    if not isinstance(value, dict):
        return 0, None, None, f"{MALFORMED}: not a JSON object"
    text, row_id = value.get(columns.text), value.get(columns.id) if columns.id else None
    if type(row_id) is int:
        row_id = str(row_id)
    if not isinstance(text, str | None) or not isinstance(row_id, str | None):
        return 0, None, None, WRONG_TYPE
    if row_id is not None and _reason(row_id, len(row_id)):
        return 0, None, None, f"{MALFORMED}: a blank or undecodable id"
    return len(line), row_id, text, None


def _file_params(columns: Columns) -> FileParams:
    named = ColumnParams(text=columns.text, label=columns.text, id=columns.id, date=None, product=None, split=None)
    return FileParams(format="auto", encoding=columns.encoding, delimiter="auto", quotes=True, columns=named)


def _text_blocks(rows: Iterator[Row], max_characters: int) -> Iterator[Block]:
    block, characters = Block(1), 0
    for counted, row_id, text, reason in rows:
        block.add(row_id, text, reason, max_characters)
        characters += counted
        if len(block) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield block
            block, characters = Block(block.start + len(block)), 0
    if len(block):
        yield block


def _parquet_blocks(path: Path, columns: Columns) -> Iterator[Block]:
    wanted = {"text": columns.text} | ({"id": columns.id} if columns.id else {})
    for chunk in parquet_chunks(path, wanted):
        block = Block(chunk.numbers[0]) if len(chunk.numbers) else Block(1)
        texts = chunk.columns["text"].to_pylist()
        ids = chunk.columns["id"].to_pylist() if columns.id else [None] * len(texts)
        for row_id, text in zip(ids, texts, strict=True):
            block.add(row_id, text, None, columns.max_characters)
        if len(block):
            yield block


def _cut(block: Block, rows: int) -> Iterator[Block]:
    """Yield a block in pieces of at most `rows` rows."""
    good, bad = 0, 0
    for start in range(block.start, block.start + len(block), rows):
        end, piece = start + rows, Block(start)
        while good < len(block.rows) and block.rows[good] < end:
            piece.rows.append(block.rows[good])
            piece.ids.append(block.ids[good])
            piece.texts.append(block.texts[good])
            good += 1
        while bad < len(block.rejected) and block.rejected[bad][0] < end:
            piece.rejected.append(block.rejected[bad])
            bad += 1
        yield piece


def read_blocks(path: Path, columns: Columns, shard_rows: int) -> Iterator[Block]:
    """Yield all rows of a file in order, in blocks of at most `shard_rows` rows.

    Raises:
        UserError: if the file cannot be read on: it is missing, damaged or of another type than its name says, has no
            such column, a quote of CSV that is never closed, or a NUL byte.
    """
    try:
        for block in _blocks(path, columns):
            yield from _cut(block, shard_rows)
    except UserError as error:
        message = in_options(str(error)).replace("--input", "INPUT")
        raise UserError(message.replace(f"not {BYTES}", f"not {columns.encoding}")) from None


def _blocks(path: Path, columns: Columns) -> Iterator[Block]:
    match file_format(path, "auto"):
        case "csv":
            return _text_blocks(_csv_rows(path, columns), columns.max_characters)
        case "jsonl":
            return _text_blocks(_json_rows(path, columns), columns.max_characters)
        case _:
            return _parquet_blocks(path, columns)
