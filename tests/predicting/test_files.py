"""Labelled files: rows in order, kept columns unchanged in every pair of formats, and no label for a blank text."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.predictions_of import WordModel, make_folder, replace_loading, run_predict

TEXTS = ["a fee", "", "a loan", " \u00a0\t", "a card"]
NAMES = ['Zoë, "Z"', "two\nlines", "", " padded ", "=1+1"]
NUMBERS = ["007", "1e5", "-0.10", "", "12345678901234567890"]
PREDICTED = ["label", "probability", "label_2", "probability_2", "label_3", "probability_3"]


def write_csv(path: Path, columns: dict[str, list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_parquet(path: Path, columns: dict[str, list[Any]]) -> None:
    pq.write_table(pa.table(columns), path)


def write_jsonl(path: Path, columns: dict[str, list[Any]]) -> None:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS: dict[str, Callable[[Path, dict[str, list[Any]]], None]] = {
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".jsonl": write_jsonl,
}


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an output; a CSV file has "" for a null."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_constant=pytest.fail) for line in lines]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WordModel:
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "net")
    model = WordModel()
    replace_loading(monkeypatch, model)
    return model


def label(monkeypatch: pytest.MonkeyPatch, source: str, target: str, *options: str) -> int:
    return run_predict(monkeypatch, "--model", "net", "--input", source, "--output", target, *options)


def keep(*names: str) -> list[str]:
    return [word for name in names for word in ("--keep", name)]


@pytest.mark.parametrize("target", WRITERS)
@pytest.mark.parametrize("source", WRITERS)
def test_kept_columns_are_unchanged_in_the_order_of_the_options(
    model: WordModel, source: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"complaint_text": TEXTS, "name": NAMES, "no.": NUMBERS, "text": NAMES[::-1], "other": NAMES}
    WRITERS[source](Path(f"in{source}"), columns)
    kept = ["text", "no.", "name", "complaint_text"]
    assert label(monkeypatch, f"in{source}", f"out{target}", *keep(*kept)) == 0
    rows = read(Path(f"out{target}"))
    assert list(rows[0]) == ["row_id", *kept, *PREDICTED]
    for name in kept:
        assert [row[name] for row in rows] == columns[name]
    assert [row["row_id"] for row in rows] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("target", WRITERS)
@pytest.mark.parametrize("source", WRITERS)
def test_a_blank_text_has_no_label_and_is_counted(
    model: WordModel,
    source: str,
    target: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    WRITERS[source](Path(f"in{source}"), {"complaint_text": TEXTS})
    assert label(monkeypatch, f"in{source}", f"out{target}") == 0
    missing = "" if target == ".csv" else None
    rows = read(Path(f"out{target}"))
    assert [row["label"] for row in rows] == ["fee", missing, "loan", missing, "card"]
    for row in (rows[1], rows[3]):
        assert [row[name] for name in PREDICTED] == [missing] * 6
    assert model.texts == ["a fee", "a loan", "a card"]
    printed = capsys.readouterr()
    assert printed.err == "note: 2 of 5 texts are blank and have no label: rows 2, 4\n"
    assert printed.out.startswith(f"5 rows labelled in out{target}")


def test_only_the_first_blank_rows_are_named_and_json_prints_the_counts(
    model: WordModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second batch of the reader begins at row 10,001."""
    write_csv(Path("in.csv"), {"complaint_text": ["x", *["y"] * 9_998, "", *[""] * 7], "id": [*range(10_007)]})
    assert label(monkeypatch, "in.csv", "out.csv", "--json") == 0
    printed = capsys.readouterr()
    assert printed.err.endswith("rows 10000, 10001, 10002, 10003, 10004, ...\n")
    assert json.loads(printed.out) == {"rows": 10_007, "blank": 8, "output": "out.csv"}


def test_a_file_of_blank_texts_alone_has_no_labels(model: WordModel, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(Path("in.csv"), {"complaint_text": ["", " "], "id": ["a", "b"]})
    assert label(monkeypatch, "in.csv", "out.parquet", "--id-column", "id") == 0
    table = pq.read_table("out.parquet")
    assert table["row_id"].to_pylist() == ["a", "b"]
    assert table["label"].null_count == table["probability_3"].null_count == 2


TYPED: dict[str, list[Any]] = {
    "day": [date(2020, 2, 29), None],
    "time": [datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), None],
    "sum": [Decimal("1.50"), None],
    "number": [3, None],
    "share": [0.1, float("nan")],
    "yes": [True, None],
    "none": [None, None],
}


