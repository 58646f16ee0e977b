"""Files and sections of the error analysis: complete without a model, and the same for the same inputs."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.evaluation_data import COUNTS, LABELS, read_truth, score, write_inputs

from complaints.core import paths
from complaints.core.csv_files import read_csv
from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import HELD_OUT, SPLIT_SCHEMA
from complaints.error_analysis.inputs import EXCERPT_CHARACTERS, Sources
from complaints.error_analysis.report import write_error_analysis
from complaints.evaluation.scoreboard import read_all_logits
from complaints.reporting.html_page import Section
from complaints.scoring import predictions

SOURCES = Sources(paths.SPLITS, paths.OUT_OF_FOLD / "tfidf.parquet", paths.TRUTH, paths.LABELS_REPORT)
FILES = ["confusion_pairs.csv", "error_analysis.json", "error_destinations.csv", "errors.csv", "label_errors.csv"]
WRONG = {"train-0": "Zebra", "validation-1": "Zebra"}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    write_json(paths.TRUTH, {})
    write_json(paths.LABELS_REPORT, {"merges": [{"from": "Old rare", "to": "Rare", "rows": 1}]})
    return tmp_path


def write_out_of_fold(row_ids: list[str]) -> np.ndarray:
    """Write logits that dispute the label of the first row."""
    given = read_truth().label_ids["train"][: len(row_ids)]
    logits = 3 * np.eye(len(LABELS))[given].astype(np.float32)
    logits[:1] = 6 * np.eye(len(LABELS))[(given[:1] + 1) % 3]
    predictions.write_out_of_fold(SOURCES.out_of_fold, row_ids, logits)
    return logits


def analysed(folder: Path, limit: int = 3) -> list[Section]:
    truth = read_truth()
    folder.mkdir()
    logits = read_all_logits(paths.PREDICTIONS, ["tfidf", "net"], truth)
    return write_error_analysis(folder, truth, score(truth), logits, SOURCES, limit)


def test_the_files_are_complete_and_the_same_each_time(workspace: Path) -> None:
    write_out_of_fold(read_truth().row_ids["train"])
    for name in ("first", "second"):
        analysed(workspace / name)
    assert sorted(path.name for path in (workspace / "first").iterdir()) == FILES
    for name in FILES:
        assert (workspace / "first" / name).read_bytes() == (workspace / "second" / name).read_bytes(), name
    rows = {"tfidf", "tfidf-adjusted", "net", "net-adjusted", "ensemble-adjusted"}
    for name in ("confusion_pairs.csv", "error_destinations.csv"):
        found = {(line["model"], line["split"]) for line in read_csv(workspace / "first" / name)}
        # A row of the scoreboard without errors on a split has no lines there.
        board = score(read_truth())
        wrong = {
            (row.name, split)
            for row in board
            for split in HELD_OUT
            if row.name in rows and (row.predicted[split] != read_truth().label_ids[split]).any()
        }
        assert found == wrong
    errors = read_csv(workspace / "first" / "errors.csv")
    assert {line["model"] for line in errors} == rows | {"all models"}
    assert all(line["text"] and len(line["text"]) <= EXCERPT_CHARACTERS for line in errors)


def test_confusions_of_the_files_are_those_of_the_scoreboard(workspace: Path) -> None:
    analysed(workspace / "out", limit=100)
    truth, row = read_truth(), score(read_truth())[1]
    true, predicted = truth.label_ids["test"], row.predicted["test"]
    wrong = int(np.sum(true != predicted))
    lines = read_csv(workspace / "out" / "confusion_pairs.csv")
    pairs = [line for line in lines if (line["model"], line["split"]) == (row.name, "test")]
    assert sum(int(line["rows"]) + int(line["rows_back"]) for line in pairs) == wrong
    assert sum(float(line["share_of_errors"]) for line in pairs) == pytest.approx(1, abs=1e-5)
    for line in pairs:
        a, b = LABELS.index(line["true"]), LABELS.index(line["predicted"])
        assert int(line["rows"]) == np.sum((true == a) & (predicted == b))
        assert int(line["rows_back"]) == np.sum((true == b) & (predicted == a))
        assert float(line["share"]) == pytest.approx(int(line["rows"]) / COUNTS["test"][a], abs=1e-6)
    lines = read_csv(workspace / "out" / "error_destinations.csv")
    assert sum(int(line["rows"]) for line in lines if (line["model"], line["split"]) == (row.name, "test")) == wrong


def test_training_rows_are_judged_by_out_of_fold_logits(workspace: Path) -> None:
    write_out_of_fold(read_truth().row_ids["train"])
    write_json(paths.TRUTH, {"wrong_labels": WRONG})
    sections = analysed(workspace / "out")
    first, *_ = read_csv(workspace / "out" / "label_errors.csv")
    assert (first["split"], first["model"], first["row_id"], first["planted"]) == ("train", "tfidf", "train-0", "Zebra")
    numbers = json.loads((workspace / "out" / "error_analysis.json").read_text())["label_errors"]
    assert [(item["split"], item["model"]) for item in numbers] == [
        ("train", "tfidf"),
        ("validation", "tfidf"),
        ("validation", "net"),
    ]
    assert numbers[0]["against_planted"]["precision"] == 1.0
    assert "no out-of-fold predictions" not in sections[2].text
    assert "precision 1.00" in sections[2].text


@pytest.mark.parametrize("file", ["missing", "empty"])
def test_without_out_of_fold_logits_a_sentence_says_so_and_validation_is_judged(workspace: Path, file: str) -> None:
    if file == "empty":
        write_out_of_fold([])
    sections = analysed(workspace / "out")
    assert "there are no out-of-fold predictions" in sections[2].text
    assert "precision" not in sections[2].text
    assert "train" not in {line["split"] for line in read_csv(workspace / "out" / "label_errors.csv")}


def test_out_of_fold_logits_of_other_rows_are_refused(workspace: Path) -> None:
    ids = read_truth().row_ids["train"]
    write_out_of_fold(ids)
    for others in ([*ids[:-1], "other"], ids[:-1]):
        with pytest.raises(UserError, match=r"has row 'train-\d+' where|has \d+ train rows, the split has"):
            SOURCES.out_of_fold_logits(others, len(LABELS))
    with pytest.raises(UserError, match="has 5 classes, the vocabulary has 6"):
        SOURCES.out_of_fold_logits(ids, 6)


def test_planted_labels_are_those_after_the_map(workspace: Path) -> None:
    write_json(paths.TRUTH, {"wrong_labels": {"r1": "Old rare", "r2": "Zebra"}})
    assert SOURCES.planted_labels() == {"r1": "Rare", "r2": "Zebra"}
    write_json(paths.TRUTH, {})
    assert SOURCES.planted_labels() is None


def test_personal_data_is_masked_in_excerpts(workspace: Path) -> None:
    path = paths.SPLITS / "test.parquet"
    table = read_parquet(path)
    texts = pa.array(["mail me at jane.doe@example.org\n" + "and more " * 50] * table.num_rows)
    write_parquet(path, SPLIT_SCHEMA, [table.set_column(1, "text", texts).cast(SPLIT_SCHEMA)])
    (excerpt,) = SOURCES.excerpts("test", [3]).values()
    assert excerpt.startswith("mail me at XXXX and more")
    assert len(excerpt) == EXCERPT_CHARACTERS
