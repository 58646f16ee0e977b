"""Compressed models beside their parents: which rows are compared, and with what numbers."""

from pathlib import Path

import numpy as np
import pytest
from support.evaluation_data import RESAMPLES, read_truth, write_inputs
from support.rules import write_rules

from complaints.core import paths
from complaints.core.csv_files import read_csv, write_csv
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.deciding.rule import apply
from complaints.evaluation import scoreboard
from complaints.evaluation.compression import COMPRESSION_FILE, HEADER, read_sizes, write_compression
from complaints.scoring import rungs
from complaints.scoring.predictions import read_predictions, write_out_of_fold, write_predictions

RUNGS = ["tfidf", "net", "net-int8"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small evaluation with a compressed model, of whose labels every third is the next class."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    parent = read_predictions(paths.PREDICTIONS / "net.parquet")
    ids = {split: found[0] for split, found in parent.items()}
    logits = {split: found[1].copy() for split, found in parent.items()}
    for values in logits.values():
        values[::3] = np.roll(values[::3], 1, axis=1)
    write_predictions(paths.PREDICTIONS / "compressed/net/int8.parquet", ids, logits)
    write_rules(["net", "net-int8"], ensemble=("tfidf", "net"))
    lines = [["parent", 4_000_000], ["int8", 1_000_000]]
    write_csv(tmp_path / "tables/net/formats.csv", ["format", "bytes"], lines)
    return tmp_path


def _rows(names: list[str]) -> list[scoreboard.ScoreboardRow]:
    truth = read_truth()
    rules = scoreboard.read_rules(paths.RULES, names, paths.PREDICTIONS)
    return scoreboard.score(truth, scoreboard.read_all_logits(paths.PREDICTIONS, names, truth), rules, RESAMPLES)


def test_each_row_is_compared_with_the_same_kind_of_row_of_its_parent(workspace: Path) -> None:
    rows, sizes = _rows(RUNGS), read_sizes(workspace / "tables", RUNGS)
    (section,) = write_compression(workspace, read_truth(), rows, sizes, RESAMPLES)
    lines = read_csv(workspace / COMPRESSION_FILE, HEADER)
    assert {(line["parent"], line["model"]) for line in lines} == {
        ("net", "net-int8"),
        ("net-adjusted", "net-int8-adjusted"),
    }
    found = {line["metric"]: line for line in lines if line["model"] == "net-int8"}
    named = {row.name: row for row in rows}
    for metric in ("accuracy", "macro_f1", "macro_f1_head", "ece"):
        for column, name in (("parent_value", "net"), ("value", "net-int8")):
            assert float(found[metric][column]) == pytest.approx(named[name].values["test"][metric], abs=1e-6)
    changed = np.mean(named["net"].predicted["test"] != named["net-int8"].predicted["test"])
    assert float(found["agreement"]["value"]) == pytest.approx(1 - changed, abs=1e-6)
    assert 0.2 < changed < 0.5
    assert float(found["accuracy"]["high"]) < 0
    assert found["accuracy"]["verdict"] == "worse"
    assert float(found["megabytes"]["value"]) == 1.0
    assert [line[0] for line in section.rows] == ["net-int8", "net-int8-adjusted"]


def test_without_compressed_models_the_table_is_empty(workspace: Path) -> None:
    names = RUNGS[:2]
    assert read_sizes(workspace / "absent", names) == {}
    assert write_compression(workspace, read_truth(), _rows(names), {}, RESAMPLES) == []
    assert read_csv(workspace / COMPRESSION_FILE, HEADER) == []


def test_the_default_ensemble_leaves_compressed_models_out(workspace: Path) -> None:
    rules = write_rules(["net", "net-int8"])
    assert set(rules["ensemble"].weights) == {"tfidf", "net"}


def test_a_compressed_model_takes_the_rule_of_its_parent(workspace: Path) -> None:
    """The parent's rule is fitted on its out-of-fold logits too; a rule of its own would have other numbers."""
    train = read_parquet(paths.SPLITS / "train.parquet")
    logits = np.random.default_rng(0).normal(size=(120, 5)) + 0.5 * np.eye(5)[train["label_id"].to_numpy()]
    write_out_of_fold(paths.OUT_OF_FOLD / "net.parquet", train["row_id"].to_pylist(), logits)
    rules = write_rules(["net", "net-int8"])
    parent, taken = rules["net"], rules["net-int8"]
    assert parent.fit is not None
    assert taken.fit is not None
    assert parent.fit.splits == ["train", "validation"]
    assert taken.weights == {"net-int8": 1.0}
    assert set(taken.fit.parts) == {"net", "net-int8"}
    parts = {"parts": parent.fit.parts}
    assert taken.model_copy(update={"weights": parent.weights, "fit": taken.fit.model_copy(update=parts)}) == parent

    rows = {row.name: row for row in _rows(RUNGS)}
    found = read_predictions(rungs.predictions_file(paths.PREDICTIONS, "net-int8"))
    expected = apply(parent, {"net": found["test"][1]})
    assert np.array_equal(rows["net-int8-adjusted"].predicted["test"], expected.predicted)
    assert rows["net-int8-adjusted"].tau == rows["net-adjusted"].tau


def test_a_rule_that_was_taken_over_is_refused_with_other_predictions(workspace: Path) -> None:
    for changed in ("net", "net-int8"):
        write_rules(["net", "net-int8"])
        _rows(RUNGS)
        file = rungs.predictions_file(paths.PREDICTIONS, changed)
        found = read_predictions(file)
        row_ids = {split: ids for split, (ids, _) in found.items()}
        write_predictions(file, row_ids, {split: -logits for split, (_, logits) in found.items()})
        with pytest.raises(UserError, match="was fitted on another predictions/"):
            scoreboard.read_rules(paths.RULES, ["net-int8"], paths.PREDICTIONS)
