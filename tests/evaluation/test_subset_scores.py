"""Scores of subsets equal those of scikit-learn, and do not depend on threads."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from complaints.evaluation import subset_scores
from complaints.evaluation.subset_scores import Subset, score_subsets, select, select_rows
from complaints.uncertainty.resampling import Rows, System

CLASSES = 12
TIERS = ["head"] * 3 + ["mid"] * 4 + ["tail"] * 5


def made_up() -> Subset:
    """Return 200 rows of ten classes in 150 clusters, the answers of two systems, and one class that is never true."""
    generator = np.random.default_rng(0)
    true = np.minimum(generator.geometric(0.3, 200) - 1, CLASSES - 2)
    rows = Rows(true, generator.integers(0, 150, 200), CLASSES, TIERS)
    answers = [
        np.where(generator.random(200) < share, true, generator.integers(0, CLASSES, 200)) for share in (0.6, 0.4)
    ]
    return Subset(
        rows, {name: System(found, {"nll": generator.random(200)}) for name, found in zip("ab", answers, strict=True)}
    )


def test_scores_equal_those_of_scikit_learn_over_the_classes_with_rows() -> None:
    subset = made_up()
    found = score_subsets({0: subset}, "b", 50)[0]
    true, predicted = subset.rows.true, subset.systems["a"].predicted
    listed, support = np.unique(true, return_counts=True)

    def f1(labels: np.ndarray) -> float:
        return float(f1_score(true, predicted, labels=labels, average="macro", zero_division=0))

    values = found["a"].values
    assert values["macro_f1"] == pytest.approx(f1(listed), abs=1e-6)
    assert values["macro_f1_10"] == pytest.approx(f1(listed[support >= 10]), abs=1e-6)
    every = f1_score(true, predicted, average="macro", zero_division=0)
    assert values["macro_f1_sklearn"] == pytest.approx(every, abs=1e-6)
    assert values["macro_f1_sklearn"] < values["macro_f1"]
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert values["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(true, predicted), abs=1e-6)
    for tier in ("head", "mid", "tail"):
        own = np.array([label for label in listed if TIERS[label] == tier])
        assert values[f"macro_f1_{tier}"] == pytest.approx(f1(own), abs=1e-6)


def test_zero_f1_and_rescued_classes_of_tiers_add_up() -> None:
    for scores in score_subsets({0: made_up()}, "b", 50)[0].values():
        for total, part in (("zero_f1_classes", "zero_f1"), ("rescued", "rescued")):
            assert scores.values[total] == sum(scores.values[f"{part}_{tier}"] for tier in ("head", "mid", "tail"))


def test_no_class_is_rescued_against_itself() -> None:
    assert score_subsets({0: made_up()}, "b", 50)[0]["b"].values["rescued"] == 0


def test_scores_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    subset = made_up()
    chosen = np.arange(200) % 3 != 0
    part = Subset(
        select_rows(subset.rows, chosen), {name: select(system, chosen) for name, system in subset.systems.items()}
    )
    subsets = {"all": subset, "part": part, "again": subset}
    together = score_subsets(subsets, "b", 300)
    monkeypatch.setattr(subset_scores, "THREADS", 1)
    alone = score_subsets(subsets, "b", 300)
    for key, systems in together.items():
        for name, found in systems.items():
            assert (found.values, found.intervals) == (alone[key][name].values, alone[key][name].intervals)


def test_a_metric_of_no_class_is_left_out() -> None:
    rows = Rows(np.array([0, 0, 1]), np.arange(3), CLASSES, TIERS)
    values = score_subsets({0: Subset(rows, {"b": System(np.array([0, 1, 1]))})}, "b", 20)[0]["b"].values
    assert not {"macro_f1_10", "macro_f1_mid", "macro_f1_tail"} & set(values)
    assert values["macro_f1_head"] == values["macro_f1"]
