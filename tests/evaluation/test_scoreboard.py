"""Rows of the scoreboard: metrics, adjustment, subsets, and predictions that do not match the splits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.evaluation_data import LABELS, RESAMPLES, read_truth, score, write_inputs

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import HELD_OUT, SPLIT_SCHEMA
from complaints.deciding.rule import apply
from complaints.evaluation import scoreboard
from complaints.evaluation.markdown import markdown
from complaints.evaluation.tables import metrics_json
from complaints.evaluation.truth import tiers
from complaints.labels.products import hierarchy
from complaints.scoring.predictions import write_predictions


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the stage."""
    monkeypatch.chdir(tmp_path)
    write_inputs()
    return tmp_path


def rewrite(name: str, change: str) -> None:
    """Make a predictions file wrong in one way."""
    truth = read_truth()
    ids = {split: list(truth.row_ids[split]) for split in HELD_OUT}
    logits = dict(scoreboard.read_logits(paths.PREDICTIONS / f"{name}.parquet", truth))
    if change == "swap":
        ids["test"][3], ids["test"][4] = ids["test"][4], ids["test"][3]
    elif change == "short":
        ids["test"].pop()
        logits["test"] = logits["test"][:-1]
    elif change == "classes":
        logits = {split: values[:, :-1] for split, values in logits.items()}
    else:
        logits["validation"] = logits["validation"].copy()
        logits["validation"][7, 2] = float(change)
    write_predictions(paths.PREDICTIONS / f"{name}.parquet", ids, logits)


def test_rows_come_floor_first_and_each_model_has_an_adjusted_row(workspace: Path) -> None:
    rows = score(read_truth())
    assert [row.name for row in rows] == [
        *("majority", "tfidf", "tfidf-adjusted", "net", "net-adjusted", "ensemble-adjusted")
    ]
    assert [row.tau is None for row in rows] == [True, True, False, True, False, False]
    assert [row.weights != "" for row in rows] == [False] * 5 + [True]


def test_values_are_the_metrics_of_the_argmax(workspace: Path) -> None:
    truth = read_truth()
    majority = score(truth)[0].values["test"]
    share = 30 / 59
    expected = {
        "accuracy": share,
        "macro_f1": 2 * share / (share + 1) / 5,
        "macro_f1_10": 2 * share / (share + 1) / 2,
        "macro_f1_sklearn": 2 * share / (share + 1) / 5,
        "weighted_f1": 2 * share / (share + 1) * share,
        "balanced_accuracy": 1 / 5,
        "zero_f1_classes": 4,
        "zero_f1_head": 4,
        "rescued": 0,
        "top3_accuracy": 53 / 59,
        "top5_accuracy": 1,
    }
    assert {name: majority[name] for name in expected} == {name: round(value, 6) for name, value in expected.items()}


def test_every_score_has_an_interval_that_counts_of_classes_and_confidences_do_not(workspace: Path) -> None:
    for row in score(read_truth()):
        for split in HELD_OUT:
            without = {name for name in row.values[split] if name not in row.intervals[split]}
            assert without == {
                *("macro_f1_sklearn", "zero_f1_classes", "rescued", "ece", "adaptive_ece", "aurc"),
                *(f"{name}_{tier}" for name in ("zero_f1", "rescued") for tier in ("head", "mid", "tail")),
            }
            assert set(row.intervals[split]) >= {"accuracy", "macro_f1", "top3_accuracy", "nll", "brier"}
            low, high = row.intervals[split]["accuracy"]
            assert low <= row.values[split]["accuracy"] <= high


def test_rows_of_one_cluster_are_resampled_together(workspace: Path) -> None:
    truth = read_truth()
    together = {split: np.arange(len(ids)) // 10 for split, ids in truth.clusters.items()}
    alone, clustered = score(truth)[0], score(replace(truth, clusters=together))[0]
    assert alone.values == clustered.values
    assert alone.intervals != clustered.intervals


def test_a_class_without_rows_in_a_split_is_not_a_zero_f1_class(workspace: Path) -> None:
    assert score(read_truth())[0].values["validation"]["zero_f1_classes"] == 3


def test_rescued_counts_against_the_raw_tfidf_row_of_the_same_split(workspace: Path) -> None:
    rows = {row.name: row for row in score(read_truth())}
    for name, row in rows.items():
        for split in HELD_OUT:
            expected = np.sum((row.scores[split].f1 > 0) & (rows["tfidf"].scores[split].f1 == 0))
            assert row.values[split]["rescued"] == expected, name
    assert rows["net-adjusted"].values["test"]["rescued"] > 0


def test_an_adjusted_row_has_the_labels_of_its_rule(workspace: Path) -> None:
    truth = read_truth()
    rules = scoreboard.read_rules(paths.RULES, ["tfidf", "net"], paths.PREDICTIONS)
    rows = {row.name: row for row in score(truth)}
    logits = scoreboard.read_all_logits(paths.PREDICTIONS, ["tfidf", "net"], truth)
    for name, rule in rules.items():
        for split in HELD_OUT:
            decided = apply(rule, {part: logits[part][split] for part in rule.weights})
            row, true = rows[f"{name}-adjusted"], truth.label_ids[split]
            np.testing.assert_array_equal(row.predicted[split], decided.predicted)
            np.testing.assert_array_equal(row.answers.confidence(split), decided.confidence)
            assert row.tau == rule.tau
            # The first three classes are those of the scores that decide the label.
            first = np.argsort(-decided.scores, axis=1)[:, :3]
            top = np.mean((first == true[:, None]).any(axis=1))
            assert row.values[split]["top3_accuracy"] == pytest.approx(top, abs=1e-6)


def test_rules_of_other_predictions_are_refused_by_name(workspace: Path) -> None:
    rewrite("net", "0.5")
    with pytest.raises(UserError, match=r"rules/net\.json was fitted on another predictions/net\.parquet; run `dvc"):
        scoreboard.read_rules(paths.RULES, ["tfidf", "net"], paths.PREDICTIONS)
    with pytest.raises(UserError, match=r"models/rules/other\.json is missing; run `dvc repro`"):
        scoreboard.read_rules(paths.RULES, ["tfidf", "other"], paths.PREDICTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("swap", r"has row 'test-4' where the test split has 'test-3' \(row 4\)"),
        ("short", "has 58 test rows, the split has 59"),
        ("classes", "has 4 classes, the vocabulary has 5"),
        ("nan", "not finite in validation row 'validation-7'"),
        ("inf", "not finite in validation row 'validation-7'"),
    ],
)
def test_predictions_that_do_not_match_are_refused_by_name(workspace: Path, change: str, message: str) -> None:
    rewrite("net", change)
    with pytest.raises(UserError, match=r"predictions/net\.parquet .*" + message):
        scoreboard.read_all_logits(paths.PREDICTIONS, ["tfidf", "net"], read_truth())