@pytest.mark.parametrize("target", WRITERS)
def test_types_of_parquet_columns_stay_or_become_their_usual_text(
    model: WordModel, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = pa.array(["x", "y"]).dictionary_encode()
    pq.write_table(pa.table({"complaint_text": ["a fee", "a loan"], **TYPED, "kind": kind}), "in.parquet")
    assert label(monkeypatch, "in.parquet", f"out{target}", *keep(*TYPED, "kind")) == 0
    first, second = read(Path(f"out{target}"))
    if target == ".parquet":
        assert {name: first[name] for name in TYPED} == {name: values[0] for name, values in TYPED.items()}
        assert pq.read_schema("out.parquet").field("time").type == pa.timestamp("us", "UTC")
    elif target == ".csv":
        assert [first[name] for name in TYPED][:5] == ["2020-02-29", "2020-01-02 03:04:05.000000Z", "1.50", "3", "0.1"]
        assert second["number"] == second["none"] == ""
    else:
        assert [first[name] for name in TYPED][2:] == ["1.50", 3, 0.1, True, None]
        assert second["share"] is None
    assert first["kind"] == "x"


@pytest.mark.parametrize("target", [".csv", ".jsonl"])
def test_a_type_that_the_output_cannot_hold_is_refused(
    model: WordModel, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"complaint_text": ["a fee"], "tags": [["a"]]}), "in.parquet")
    assert label(monkeypatch, "in.parquet", f"out{target}", *keep("tags")) == 1
    assert "--keep tags: it holds list<" in capsys.readouterr().err
    assert label(monkeypatch, "in.parquet", "out.parquet", *keep("tags")) == 0
    assert read(Path("out.parquet"))[0]["tags"] == ["a"]


VALUES = ["text", "", 3, 1.5, True, None, [1, {"a": "ü"}], {"b": None}]


