"""Teacher of a student: weights and calibration as those of decision rules, tau first, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.evaluation_data import write_inputs
from support.paths import ROOT

from complaints.core import config, paths
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.deciding.fit import Sample, fit_rule
from complaints.deciding.inputs import Rows, read_rows
from complaints.deciding.params import DecideParams
from complaints.deciding.rule import apply, log_softmax, read_rule
from complaints.scoring.predictions import read_out_of_fold, write_no_out_of_fold, write_out_of_fold, write_unlabeled
from complaints.teaching.folder import read_unlabeled_texts
from complaints.teaching.params import TeacherParams
from complaints.teaching.pooled import UnlabeledInputs, write_no_teacher, write_teacher

FOLDER = paths.TEACHERS / "student"


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """The training rows of a small task, with out-of-fold logits of two models."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    for model, strength in (("tfidf", 1.0), ("net", 2.0)):
        table = pq.read_table(paths.SPLITS / "train.parquet")
        noise = np.random.default_rng(int(strength)).normal(size=(120, 5))
        logits = (noise + strength * np.eye(5)[table["label_id"].to_numpy()]).astype(np.float32)
        write_out_of_fold(paths.OUT_OF_FOLD / f"{model}.parquet", table["row_id"].to_pylist(), logits, folds=4)
    return read_rows(paths.SPLITS, 5, ["train"])


def settings() -> DecideParams:
    return config.check(DecideParams, config.read_yaml(ROOT / "params.yaml")["decide"])


def teacher(models: list[str], **changes: Any) -> TeacherParams:
    keys = {"models": models, "tau": None, "temperature": 2.0, "alpha": 0.5}
    return config.check(TeacherParams, keys | changes)


def read(path: Path) -> np.ndarray:
    """Return the logits of the training rows in a file."""
    found = read_out_of_fold(path)
    assert found is not None
    assert found[0] == pq.read_table(paths.SPLITS / "train.parquet")["row_id"].to_pylist()
    return found[1]


def pooled() -> np.ndarray:
    return read(FOLDER / "train.parquet")


def test_several_teachers_are_weighted_and_calibrated_as_by_a_decision_rule(rows: Rows) -> None:
    write_teacher(teacher(["tfidf", "net"]), rows, paths.OUT_OF_FOLD, settings(), FOLDER)
    logits = {model: read(paths.OUT_OF_FOLD / f"{model}.parquet") for model in ("tfidf", "net")}
    sample = Sample(["train"], rows.true["train"], rows.groups["train"], logits)
    rule = fit_rule(sample, rows.train_rows, settings(), {})
    np.testing.assert_allclose(pooled(), apply(rule, logits).scores, rtol=1e-5)
    stored = read_rule(FOLDER, "rule")
    assert (stored.weights, stored.temperature, stored.tau) == (rule.weights, rule.temperature, rule.tau)


@pytest.mark.parametrize("tau", [0.0, 0.8])
def test_the_prior_is_taken_out_tau_times_before_the_student_sees_the_logits(rows: Rows, tau: float) -> None:
    rule = write_teacher(teacher(["net"], tau=tau), rows, paths.OUT_OF_FOLD, settings(), FOLDER)
    logits = read(paths.OUT_OF_FOLD / "net.parquet")
    expected = log_softmax(log_softmax(logits) / rule.temperature) - tau * rule.log_prior
    np.testing.assert_allclose(pooled(), expected, rtol=1e-4, atol=1e-5)
    assert rule.tau == tau


def test_the_record_names_the_teachers_their_files_and_folds(rows: Rows) -> None:
    write_teacher(teacher(["tfidf", "net"]), rows, paths.OUT_OF_FOLD, settings(), FOLDER)
    record, fit = read_json(FOLDER / "teacher.json"), read_rule(FOLDER, "rule").fit
    assert record["models"] == ["tfidf", "net"]
    assert record["folds"] == {"tfidf": 4, "net": 4}
    assert fit is not None
    assert fit.splits == ["train"]
    for model, source in fit.parts.items():
        assert source.predictions_sha256 == file_digest(paths.OUT_OF_FOLD / f"{model}.parquet")


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("mini", r"models\.mini\.cross_fit\.folds"),
        ("tfidf", r"baseline\.folds"),
    ],
)
def test_a_teacher_without_logits_out_of_fold_is_refused_with_the_key_to_set(
    rows: Rows, name: str, switch: str
) -> None:
    """Final predictions are of no use: the model was trained on the rows that it would teach."""
    path = paths.OUT_OF_FOLD / f"{name}.parquet"
    for write in (lambda: path.unlink(missing_ok=True), lambda: write_no_out_of_fold(path, 5)):
        write()
        with pytest.raises(UserError, match=rf"^teacher\.models names '{name}', which has no .* set {switch} in"):
            write_teacher(teacher([name]), rows, paths.OUT_OF_FOLD, settings(), FOLDER)
        assert not FOLDER.exists()