def test_missing_predictions_are_refused_by_name(workspace: Path) -> None:
    with pytest.raises(UserError, match=r"predictions/other\.parquet is missing"):
        scoreboard.read_all_logits(paths.PREDICTIONS, ["tfidf", "net", "other"], read_truth())


def test_predictions_of_models_that_params_do_not_name_are_noted_once(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logits = scoreboard.read_all_logits(paths.PREDICTIONS, ["tfidf"], read_truth())
    assert list(logits) == ["majority", "tfidf"]
    assert capsys.readouterr().err == "note: predictions: params.yaml has no model named net; ignored\n"


def test_a_split_without_rows_or_with_unknown_classes_is_refused(workspace: Path) -> None:
    write_json(paths.LABELS, LABELS[:4])
    with pytest.raises(UserError, match=r"train\.parquet has a label_id outside the 4 classes"):
        read_truth()
    write_json(paths.LABELS, LABELS)
    write_json(paths.HIERARCHY, hierarchy(LABELS, [{}] * 5, {}))
    write_parquet(paths.SPLITS / "validation.parquet", SPLIT_SCHEMA, [SPLIT_SCHEMA.empty_table()])
    with pytest.raises(UserError, match=r"validation\.parquet has no rows"):
        read_truth()


def test_tiers_go_by_training_frequency() -> None:
    support = np.arange(100, 0, -1)
    support[[0, 99]] = [1, 1000]
    tier = tiers(support)
    assert [tier.count(name) for name in ("head", "mid", "tail")] == [20, 40, 40]
    assert (tier[99], tier[1], tier[19], tier[20], tier[59], tier[60], tier[0]) == (
        *("head", "head", "head"),
        *("mid", "mid"),
        *("tail", "tail"),
    )


def test_rows_without_a_duplicate_in_train_are_scored_separately(workspace: Path) -> None:
    complete = read_truth()
    assert list(complete.subsets) == ["validation", "test"]
    right = {split: 9 * np.eye(5)[complete.label_ids[split]] for split in HELD_OUT}
    in_train = np.arange(59) < 20
    right["test"][~in_train] = np.roll(right["test"][~in_train], 1, axis=1)
    truth = replace(complete, in_train={"validation": np.zeros(39, bool), "test": in_train})
    rows = scoreboard.score(truth, {"majority": right, "tfidf": right}, {}, RESAMPLES)
    assert rows[0].values["test"]["accuracy"] == pytest.approx(20 / 59, abs=1e-6)
    assert rows[0].values["test_never_seen"]["accuracy"] == 0
    assert "validation_never_seen" not in rows[0].values
    assert "## test, the 39 rows without a duplicate in train" in markdown(truth, rows)
    assert metrics_json(rows)["tfidf"]["test_never_seen"]["macro_f1"] == 0


@pytest.mark.parametrize("name", ["tfidf", "tfidf-adjusted"])
def test_rows_may_lack_a_product_and_then_lack_its_scores(workspace: Path, name: str) -> None:
    row = next(row for row in score(read_truth()) if row.name == name)
    assert row.given_product == {}
    assert not [metric for values in row.values.values() for metric in values if "product" in metric]


def test_given_the_product_classes_of_other_products_are_no_answers(workspace: Path) -> None:
    truth = read_truth()
    products: dict[str, list[str | None]] = {
        split: ["Card" if label < 2 else "Loan" for label in ids.tolist()] for split, ids in truth.label_ids.items()
    }
    truth = replace(truth, products=products)
    for row in score(truth):
        for split, known in row.given_product.items():
            # The true class is never masked here, so nothing is lost.
            assert known.values["accuracy"] >= row.values[split]["accuracy"]
            assert known.values["top3_accuracy"] == 1
            assert known.values["reachable"] == 1
            cards = np.mean(truth.label_ids[split] < 2)
            assert known.values["candidates"] == pytest.approx(2 * cards + 3 * (1 - cards), abs=1e-6)
            right = known.scores.predicted[:2].sum() == np.sum(truth.label_ids[split] < 2)
            assert right, row.name
    assert set(metrics_json(score(truth))["net"]) == {
        *("validation", "test", "validation_given_product", "test_given_product")
    }
