"""Every row of docs/bad-input.md on files of complaints: refused in its words without a change of outputs, or kept."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import bad_files
from support.bad_files import GOOD, HIDDEN, INPUTS, MEGABYTE, Row
from support.fetching import columns_of, fetch_params, file_params, run_fetch
from support.paths import ROOT
from support.tiny_models import save_bert

from complaints import cli
from complaints.backbones import tokens
from complaints.backbones.model_files import folder_digest
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.config import check
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.modeling import classifier
from complaints.sources import fetch as sources_fetch
from complaints.sources.params import FetchParams

DOC = (ROOT / "docs/bad-input.md").read_text(encoding="utf-8")
CHECKPOINTS = re.compile(r"\n## Checkpoints\n.*?(?=\n## )", re.DOTALL)
"""The section of the page whose rows are cases of tests/modeling/test_loading.py."""
ROW = re.compile(r"\| (?P<input>.+?) \| (?P<outcome>refused|kept) \| (?P<said>.*?) ?\|")
TABLE = [match for match in map(ROW.fullmatch, CHECKPOINTS.sub("", DOC).splitlines()) if match]
REFUSED = {row["input"]: re.findall(r"`(.+?)`", row["said"]) for row in TABLE if row["outcome"] == "refused"}
KEPT = [row["input"] for row in TABLE if row["outcome"] == "kept"]

ENCODINGS = {
    "Latin-1 read as Latin-1": "latin-1",
    "UTF-16 without its mark": "utf-16",
    "an unknown encoding": "utf-9",
}
MORE_COLUMNS: dict[str, dict[str, str]] = {
    "a string that is not a date": {"date": "date"},
    "a day that no month has": {"date": "date"},
    "a time that no day has": {"date": "date"},
    "a blank date": {"date": "date"},
    "a split called val, valid, dev or eval, in any case": {"split": "split"},
    "Parquet with a timestamp beyond the year 9999": {"date": "date"},
    "Parquet with INT96 timestamps in any of the years 1 to 9999": {"date": "date"},
    "an unknown split": {"split": "split"},
}
ROWS: dict[str, list[Row]] = {
    "Latin-1 read as Latin-1": [GOOD[0], ("2", "café", "Fees")],
    "a narrative of a megabyte": [("1", MEGABYTE, "Fees")],
    "direction marks and zero-width characters in a text": [("1", HIDDEN, "Fees")],
    "a blank text": [("1", "", "Fees"), ("2", " \n", "Fees")],
    "a blank label": [("1", "one", None), ("2", "two", None)],
    "a label with a no-break or zero-width space": [
        (str(number), "one", label) for number, label in enumerate(["Fees", "Late fees", "Fees", "Fees", None])
    ],
    "a split called val, valid, dev or eval, in any case": [(str(number), "one", "Fees") for number in range(5)],
    "integers as labels": [("1", "one", "1"), ("2", "two", "-20"), ("3", "three", None)],
    "booleans as labels": [("1", "one", "true"), ("2", "two", "false")],
}
"""Rows of the output, where they are not GOOD."""

SPLITS = {"a split called val, valid, dev or eval, in any case": {"validation", "train"}}

NOT_READ = {
    *MORE_COLUMNS,
    *("a missing column", "a fraction as label", "Parquet with fractions as labels", "an unreadable file"),
}
"""Refused by fetch because of a column that predict does not read, or refused only for users other than root."""

LARGE = {name for name in INPUTS if name.endswith(("compression ratio", "it declares", "a megabyte"))}
"""Too long for a model to label in a test."""

LABELS_EVENED = {"a label with a no-break or zero-width space": 4}

CHANGES: dict[str, Callable[[Path], object]] = {
    "a file that grows while it is read": lambda path: path.write_bytes(path.read_bytes() + b"3,three,Fees\n"),
    "a file that vanishes while it is read": Path.unlink,
}


@contextmanager
def user_for(name: str) -> Iterator[None]:
    """Drop root's permission to read any file, for the test of an unreadable file."""
    user = os.geteuid()
    if user == 0 and name == "an unreadable file":
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def params_for(name: str, path: Path) -> FetchParams:
    """Return the parameters for an input, checked like a params.yaml with its path."""
    file = file_params(columns_of(**MORE_COLUMNS.get(name, {})), encoding=ENCODINGS.get(name, "utf-8"))
    tree = fetch_params(Path("c.csv"), file=file).model_dump() | {"path": str(path)}
    return check(FetchParams, tree, prefix=("fetch",))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a folder with the outputs of a good run."""
    (path,) = bad_files.bytes_in("good.csv", bad_files.csv_bytes(GOOD))(tmp_path)
    run_fetch(params_for("good", path), tmp_path / "raw")
    path.unlink()
    return tmp_path / "raw"


def test_the_page_and_the_inputs_have_the_same_names() -> None:
    assert sorted(row["input"] for row in TABLE) == sorted([*INPUTS, *CHANGES])
    assert all(REFUSED.values()), "a refusal without its message"


@pytest.mark.parametrize("name", [name for name in REFUSED if name in INPUTS])
def test_a_refused_input_has_the_message_of_the_page_and_changes_no_output(
    tmp_path: Path, out: Path, name: str
) -> None:
    before = contents(out)
    for path in INPUTS[name](tmp_path):
        with user_for(name), pytest.raises(UserError) as caught:
            run_fetch(params_for(name, path), out)
        message = str(caught.value)
        assert message.isprintable()
        assert len(message) < 800
        assert [words for words in REFUSED[name] if words not in message] == [], message
        assert contents(out) == before


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_input_is_complete_and_counted(tmp_path: Path, out: Path, name: str) -> None:
    wanted = ROWS.get(name, GOOD)
    for path in INPUTS[name](tmp_path):
        manifest = run_fetch(params_for(name, path), out)
        assert json.loads((out / "source.json").read_text(encoding="utf-8")) == manifest
        rows = pq.read_table(out / "complaints.parquet").to_pylist()
        assert [(row["row_id"], row["text"], row["label"]) for row in rows] == wanted
        assert {row["source_split"] for row in rows} == SPLITS.get(name, {None})
        assert (manifest["rows_read"], manifest["rows_kept"], manifest["left_out"]) == (len(wanted), len(wanted), {})
        assert manifest["labels_evened"] == LABELS_EVENED.get(name, 0)
        assert manifest["files"][0]["sha256"] == file_digest(path)


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, out: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(out)
    (path,) = bad_files.bytes_in("c.csv", bad_files.csv_bytes(GOOD))(tmp_path)
    read_batches = sources_fetch.read_batches

    def read_and_change(*arguments: Any) -> Any:
        yield from read_batches(*arguments)
        CHANGES[name](path)

    monkeypatch.setattr(sources_fetch, "read_batches", read_and_change)
    with pytest.raises(UserError, match=REFUSED[name][0]):
        run_fetch(params_for(name, path), out)
    assert contents(out) == before


def test_a_narrative_of_a_megabyte_is_truncated_by_tokenize(tmp_path: Path, out: Path) -> None:
    (path, *_) = INPUTS["a narrative of a megabyte"](tmp_path)
    run_fetch(params_for("", path), out)
    rows = pq.read_table(out / "complaints.parquet", columns=["row_id", "text"])
    rows = rows.append_column("label_id", pa.array([0], pa.int32())).append_column("group", pa.array(["0"]))
    pq.write_table(rows, tmp_path / "train.parquet")
    tokenizer = load_tokenizer(save_bert(tmp_path / "pretrained"))
    counts = tokens.tokenize_split(tokenizer, tmp_path / "train.parquet", tmp_path / "tokens.parquet", 32, "start")
    assert counts.pop("sha256") == file_digest(tmp_path / "train.parquet")
    assert counts == {"rows": 1, "tokens": 32, "truncated": 1, "median_tokens": 32, "longest": 32}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    pretrained = save_bert(folder / "pretrained")
    backbone = resolve(f"path:{pretrained}@{folder_digest(pretrained)}")
    model = classifier.build(backbone, "linear", "mean", ["Fees", "Other"])
    (folder / "net").mkdir()
    classifier.save(
        model,
        load_tokenizer(backbone.folder),
        folder / "net",
        classifier.InferenceSettings("mean", 16, "start", "fp32"),
    )
    return folder / "net"


def predict(monkeypatch: pytest.MonkeyPatch, *options: object) -> int:
    monkeypatch.setattr("sys.argv", ["complaints", "predict", *map(str, options)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code))


@pytest.mark.parametrize("name", [name for name in INPUTS if name not in LARGE])
def test_predict_labels_every_row_or_refuses_in_one_line(
    tmp_path: Path, checkpoint: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "labelled.jsonl"
    options = ["--model", checkpoint, "--output", output, "--text-column", "text", "--id-column", "id"]
    for path in INPUTS[name](tmp_path):
        options_now = [*options, "--encoding", ENCODINGS.get(name, "utf-8"), "--input", path]
        if predict(monkeypatch, *options_now) == 0:
            rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
            assert capsys.readouterr().out.startswith(f"{len(rows)} rows labelled")
            # predict does not read labels, dates and splits.
            assert [row["row_id"] for row in rows] == [row[0] for row in ROWS.get(name, GOOD)] or name in NOT_READ
            output.unlink()
        else:
            message = capsys.readouterr().err
            assert name in REFUSED
            assert message.startswith("error: ")
            assert message.count("\n") == 1
            assert message.endswith("\n")
            assert "fetch." not in message
            assert not output.exists()


@pytest.mark.parametrize("output", ["folder.csv", "good.csv/labelled.csv"])
def test_predict_refuses_an_output_that_cannot_be_written_in_one_line(
    tmp_path: Path, checkpoint: Path, output: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = bad_files.bytes_in("good.csv", bad_files.csv_bytes(GOOD))(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    options = ["--model", checkpoint, "--input", path, "--output", tmp_path / output, "--text-column", "text"]
    assert predict(monkeypatch, *options) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {tmp_path / output} cannot be written (")
    assert message.count("\n") == 1


@pytest.mark.parametrize("link", ["the same path", "another spelling", "a symlink", "a hard link"])
def test_predict_refuses_to_replace_its_input(
    tmp_path: Path, checkpoint: Path, link: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = bad_files.bytes_in("good.csv", bad_files.csv_bytes(GOOD))(tmp_path)
    before, output = path.read_bytes(), tmp_path / "labelled.csv"
    if link == "a symlink":
        output.symlink_to(path)
    elif link == "a hard link":
        output.hardlink_to(path)
    else:
        output = path if link == "the same path" else tmp_path / "." / ".." / tmp_path.name / "good.csv"
    options = ["--model", checkpoint, "--input", path, "--output", output, "--text-column", "text"]
    assert predict(monkeypatch, *options) == 1
    assert "is the input, and its texts would be lost" in capsys.readouterr().err
    assert path.read_bytes() == before
