"""Zero-shot rows on their sample: beside all rows of the scoreboard, outside answers as wrong, nothing where off."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score
from support.evaluation_data import RESAMPLES, read_truth, report, score, write_inputs

from complaints.core.errors import UserError
from complaints.core.files import hash_files
from complaints.evaluation.truth import Truth
from complaints.evaluation.zero_shot import write_zero_shot
from complaints.scoring.zero_shot import OUTSIDE, ZeroShotAnswers, read_answers, write_answers

PREDICTIONS = Path("predictions/zero_shot")


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Truth:
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return read_truth()


def answers(truth: Truth, rows: int = 40) -> tuple[ZeroShotAnswers, ZeroShotAnswers]:
    """Return the answers of a method with logits, and of an endpoint that names the true class or none."""
    logits = np.random.default_rng(3).normal(size=(rows, 5)).astype(np.float32)
    true = truth.label_ids["test"][:rows].copy()
    true[::4] = OUTSIDE
    ids = truth.row_ids["test"][:rows]
    return ZeroShotAnswers(ids, logits.argmax(axis=1), logits), ZeroShotAnswers(ids, true, None)


def table(truth: Truth) -> pd.DataFrame:
    Path("out").mkdir(exist_ok=True)
    sections = write_zero_shot(Path("out"), truth, score(truth), PREDICTIONS, RESAMPLES)
    assert [section.heading for section in sections] == ["Without training, on a sample of the test rows"]
    return pd.read_csv("out/zero_shot.csv").set_index("model")


def test_all_rows_are_scored_on_the_sample(truth: Truth) -> None:
    names, endpoint = answers(truth)
    write_answers(PREDICTIONS / "names.parquet", names)
    write_answers(PREDICTIONS / "endpoint.parquet", endpoint)
    found, rows = table(truth), score(truth)
    assert list(found.index) == [*(row.name for row in rows), "zero-shot endpoint", "zero-shot names"]
    true, present = truth.label_ids["test"][:40], np.unique(truth.label_ids["test"][:40])
    predicted = {row.name: row.predicted["test"][:40] for row in rows}
    predicted |= {"zero-shot names": names.label_ids, "zero-shot endpoint": endpoint.label_ids}
    for name, label_ids in predicted.items():
        line = found.loc[name]
        assert line["accuracy"] == pytest.approx(accuracy_score(true, label_ids), abs=1e-6)
        macro = f1_score(true, label_ids, labels=present, average="macro", zero_division=0)
        assert line["macro_f1"] == pytest.approx(macro, abs=1e-6)
        assert line["accuracy_low"] <= line["accuracy"] <= line["accuracy_high"]
        assert (line["rows"], line["clusters"]) == (40, 40)
    assert found.loc["zero-shot endpoint", "accuracy"] == 0.75
    assert found["outside"].dropna().to_dict() == {"zero-shot endpoint": 10, "zero-shot names": 0}
    assert np.isnan(found.loc["zero-shot endpoint", "top3_accuracy"])


def test_zero_shot_rows_are_compared_with_the_best_trained_row(truth: Truth) -> None:
    write_answers(PREDICTIONS / "names.parquet", answers(truth)[0])
    found = table(truth)
    line = found.loc["zero-shot names"]
    assert found["base"].notna().sum() == 1
    assert line["accuracy_difference"] == pytest.approx(line["accuracy"] - found.loc[line["base"], "accuracy"])
    assert line["accuracy_verdict"] == "worse"
    assert line["accuracy_difference_low"] < line["accuracy_difference"] < line["accuracy_difference_high"] < 0


def test_without_answers_the_report_is_what_it_was(truth: Truth, tmp_path: Path) -> None:
    before = report(tmp_path / "a", truth)
    assert write_zero_shot(tmp_path / "a", truth, before, PREDICTIONS, RESAMPLES) == []
    report(tmp_path / "b", truth)
    assert hash_files(sorted((tmp_path / "a").iterdir())) == hash_files(sorted((tmp_path / "b").iterdir()))


def test_answers_of_other_rows_are_refused(truth: Truth) -> None:
    names, endpoint = answers(truth)
    write_answers(PREDICTIONS / "names.parquet", ZeroShotAnswers(["x", *names.row_ids[1:]], names.label_ids, None))
    with pytest.raises(UserError, match=r"names\.parquet has row 'x', which is no test row"):
        table(truth)
    write_answers(PREDICTIONS / "endpoint.parquet", endpoint)
    with pytest.raises(UserError, match=r"names\.parquet has other rows than endpoint\.parquet"):
        table(truth)


def test_answers_survive_the_file_and_other_vocabularies_are_refused(truth: Truth) -> None:
    for name, written in zip(("names", "endpoint"), answers(truth), strict=True):
        path = PREDICTIONS / f"{name}.parquet"
        write_answers(path, written)
        found = read_answers(path, 5)
        assert found.row_ids == written.row_ids
        np.testing.assert_array_equal(found.label_ids, written.label_ids)
        np.testing.assert_array_equal(found.logits, written.logits)
        with pytest.raises(UserError, match="has a label_id outside of the 2 classes"):
            read_answers(path, 2)
    with pytest.raises(UserError, match="does not have 7 finite logits in every row"):
        read_answers(PREDICTIONS / "names.parquet", 7)
