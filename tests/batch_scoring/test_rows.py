import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.scored import texts, write_rows

from complaints.batch_scoring.rows import Block, Columns, read_blocks
from complaints.core.errors import UserError

COLUMNS = Columns("complaint_text", None, "utf-8", 40)


def all_rows(path: Path, columns: Columns = COLUMNS, rows: int = 10_000) -> Block:
    (block,) = read_blocks(path, columns, rows)
    return block


def test_bad_rows_of_csv_are_set_aside_with_reasons_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    head = b"\xef\xbb\xbfcomplaint_text,other\nfine,1\n ,2\ncaf\xc3\xa9,3\nbad \xff byte,4\nshort\n"
    file.write_bytes(head + b"x" * 41 + b",6\nlast,7\n")
    block = all_rows(file)
    assert list(zip(block.rows, block.texts, strict=True)) == [(1, "fine"), (3, "café"), (7, "last")]
    assert [(row, reason) for row, _, reason in block.rejected] == [
        (2, "empty text"),
        (4, "not decodable"),
        (5, "malformed: 1 fields where the header has 2"),
        (6, "too long"),
    ]


def test_bad_rows_of_json_lines_are_set_aside_with_reasons(tmp_path: Path) -> None:
    lines = [b'{"complaint_text": "fine"}', b'{"complaint_text": 5}', b"[1]", b"{", b'{"other": 1}']
    lines += [b'{"complaint_text": "\\ud800"}', b"\xff"]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    block = all_rows(tmp_path / "in.jsonl")
    assert block.texts == ["fine"]
    assert [reason for _, _, reason in block.rejected] == [
        "wrong type",
        "malformed: not a JSON object",
        "malformed: not JSON",
        "empty text",
        "not decodable",
        "not decodable",
    ]


def test_formats_have_the_same_rows_in_shards_of_any_size(tmp_path: Path) -> None:
    rows = [*texts(25), "", "y" * 41]
    write_rows(tmp_path / "in.csv", rows)
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"complaint_text": text}) + "\n" for text in rows))
    pq.write_table(pa.table({"complaint_text": rows}), tmp_path / "in.parquet")
    columns = Columns("complaint_text", None, "utf-8", 80)
    expected = all_rows(tmp_path / "in.csv", columns)
    assert len(expected) == 27
    assert len(expected.texts) == 26
    for suffix in ("csv", "jsonl", "parquet"):
        for size in (1, 4, 27):
            blocks = list(read_blocks(tmp_path / f"in.{suffix}", columns, size))
            assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
            assert [row for block in blocks for row in block.rows] == expected.rows
            assert [text for block in blocks for text in block.texts] == expected.texts
            assert [bad for block in blocks for bad in block.rejected] == expected.rejected


def test_a_quote_that_is_never_closed_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('complaint_text\nfine\n"open\n')
    with pytest.raises(UserError, match="line 3: unexpected end of data; mend its quotes"):
        list(read_blocks(tmp_path / "in.csv", COLUMNS, 10))