@pytest.mark.parametrize("target", WRITERS)
def test_json_values_stay_in_json_lines_and_are_json_elsewhere(
    model: WordModel, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(Path("in.jsonl"), {"complaint_text": ["a fee"] * len(VALUES), "value": VALUES})
    with open("in.jsonl", "a") as stream:
        stream.write('{"complaint_text": "the key is missing"}\n')
    assert label(monkeypatch, "in.jsonl", f"out{target}", *keep("value")) == 0
    found = [row["value"] for row in read(Path(f"out{target}"))]
    if target == ".jsonl":
        assert found == [*VALUES, None]
    else:
        none = "" if target == ".csv" else None
        strings = ["text", "", "3", "1.5", "true", none, '[1, {"a": "ü"}]', '{"b": null}', none]
        assert found == strings


NOT_OF_JSON = {"NaN": None, "1e999": None, "-Infinity": None, '{"a": [1, -1e999, "NaN"]}': {"a": [1, None, "NaN"]}}


@pytest.mark.parametrize("target", WRITERS)
@pytest.mark.parametrize("value", NOT_OF_JSON)
def test_numbers_that_json_does_not_have_become_null(
    model: WordModel, value: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("in.jsonl").write_text(f'{{"complaint_text": "a fee", "value": {value}}}\n')
    assert label(monkeypatch, "in.jsonl", f"out{target}", *keep("value")) == 0
    (found,) = (row["value"] for row in read(Path(f"out{target}")))
    expected = NOT_OF_JSON[value]
    if target == ".jsonl":
        assert found == expected
    elif expected is None:
        assert found == ("" if target == ".csv" else None)
    else:
        assert json.loads(found, parse_constant=pytest.fail) == expected


def test_numbers_of_json_lines_stay_equal_in_double_precision(
    model: WordModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = ["1E2", "0.10000000000000000001", "-0.0", "12345678901234567890123", "5e-324", "1.0"]
    lines = [f'{{"complaint_text": "a fee", "value": {number}}}\n' for number in numbers]
    Path("in.jsonl").write_text("".join(lines))
    assert label(monkeypatch, "in.jsonl", "out.jsonl", *keep("value")) == 0
    assert [row["value"] for row in read(Path("out.jsonl"))] == [json.loads(number) for number in numbers]


def test_half_of_a_surrogate_pair_in_a_kept_column_is_refused(
    model: WordModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.jsonl").write_text('{"complaint_text": "a fee", "name": "\\ud800"}\n')
    assert label(monkeypatch, "in.jsonl", "out.jsonl", *keep("name")) == 1
    assert "line 1: half of a surrogate pair in the column name" in capsys.readouterr().err


def test_a_failure_leaves_the_earlier_output(
    model: WordModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in.csv").write_text("complaint_text,id\na fee,1\na loan,1\n")
    Path("out.csv").write_text("earlier")
    assert label(monkeypatch, "in.csv", "out.csv", "--id-column", "id") == 1
    assert "leave out --id-column" in capsys.readouterr().err
    assert Path("out.csv").read_text() == "earlier"
    assert sorted(path.name for path in Path(".").iterdir()) == ["in.csv", "net", "out.csv"]


def test_logits_that_are_not_finite_are_refused(
    model: WordModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model, "logits", lambda texts, done=None: np.full((len(texts), 3), np.nan))
    write_csv(Path("in.csv"), {"complaint_text": ["a fee"]})
    for options in (["a fee"], ["--input", "in.csv", "--output", "out.csv"]):
        assert run_predict(monkeypatch, "--model", "net", *options) == 1
        assert "logits are not finite" in capsys.readouterr().err


def test_control_characters_of_a_label_are_printed_as_escape_codes(
    model: WordModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.labels = ["\x1b[31mred\x07", "two\nlines", "\u202eback\U000e0001"]
    for options in ([], ["--json"]):
        assert run_predict(monkeypatch, "a fee", "--model", "net", *options) == 0
        printed = capsys.readouterr().out
        assert printed.replace("\n", "").isprintable()
        assert len(printed.splitlines()) == (1 if options else 3)
    assert list(json.loads(printed).values())[::2] == model.labels


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2**31 - 1], pa.date32()),
        pa.array([0, 253402300800000], pa.timestamp("ms")),
        pa.array([-62167219200001, None], pa.timestamp("ms")),
    ],
)
@pytest.mark.parametrize("target", [".csv", ".jsonl"])
def test_a_kept_date_that_text_cannot_hold_is_refused(
    model: WordModel, target: str, values: pa.Array, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"complaint_text": ["a loan", "a fee"], "day": values}), "in.parquet")
    assert label(monkeypatch, "in.parquet", f"out{target}", "--keep", "day") == 1
    assert "--keep day: a date is outside the years 1 to 9999; write a .parquet file" in capsys.readouterr().err
    assert not Path(f"out{target}").exists()
    assert label(monkeypatch, "in.parquet", "out.parquet", "--keep", "day") == 0
    assert pq.read_table("out.parquet")["day"].combine_chunks().equals(values)


def test_an_unsure_text_is_said_to_be_and_has_no_label_in_json(
    model: WordModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The probability of `fee` is e / (e + 2) = 57.6 %."""
    for below, unsure in ((0.9, True), (0.5, False)):
        assert run_predict(monkeypatch, "a fee", "--model", "net", "--abstain-below", below) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == " 57.6%  fee"
        assert lines[3:] == (["unsure: 57.6% is below 90.0%, so the text is left to a person"] if unsure else [])
        assert run_predict(monkeypatch, "a fee", "--model", "net", "--abstain-below", below, "--json") == 0
        row = json.loads(capsys.readouterr().out)
        assert (row["label"], row["unsure"]) == ((None, True) if unsure else ("fee", False))


@pytest.mark.parametrize("target", WRITERS)
def test_unsure_rows_are_counted_and_have_no_label(
    model: WordModel, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(Path("in.csv"), {"complaint_text": ["a fee", "", "nothing"]})
    assert label(monkeypatch, "in.csv", f"out{target}", "--abstain-below", "0.5", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"rows": 3, "blank": 1, "unsure": 1, "output": f"out{target}"}
    rows = read(Path(f"out{target}"))
    assert [row["label"] for row in rows] == ["fee", *([""] * 2 if target == ".csv" else [None] * 2)]
    expected = ["false", "", "true"] if target == ".csv" else [False, None, True]
    assert [row["unsure"] for row in rows] == expected
