"""Verdicts in words, limits of the gate, and the values of probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from complaints.comparing.changes import Change, Changes
from complaints.comparing.verdicts import Limit, in_words, mcnemar_of, parse_limit, system_of
from complaints.deciding.rule import Decisions, log_softmax
from complaints.uncertainty.crossed import Variance
from complaints.uncertainty.paired import Difference, PowerAnalysis, Side
from complaints.uncertainty.resampling import Rows

POWER = PowerAnalysis(1000, Variance(0.0075**2, 0.0, float("inf")))
SEEN = Difference(
    "macro_f1", Side(0.5, None), Side(0.48, None), -0.02, -0.035, -0.005, 0.0075, 0.008, 0.02, 1000, "worse", POWER
)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "worse"),
        ({"better": "cannot tell"}, "no claim: seeds of one recipe"),
        ({"better": "cannot tell", "p": 0.2}, "cannot tell at this size: would need about 1,000 test rows"),
        (
            {"better": "cannot tell", "p": 0.2, "needed_rows": 34_567},
            "cannot tell at this size: would need about 35,000 test rows",
        ),
        (
            {"better": "cannot tell", "p": 0.9, "needed_rows": 123_456_789},
            "cannot tell at this size: would need more than 10,000,000 test rows",
        ),
        (
            {"better": "cannot tell", "p": 0.2, "needed_rows": None},
            "cannot tell: the seeds differ too much, more of them are needed",
        ),
        ({"better": "cannot tell", "p": 1.0, "value": 0.0}, "cannot tell: no difference was seen"),
        ({"better": "cannot tell", "p": 1.0, "value": 0.0, "error": 0.0}, "the same"),
    ],
)
def test_words_of_a_verdict(changed: dict[str, object], words: str) -> None:
    assert in_words(replace(SEEN, **changed)) == words  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "fails", "fails_strictly"),
    [
        ("macro_f1=0", True, True),
        ("macro_f1=0.004", True, True),
        ("macro_f1=0.01", False, True),
        ("macro_f1=0.03", False, True),
        ("macro_f1=0.04", False, False),
    ],
)
def test_a_limit_fails_if_the_interval_excludes_less_and_strictly_unless_it_excludes_more(
    limit: str, fails: bool, fails_strictly: bool
) -> None:
    parsed = parse_limit(limit)
    assert (parsed.fails(SEEN, strict=False), parsed.fails(SEEN, strict=True)) == (fails, fails_strictly)
    gain = replace(SEEN, value=0.02, low=0.005, high=0.035)
    assert not parsed.fails(gain, strict=True)
    assert Limit("nll", parsed.margin).fails(gain, strict=False) == fails, "more is worse for an error"
    assert Limit("nll", parsed.margin).fails(gain, strict=True) == fails_strictly


def test_probabilities_that_differ_by_rounding_alone_are_the_same() -> None:
    generator = np.random.default_rng(0)
    rows = Rows(generator.integers(7, size=200), np.arange(200), 7, ["head"] * 7)
    values = log_softmax(generator.normal(size=(200, 7)))
    a, b = (system_of(Decisions(one, one), rows) for one in (values, log_softmax(values)))
    assert not np.array_equal(values, log_softmax(values))
    for name in a.row_values:
        assert np.array_equal(a.row_values[name], b.row_values[name]), name


def test_top_k_follows_the_scores_that_decide() -> None:
    rows = Rows(np.array([3, 3]), np.arange(2), 4, ["head"] * 4)
    scores = np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    system = system_of(Decisions(log_softmax(np.zeros((2, 4))), scores), rows)
    assert system.row_values["top3_accuracy"].tolist() == [0, 1]
    assert system.predicted.tolist() == [0, 3]


def test_mcnemar_counts_rows_and_is_left_out_with_seeds() -> None:
    rows = Rows(np.zeros(10, dtype=np.int64), np.arange(10), 2, ["head"] * 2)
    a, b = (
        system_of(Decisions(scores, scores), rows)
        for scores in (np.eye(2)[[0] * 5 + [1] * 5], np.eye(2)[[0] * 4 + [1] * 3 + [0] * 3])
    )
    found = mcnemar_of(rows, [a], [b])
    assert found is not None
    assert (found.only_a, found.only_b, found.p) == (1, 3, pytest.approx(0.625))
    assert mcnemar_of(rows, [a, a], [b]) is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["models.net.seed"], True),
        (["models.*.seed"], True),
        (["models.net.seed", "models.net.strength"], False),
        (["models.net.seed", "training: threads"], True),
        (["training: threads"], False),
        (["split.seed"], False),
        ([], False),
    ],
)
def test_seeds_of_one_recipe_differ_in_seeds_of_models_alone(names: list[str], expected: bool) -> None:
    changes = {"parameters": [Change(name, (1,), (2,)) for name in names], "code": []}
    assert Changes(changes, []).only_seeds is expected
