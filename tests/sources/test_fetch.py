"""Fetch writes all of its outputs or none, and a manifest that depends only on the content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.fetching import fetch_params, run_fetch

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources import fetch as sources_fetch

HEADER = "id,text,label\n"


def write_csv(path: Path, rows: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + "".join(f"{i},text {i},label {i % 3}\n" for i in range(rows)), encoding="utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_truth_and_manifest_are_written(tmp_path: Path) -> None:
    path, out = write_csv(tmp_path / "in.csv", 50), tmp_path / "raw"
    manifest = run_fetch(fetch_params(path), out)
    table = pq.read_table(out / "complaints.parquet")
    assert table.schema.names == RAW_SCHEMA.names
    assert table["row_id"].to_pylist() == [str(i) for i in range(50)]
    assert json.loads((out / "truth.json").read_text()) == {}
    assert json.loads((out / "source.json").read_text()) == manifest
    assert manifest == {
        "source": "file",
        "synthetic": False,
        "files": [
            {
                "name": "in.csv",
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
        ],
        "rows_read": 50,
        "rows_kept": 50,
        "left_out": {},
        "labels_evened": 0,
        "complaints_sha256": hashlib.sha256((out / "complaints.parquet").read_bytes()).hexdigest(),
    }


def test_outputs_depend_only_on_the_content(tmp_path: Path) -> None:
    for folder in ["a", "b"]:
        run_fetch(fetch_params(write_csv(tmp_path / folder / "in.csv", 30)), tmp_path / f"raw_{folder}")
    assert contents(tmp_path / "raw_a") == contents(tmp_path / "raw_b")


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (None, "does not exist"),
        ("", "is empty"),
        (HEADER, "has no rows"),
        ("id,text\n1,a\n", "no column 'label'"),
        (HEADER + "".join(f"{i},a,b\n" for i in range(30_000)) + "1,a\n", "line 30002: 2 fields"),
        (HEADER + "1,a,b\n1,c,d\n", "line 3: the id '1' is also that of line 2"),
        (HEADER + '1,"a,b\n', "line 2: a quote is opened and never closed"),
    ],
)
def test_a_refused_file_leaves_the_earlier_outputs_untouched(
    tmp_path: Path, content: str | None, fragment: str
) -> None:
    out = tmp_path / "raw"
    run_fetch(fetch_params(write_csv(tmp_path / "good.csv", 20)), out)
    before = contents(out)
    if content is not None:
        (tmp_path / "bad.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"bad\.csv") as caught:
        run_fetch(fetch_params(tmp_path / "bad.csv"), out)
    assert fragment in str(caught.value)
    assert contents(out) == before


def test_a_failure_after_the_rows_are_written_leaves_the_earlier_outputs_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "raw"
    run_fetch(fetch_params(write_csv(tmp_path / "in.csv", 20)), out)
    before = contents(out)

    def full_disk(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(sources_fetch, "write_json", full_disk)
    with pytest.raises(OSError, match="no space left"):
        run_fetch(fetch_params(write_csv(tmp_path / "in.csv", 30)), out)
    assert contents(out) == before


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write_csv(tmp_path / "in.csv", 20), tmp_path / "raw"
    read_batches = sources_fetch.read_batches

    def read_and_change(*arguments: Any) -> Any:
        yield from read_batches(*arguments)
        write_csv(path, 21)

    monkeypatch.setattr(sources_fetch, "read_batches", read_and_change)
    with pytest.raises(UserError, match=r"in\.csv changed while it was being read"):
        run_fetch(fetch_params(path), out)
    assert contents(out) == {}


def test_the_manifest_is_put_in_place_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    replace = sources_fetch.replacing_file.__globals__["os"].replace

    def recorded(old: Path, new: Path) -> None:
        order.append(Path(new).name)
        replace(old, new)

    monkeypatch.setattr("complaints.core.files.os.replace", recorded)
    run_fetch(fetch_params(write_csv(tmp_path / "in.csv", 5)), tmp_path / "raw")
    assert [name for name in order if not name.startswith(".")] == ["complaints.parquet", "truth.json", "source.json"]


def test_the_synthetic_source_is_marked_and_keeps_its_ground_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Path, int, int]] = []

    def make_corpus(banks: Path, rows: int, seed: int) -> tuple[pa.Table, dict[str, Any]]:
        calls.append((banks, rows, seed))
        columns = {"row_id": ["a", "b"], "text": ["x", ""], "label": ["y", None]}
        rest = {name: [None, None] for name in RAW_SCHEMA.names[3:]}
        return pa.table(columns | rest, schema=RAW_SCHEMA), {"wrong_labels": {"a": "z"}}

    monkeypatch.setattr(sources_fetch, "make_corpus", make_corpus)
    manifest = run_fetch(fetch_params(tmp_path / "banks", source="sample"), tmp_path / "raw")
    assert calls == [(tmp_path / "banks", 300, 5)]
    assert manifest["synthetic"] is True
    assert manifest["files"] == []
    assert (manifest["rows_read"], manifest["rows_kept"]) == (2, 2)
    assert json.loads((tmp_path / "raw" / "truth.json").read_text()) == {"wrong_labels": {"a": "z"}}