def test_logits_of_other_rows_are_refused(rows: Rows) -> None:
    write_out_of_fold(paths.OUT_OF_FOLD / "net.parquet", ["x"] * 120, np.zeros((120, 5), np.float32))
    with pytest.raises(UserError, match=r"net\.parquet has row 'x' where the train split has"):
        write_teacher(teacher(["net"]), rows, paths.OUT_OF_FOLD, settings(), FOLDER)


def test_nearest_neighbours_are_refused_as_a_teacher() -> None:
    with pytest.raises(
        UserError, match=r"models\[1\] is 'knn', which is no teacher: it reads the features of all entries"
    ):
        teacher(["net", "knn"])


def test_an_entry_without_teachers_has_a_record_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_no_teacher(FOLDER)
    assert [path.name for path in FOLDER.iterdir()] == ["teacher.json"]
    assert read_json(FOLDER / "teacher.json") == {"models": []}


def write_texts(count: int = 7) -> np.ndarray:
    """Write texts without labels and the logits of two models on them; return those of `net`."""
    ids = [f"new{number}" for number in range(count)]
    write_parquet(paths.UNLABELED_TEXTS, UNLABELED_SCHEMA, [pa.table([ids, ids], schema=UNLABELED_SCHEMA)])
    logits = np.random.default_rng(9).normal(size=(2, count, 5)).astype(np.float32)
    for model, values in zip(("tfidf", "net"), logits, strict=True):
        write_unlabeled(paths.UNLABELED_LOGITS / f"{model}.parquet", ids, values)
    return logits


UNLABELED = UnlabeledInputs(paths.UNLABELED_TEXTS, paths.UNLABELED_LOGITS)


def test_texts_without_labels_are_scored_by_the_rule_of_the_training_rows(rows: Rows) -> None:
    logits = write_texts()
    alone = write_teacher(teacher(["tfidf", "net"]), rows, paths.OUT_OF_FOLD, settings(), FOLDER)
    expected = file_digest(FOLDER / "train.parquet")
    assert not list(FOLDER.glob("unlabeled*"))
    student = teacher(["tfidf", "net"], unlabeled=True)
    rule = write_teacher(student, rows, paths.OUT_OF_FOLD, settings(), FOLDER, UNLABELED)
    assert rule == alone
    assert file_digest(FOLDER / "train.parquet") == expected
    texts, found = read_unlabeled_texts(FOLDER, 5)
    assert texts.equals(pq.read_table(paths.UNLABELED_TEXTS))
    both = dict(zip(("tfidf", "net"), logits, strict=True))
    np.testing.assert_allclose(found, apply(rule, both).scores, rtol=1e-5)


def test_a_student_of_no_texts_is_refused_with_the_key_to_set(rows: Rows) -> None:
    write_texts(0)
    with pytest.raises(UserError, match=r"^teacher\.unlabeled is true, but data/unlabeled/texts\.parquet has no text"):
        write_teacher(teacher(["net"], unlabeled=True), rows, paths.OUT_OF_FOLD, settings(), FOLDER, UNLABELED)
    assert not FOLDER.exists()


def test_a_teacher_that_predicted_other_texts_is_refused(rows: Rows) -> None:
    write_texts()
    write_unlabeled(paths.UNLABELED_LOGITS / "net.parquet", ["new0"], np.zeros((1, 5), np.float32))
    with pytest.raises(UserError, match=r"predictions/unlabeled/net\.parquet has 1 unlabeled rows, the split has 7"):
        write_teacher(teacher(["net"]), rows, paths.OUT_OF_FOLD, settings(), FOLDER, UNLABELED)
