"""Rows that rules are fitted on: validation, and train where every part has out-of-fold logits; never test."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.evaluation_data import write_inputs
from support.rules import write_rules

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.scoring.predictions import read_predictions, write_out_of_fold, write_predictions


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the splits and predictions of two models."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def write_train_logits(model: str) -> None:
    """Write out-of-fold logits of the 120 training rows."""
    table = pq.read_table(paths.SPLITS / "train.parquet")
    logits = np.random.default_rng(0).normal(size=(120, 5)) + 2 * np.eye(5)[table["label_id"].to_numpy()]
    write_out_of_fold(paths.OUT_OF_FOLD / f"{model}.parquet", table["row_id"].to_pylist(), logits)


def test_a_rule_is_fitted_on_train_where_every_part_has_logits_of_it(workspace: Path) -> None:
    rules = write_rules(["net"])
    assert {name: rule.fit and rule.fit.splits for name, rule in rules.items()} == {
        "tfidf": ["validation"],
        "net": ["validation"],
        "ensemble": ["validation"],
    }
    write_train_logits("tfidf")
    rules = write_rules(["net"])
    assert [rule.fit and rule.fit.rows for rule in rules.values()] == [159, 39, 39]
    write_train_logits("net")
    rules = write_rules(["net"])
    assert [rule.fit and rule.fit.rows for rule in rules.values()] == [159, 159, 159]


def test_a_file_without_rows_is_one_without_folds(workspace: Path) -> None:
    write_out_of_fold(paths.OUT_OF_FOLD / "tfidf.parquet", [], np.empty((0, 5), np.float32))
    assert write_rules(["net"])["tfidf"].fit.splits == ["validation"]  # type: ignore[union-attr]


def test_out_of_fold_logits_of_other_rows_are_refused(workspace: Path) -> None:
    ids = [f"other-{row}" for row in range(120)]
    write_out_of_fold(paths.OUT_OF_FOLD / "net.parquet", ids, np.zeros((120, 5), np.float32))
    with pytest.raises(UserError, match=r"out_of_fold/net\.parquet has row 'other-0' where the train split has"):
        write_rules(["net"])


def test_test_rows_have_no_effect(workspace: Path) -> None:
    before = write_rules(["net"])
    (paths.SPLITS / "test.parquet").unlink()
    for name in ("tfidf", "net"):
        file = paths.PREDICTIONS / f"{name}.parquet"
        found = read_predictions(file)
        logits = {"validation": found["validation"][1], "test": -found["test"][1]}
        write_predictions(file, {split: ids for split, (ids, _) in found.items()}, logits)
    for name, rule in write_rules(["net"]).items():
        assert rule.fit is not None
        assert before[name].fit is not None
        parts = {"parts": before[name].fit.parts}  # type: ignore[union-attr]
        assert rule.model_copy(update={"fit": rule.fit.model_copy(update=parts)}) == before[name]


def test_a_rule_names_the_predictions_that_it_was_fitted_on(workspace: Path) -> None:
    rule = write_rules(["net"])["ensemble"]
    assert rule.fit is not None
    assert {name: part.predictions_sha256 for name, part in rule.fit.parts.items()} == {
        name: file_digest(paths.PREDICTIONS / f"{name}.parquet") for name in ("tfidf", "net")
    }


def test_the_ensemble_has_the_parts_that_params_name(workspace: Path) -> None:
    assert list(write_rules(["net"], ensemble=("net", "tfidf"))["ensemble"].weights) == ["net", "tfidf"]
    with pytest.raises(UserError, match=r"decide\.ensemble names 'gone'; there are tfidf, net"):
        write_rules(["net"], ensemble=("net", "gone"))
