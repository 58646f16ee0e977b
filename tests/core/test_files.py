"""Atomic writes, and bytes that depend on the content alone."""

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.core import parquet
from complaints.core.errors import UserError
from complaints.core.files import read_json, replacing_file, replacing_folder, write_json
from complaints.core.parquet import read_parquet, write_parquet

SCHEMA = pa.schema([pa.field("n", pa.int64()), pa.field("text", pa.string())])


def test_a_failed_write_leaves_only_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")

    def fail() -> None:
        with replacing_file(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]


def test_a_folder_is_replaced_completely_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with replacing_folder(target) as folder:
        (folder / "a").write_text("1")
    with replacing_folder(target) as folder:
        (folder / "b").write_text("2")
    assert [file.name for file in target.iterdir()] == ["b"]

    def fail() -> None:
        with replacing_folder(target) as folder:
            (folder / "c").write_text("3")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [file.name for file in target.iterdir()] == ["b"]
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


@given(st.lists(st.integers(0, 40), max_size=8))
def test_parquet_bytes_do_not_depend_on_the_division_into_tables(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    rows = 100
    table = pa.table({"n": range(rows), "text": [str(i) for i in range(rows)]}, schema=SCHEMA)
    bounds = [0, *sorted(min(cut * 3, rows) for cut in cuts), rows]
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
    before, parquet.ROW_GROUP_ROWS = parquet.ROW_GROUP_ROWS, 30
    try:
        assert write_parquet(folder / "whole", SCHEMA, [table]) == rows
        assert write_parquet(folder / "parts", SCHEMA, parts) == rows
    finally:
        parquet.ROW_GROUP_ROWS = before
    assert (folder / "whole").read_bytes() == (folder / "parts").read_bytes()
    assert pq.read_table(folder / "parts").to_pylist() == table.to_pylist()
    assert pq.ParquetFile(folder / "whole").num_row_groups == 4


def test_json_is_strict_and_sorted(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}


def test_a_missing_or_broken_input_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    for read, name in ((read_json, "json"), (read_parquet, "parquet")):
        with pytest.raises(UserError, match=rf"none\.{name} is missing; run `dvc repro`"):
            read(tmp_path / f"none.{name}")
        with pytest.raises(UserError, match=rf"bad\.{name} .*run `dvc repro`") as error:
            read(tmp_path / f"bad.{name}")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "is not valid JSON"),
        (b'"\xe9"', "is not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5000, "is not valid JSON"),
        (None, "is a folder"),
    ],
)
def test_json_of_any_damage_is_one_line(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(path)
    assert problem in str(error.value)
    assert ("put a file there" if content is None else "delete it and run `dvc repro`") in str(error.value)
