"""Command `complaints monitor` on logs of the tiny project: without a shift, and with one."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.commands import run

from complaints.serving.drift import Shift
from complaints.serving.features import text_features, words_of
from complaints.serving.log_reader import LoggedRows, read_log
from complaints.serving.log_schema import LOG_SCHEMA
from complaints.serving.monitor import compared
from complaints.serving.reference import Answers, Reference

LABELS = ["Card", "Debt", "Loan"]
START = datetime(2026, 1, 1, tzinfo=UTC)


def rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return rows of a log; a value that is a function is called with the number of the row."""
    random = np.random.default_rng(0)
    base: dict[str, Any] = {
        "time": lambda i: START + timedelta(seconds=i),
        "text_sha256": lambda i: f"{i:064x}"[::-1],
        "label": lambda i: LABELS[i % 3],
        "probability": lambda i: float(random.uniform(0.3, 1)),
        "unsure": False,
        "model": "net",
        "model_digest": "d1",
        "latency_ms": 3.0,
        "characters": lambda i: int(random.integers(50, 500)),
        "words": 20,
        "unknown_words": lambda i: int(random.integers(0, 5)),
    }
    values = base | changes
    return [{name: value(i) if callable(value) else value for name, value in values.items()} for i in range(count)]


def write(file: Path, written: list[dict[str, Any]]) -> None:
    file.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(written, LOG_SCHEMA), file)


def reference() -> tuple[Reference, Answers]:
    random = np.random.default_rng(1)
    data = Reference(
        random.integers(50, 500, 3000).astype(float),
        np.full(3000, 20.0),
        random.integers(0, 5, 3000) / 20,
        Counter({"Card": 1000, "Debt": 1000, "Loan": 1000}),
    )
    return data, Answers(Counter({"Card": 1000, "Debt": 1000, "Loan": 1000}), random.uniform(0.3, 1, 3000))


def verdicts(log: LoggedRows, answers: Answers | str | None = None) -> dict[str, str]:
    data, there = reference()
    shifts: list[Shift] = compared(log, data, there if answers is None else answers)
    return {shift.name: shift.verdict for shift in shifts}


def test_the_same_distribution_has_no_shift(tmp_path: Path) -> None:
    write(tmp_path / "log/a.parquet", rows(2000))
    assert set(verdicts(read_log(tmp_path / "log")).values()) == {"no shift"}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("characters", {"characters": 5000}),
        ("words outside the vocabulary", {"unknown_words": 15}),
        ("labels", {"label": "Card"}),
        ("confidence", {"probability": 0.31}),
    ],
)
def test_what_shifted_is_named_and_nothing_else(tmp_path: Path, name: str, changes: dict[str, Any]) -> None:
    write(tmp_path / "log/a.parquet", rows(2000, **changes))
    found = verdicts(read_log(tmp_path / "log"))
    assert {key for key, verdict in found.items() if verdict == "shifted"} == {name}


def test_few_rows_and_unknown_answers_cannot_tell(tmp_path: Path) -> None:
    write(tmp_path / "log/a.parquet", rows(40, unknown_words=None))
    found = verdicts(read_log(tmp_path / "log"), "another model")
    assert found["labels"] == found["confidence"] == "cannot tell: another model"
    assert found["words outside the vocabulary"] == "cannot tell: the server had no training texts"
    assert found["characters"].startswith("cannot tell at this size: would need about ")


def test_repeated_texts_count_once_and_other_models_not_at_all(tmp_path: Path) -> None:
    write(tmp_path / "log/a.parquet", rows(100, model_digest="d0"))
    write(
        tmp_path / "log/b.parquet",
        rows(90, text_sha256=lambda i: f"{i % 30:064x}"[::-1], time=lambda i: START + timedelta(days=1, seconds=i)),
    )
    log = read_log(tmp_path / "log")
    assert (log.digest, log.rows, log.repeated, log.of_others) == ("d1", 190, 60, 100)
    assert log.labels.total() == len(log.confidence) == 30


def test_words_and_their_share() -> None:
    assert words_of("They don't PAY $5,000 or 7% -- naïve XX/XX/2020") == [
        "they",
        "don't",
        "pay",
        "or",
        "naïve",
        "xx",
        "xx",
    ]
    (counts,) = text_features(["pay the loan"], frozenset({"pay", "loan"}))
    assert (counts.characters, counts.words, counts.unknown_words, counts.unknown_share) == (12, 3, 1, 1 / 3)
    assert text_features(["7 !"], frozenset())[0].unknown_share is None


@pytest.mark.parametrize("kind", ["nothing", "an empty folder", "another file", "no rows", "a broken file"])
def test_a_log_that_is_none_is_one_line(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "log"
    if kind != "nothing":
        folder.mkdir()
    if kind == "another file":
        pq.write_table(pa.table({"a": [1]}), folder / "a.parquet")
    elif kind == "no rows":
        write(folder / "a.parquet", [])
    elif kind == "a broken file":
        (folder / "a.parquet").write_bytes(b"PAR1 and then nothing")
    ran, _ = run(capsys, "monitor", "log")
    assert ran.is_one_line
    assert "log" in ran.err
    assert kind != "another file" or "(it has no column time, text_sha256, label, " in ran.err


@pytest.mark.slow
def test_held_out_complaints_of_the_project_have_not_shifted(built: Any, tmp_path: Path) -> None:
    """The log of a server that was asked all held-out complaints compares with the pipeline's predictions."""
    from support.served import running

    texts = [
        text
        for split in ("validation", "test")
        for text in pq.read_table(built.root / f"data/splits/{split}.parquet")["text"].to_pylist()
    ]
    with running(built.root, "--model", "tfidf-adjusted", "--log", str(tmp_path / "log")) as server:
        for start in range(0, len(texts), 50):
            assert server.post("/predict", {"texts": texts[start : start + 50]}).status == 200
        assert server.stop() == 0
    said = built.complaints("monitor", str(tmp_path / "log"), "--json", "--fail-if-shifted").stdout
    document = json.loads(said)
    found = {shift["name"]: shift for shift in document["shifts"]}
    assert found["labels"]["psi"] == pytest.approx(0, abs=1e-9)
    # The log has six digits of a probability, so a row at an edge between two bins may be in the other one.
    assert found["confidence"]["psi"] < 0.01
    assert found["words outside the vocabulary"]["psi"] == pytest.approx(0, abs=1e-9)
    assert found["labels"]["log_rows"] == found["labels"]["data_rows"] == len(set(texts))
