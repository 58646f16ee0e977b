"""Files are replaced whole or not at all, with bytes that depend on content alone."""

import fcntl
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.core import files
from complaints.core.errors import UserError
from complaints.core.files import (
    read_json,
    read_parquet,
    replacing_file,
    replacing_folder,
    write_json,
    write_parquet,
)
from complaints.scoring.predictions import read_predictions, write_predictions

SCHEMA = pa.schema([pa.field("n", pa.int64()), pa.field("text", pa.string())])


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
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


def test_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
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
def test_parquet_bytes_do_not_depend_on_how_rows_come_in(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("parquet")
    rows = 100
    table = pa.table({"n": range(rows), "text": [str(i) for i in range(rows)]}, schema=SCHEMA)
    bounds = [0, *sorted(min(cut * 3, rows) for cut in cuts), rows]
    parts = [table.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
    before, files.ROW_GROUP_ROWS = files.ROW_GROUP_ROWS, 30
    try:
        assert write_parquet(folder / "whole", SCHEMA, [table]) == rows
        assert write_parquet(folder / "parts", SCHEMA, parts) == rows
    finally:
        files.ROW_GROUP_ROWS = before
    assert (folder / "whole").read_bytes() == (folder / "parts").read_bytes()
    assert pq.read_table(folder / "parts").to_pylist() == table.to_pylist()
    assert pq.ParquetFile(folder / "whole").num_row_groups == 4


def test_json_is_strict_and_sorted(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": 1}


def test_missing_or_broken_inputs_of_a_stage_are_one_line(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    for read, name in ((read_json, "json"), (read_parquet, "parquet")):
        with pytest.raises(UserError, match=rf"none\.{name} is missing; run `dvc repro`"):
            read(tmp_path / f"none.{name}")
        with pytest.raises(UserError, match=rf"bad\.{name} .*run `dvc repro`") as error:
            read(tmp_path / f"bad.{name}")
        assert "\n" not in str(error.value)


def test_predictions_come_back_by_split_in_order(tmp_path):
    ids = {"validation": ["b", "a"], "test": ["d"]}
    logits = {"validation": np.array([[1, 2], [3, 4]], "f4"), "test": np.array([[5, 6]], "f4")}
    write_predictions(tmp_path / "p.parquet", ids, logits)
    for split, (row_ids, values) in read_predictions(tmp_path / "p.parquet").items():
        assert row_ids == ids[split]
        assert np.array_equal(values, logits[split])
    with pytest.raises(ValueError, match="logits of shape"):
        write_predictions(tmp_path / "p.parquet", ids, {**logits, "test": np.zeros((2, 2), "f4")})


def test_predictions_of_unequal_width_are_refused(tmp_path):
    table = pa.table({"row_id": ["a", "b"], "split": ["test", "test"], "logits": [[1.0], [1.0, 2.0]]})
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(UserError, match="not all of one length"):
        read_predictions(tmp_path / "p.parquet")


def _stage(body: str, folder: Path) -> subprocess.CompletedProcess:
    script = folder / "probe.py"
    script.write_text(
        f"from complaints.core import stage\nfrom complaints.core.errors import UserError\n{body}\nstage.run(main)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    return subprocess.run([sys.executable, script], cwd=folder, env=environment, capture_output=True, text=True)


def test_stage_turns_a_user_error_into_one_line_and_status_1(tmp_path):
    result = _stage("def main():\n    raise UserError('a.csv, line 3: broken; mend it')", tmp_path)
    assert result.returncode == 1
    assert result.stderr == "error: probe: a.csv, line 3: broken; mend it\n"


def test_stage_does_not_run_twice_at_once(tmp_path):
    (tmp_path / "scratch/locks").mkdir(parents=True)
    with open(tmp_path / "scratch/locks/probe", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = _stage("def main():\n    print('ran')", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "probe is already running in this folder" in result.stderr
    assert _stage("def main():\n    print('ran')", tmp_path).stdout == "ran\n"
