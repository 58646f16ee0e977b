"""Confident learning as Northcutt et al. 2021 define it, without judgement of rare and absent classes."""

import numpy as np
import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from complaints.error_analysis.confident_learning import (
    LEAST_ROWS,
    confident_joint,
    judged_classes,
    likely_errors,
    normalised_margin,
)

EXAMPLE = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.7, 0.2, 0.1],
        [0.2, 0.8, 0.0],
        [0.1, 0.8, 0.1],
        [0.4, 0.6, 0.0],
        [0.7, 0.3, 0.0],
        [0.3, 0.2, 0.5],
        [0.8, 0.1, 0.1],
    ]
)
GIVEN = np.array([0, 0, 0, 1, 1, 1, 2, 2])
ALL = np.ones(3, bool)


def test_an_example_by_hand() -> None:
    joint = confident_joint(EXAMPLE, GIVEN, ALL)
    # t_0 = (0.9 + 0.7 + 0.2) / 3, t_1 = (0.8 + 0.6 + 0.3) / 3, t_2 = (0.5 + 0.1) / 2
    assert joint.thresholds == pytest.approx([0.6, 1.7 / 3, 0.3])
    assert joint.confident.tolist() == [0, 0, 1, 1, 1, 0, 2, 0]
    assert joint.counts.tolist() == [[2, 1, 0], [1, 2, 0], [1, 0, 1]]
    margins = [0.8, 0.5, -0.6, 0.7, 0.2, -0.4, 0.2, -0.7]
    assert normalised_margin(EXAMPLE, GIVEN) == pytest.approx(margins)
    assert likely_errors(EXAMPLE, GIVEN, joint, ALL).tolist() == [7, 2, 5]


def test_a_class_that_is_not_judged_is_neither_given_nor_true() -> None:
    judged = np.array([True, True, False])
    joint = confident_joint(EXAMPLE, GIVEN, judged)
    assert joint.thresholds[2] == np.inf
    assert 2 not in joint.confident
    assert joint.counts[2].tolist() == [0, 0, 0]
    assert likely_errors(EXAMPLE, GIVEN, joint, judged).tolist() == [2, 5]


def test_a_row_that_the_model_assigns_to_its_given_label_is_not_listed() -> None:
    given = np.array([0, 0, 1, 1])
    probabilities = np.array([[1.0, 0.0], [0.6, 0.4], [0.9, 0.1], [0.3, 0.7]])
    joint = confident_joint(probabilities, given, np.ones(2, bool))
    # t_0 = 0.8 and t_1 = 0.4: the second row is confidently in class 1 alone, but more probably in its own.
    assert joint.confident.tolist() == [0, 1, 0, 1]
    assert likely_errors(probabilities, given, joint, np.ones(2, bool)).tolist() == [2]


def test_an_absent_class_is_no_error_and_is_never_suggested() -> None:
    given = np.array([0] * 12 + [1] * 12)
    probabilities = np.tile([0.1, 0.1, 0.8], (24, 1))
    judged = judged_classes(given, ["head", "head", "head"])
    assert judged.tolist() == [True, True, False]
    joint = confident_joint(probabilities, given, judged)
    assert set(joint.confident.tolist()) <= {0, 1}


def test_tail_classes_and_classes_of_few_rows_are_never_judged() -> None:
    given = np.repeat([0, 1, 2, 3], [LEAST_ROWS, LEAST_ROWS - 1, LEAST_ROWS, 50])
    assert judged_classes(given, ["head", "mid", "mid", "tail"]).tolist() == [True, False, True, False]


@given_by(st.integers(0, 10_000))
def test_the_joint_is_that_of_the_definition(seed: int) -> None:
    generator = np.random.default_rng(seed)
    classes, rows = 4, 30
    probabilities = generator.dirichlet(np.ones(classes), rows)
    given = generator.integers(0, classes - 1, rows)
    judged = judged_classes(given, ["head"] * classes, least_rows=1)
    joint = confident_joint(probabilities, given, judged)
    expected = np.zeros((classes, classes), int)
    for x, label in zip(probabilities, given, strict=True):
        thresholds = {
            j: np.mean([p[j] for p, g in zip(probabilities, given, strict=True) if g == j]) for j in set(given)
        }
        reached = [j for j in thresholds if x[j] >= thresholds[j]]
        if reached:
            expected[label, max(reached, key=lambda j: x[j])] += 1
    assert joint.counts.tolist() == expected.tolist()
