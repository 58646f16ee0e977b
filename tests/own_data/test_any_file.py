"""Any file is reported on by init or refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bad_files import INPUTS
from support.own_data import look

from complaints.core.errors import UserError


def outcome(path: Path) -> str:
    """Return the report on a file, or its refusal: one line, in the words of the command's options."""
    try:
        lines = look(path, dry_run=True)
    except UserError as error:
        message = str(error)
        assert message.isprintable()
        assert "fetch." not in message.replace("fetch.path is", "")
        return message
    assert all(line.isprintable() for line in lines)
    return "\n".join(lines)


@pytest.mark.parametrize("name", [name for name in INPUTS if not name.endswith(("ratio", "characters", "megabyte"))])
def test_every_bad_input_is_reported_on_or_refused(tmp_path: Path, name: str) -> None:
    for path in INPUTS[name](tmp_path):
        assert outcome(path)


LINES = (b"text,label\n", b"text\tlabel\n", b"a b,x\n", b"d e\ty\n", b'{"text":"a b","label":1}\n', b'"', b"\n", b"[")


@settings(max_examples=60)
@given(st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.txt", "a.json", "a.csv.gz"]), st.data())
def test_any_bytes_are_reported_on_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(b"".join(data.draw(st.lists(st.sampled_from(LINES) | st.binary(max_size=9), max_size=12))))
    assert outcome(path)


TEXTS = st.sampled_from(["a b", "c d e", "f"]) | st.text(max_size=9)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.lists(st.integers(), max_size=2)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(["text", "label", "id", "date", ""]), VALUES), min_size=1, max_size=9))
def test_any_json_objects_are_reported_on_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "objects.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *rows]))
    assert outcome(path)
