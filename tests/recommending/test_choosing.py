"""Answers to use cases on measured tables with known winners, binding constraints and ties."""

from dataclasses import replace

import pytest
from support.measured import case, option, pairs_of

from complaints.recommending.choosing import Answer, choose, excluding
from complaints.recommending.measures import MEASURES
from complaints.recommending.params import UseCase
from complaints.recommending.wording import headline, sentences

RIGHT = {"small": 0.6, "small-level": 0.605, "middle": 0.7, "large": 0.9}
PAIRS = pairs_of(RIGHT)
OPTIONS = [
    option("small", 0.60, p95_ms=1.0, euros_per_million=0.01, memory_mb=400.0),
    option("small-level", 0.61, p95_ms=2.0, euros_per_million=0.02, memory_mb=400.0),
    option("middle", 0.70, p95_ms=16.0, euros_per_million=0.5, memory_mb=800.0),
    option("large", 0.90, device="gpu", p95_ms=40.0, euros_per_million=2.0, memory_mb=3000.0),
]


def answer(use_case: UseCase) -> Answer:
    return choose("case", use_case, OPTIONS, PAIRS)


def names(found: Answer) -> list[str]:
    return [option.name for option in found.feasible]


def test_the_best_on_validation_wins_without_constraints() -> None:
    found = answer(case())
    assert names(found) == ["large", "middle", "small-level", "small"]
    assert found.differences["middle"].better == "better"
    assert found.level == []
    assert headline(found) == "large"
    assert "No constraint binds: it would win without any." in sentences(found)
    assert "large is better than it: macro-F1 +0.200 on test" in sentences(found)[1]


def test_a_limit_binds_and_its_smallest_relaxation_is_named() -> None:
    found = answer(case(p95_ms=10.0))
    assert names(found) == ["small-level", "small"]
    (change,) = found.looser
    assert (change.constraint, change.value) == ("p95_ms", 16.0)
    assert change.winner is not None
    assert change.winner.name == "middle"
    assert change.lifted is not None
    assert change.lifted.name == "large"
    said = " ".join(sentences(found))
    assert (
        "Binding: p95 latency at most 10 ms. From 16 ms, 1.6 times the limit, middle would win (macro-F1 +0.09" in said
    )
    assert "without the limit large (macro-F1 +0.296 on test" in said
    assert ": better)" in said
    assert "below 2 ms of p95 latency small would win" in said


def test_rows_that_cannot_be_told_are_named_with_the_cheapest() -> None:
    found = answer(case(p95_ms=10.0))
    assert found.winner is not None
    assert found.winner.name == "small-level"
    assert [option.name for option in found.level] == ["small"]
    assert found.cheapest is not None
    assert found.cheapest.name == "small"
    assert headline(found) == "small-level; cannot tell from small, of which small is the cheapest"
    assert "Whether small-level is better than it cannot be told: macro-F1 +0.005" in " ".join(sentences(found))


def test_the_constraint_that_needs_the_smaller_change_comes_first() -> None:
    both = case(p95_ms=35.0, memory_mb=500.0)  # large breaks both, middle the memory alone
    assert [(change.constraint, change.value) for change in answer(both).looser] == [("memory_mb", 800.0)]
    options = [*OPTIONS, option("slow", 0.65, p95_ms=36.0, euros_per_million=1.0, memory_mb=450.0)]
    pairs = pairs_of(RIGHT | {"slow": 0.65})
    found = choose("case", both, options, pairs)
    assert [change.constraint for change in found.looser] == ["p95_ms", "memory_mb"]  # 1.03 and 1.6 times the limit


def test_constraints_that_bind_only_together_are_said_to() -> None:
    options = [OPTIONS[0], OPTIONS[3]]
    found = choose("case", case(device="cpu", memory_mb=500.0), options, PAIRS)
    assert names(found) == ["small"]
    assert found.looser == []
    assert found.together == ["device", "memory_mb"]
    assert "without a CPU alone and peak memory at most 500 MB together large would win" in " ".join(sentences(found))


def test_the_device_binds() -> None:
    found = answer(case(device="cpu"))
    assert names(found)[0] == "middle"
    assert [(change.constraint, change.value) for change in found.looser] == [("device", None)]
    assert "Binding: a CPU alone. Without it large would win (macro-F1 +0.200 on test" in " ".join(sentences(found))


def test_a_cost_as_objective_takes_the_lowest_that_keeps_a_score() -> None:
    found = answer(case("euros_per_million", macro_f1=0.605))
    assert names(found) == ["small-level", "middle", "large"]
    assert found.differences == {}
    said = sentences(found)
    assert said[1] == "Runner-up: middle, 0.5 EUR."
    assert "From 0.600 on validation small would win (0.01 EUR)." in " ".join(said)
    equal = [option("a", 0.5, euros_per_million=1.001), option("b", 0.6, euros_per_million=1.004)]
    tied = choose("case", case("euros_per_million"), equal, PAIRS)
    assert names(tied) == ["b", "a"]  # the same to two digits, so the better one
    assert [one.name for one in tied.level] == ["a"]


def test_a_winner_on_validation_that_is_worse_on_test_is_said_to_be() -> None:
    options = [option("small", 0.9), option("large", 0.6)]
    found = choose("case", case(), options, PAIRS)
    assert names(found) == ["small", "large"]
    assert "small was better on validation and is worse on test: macro-F1 -0.301" in " ".join(sentences(found))
    assert headline(found) == "small by validation; on test large is better"
    assert [one.name for one in found.level] == ["large"]


@pytest.mark.parametrize(
    ("name", "value", "limit", "text"),
    [
        ("p95_ms", 16.2, 10, "16 ms"),
        ("p95_ms", 10.4, 10, "10.4 ms"),
        ("p95_ms", 10.003, 10, "10.003 ms"),
        ("memory_mb", 1500.4, 1500, "1,500.4 MB"),
        ("accuracy", 0.4, 0.5, "0.400 on validation"),
        ("accuracy", 0.6, 0.6001, "0.6 on validation"),
        ("accuracy", 0.6001, 0.6, "0.6001 on validation"),
    ],
)
def test_a_value_beside_a_limit_has_the_digits_that_tell_them_apart(
    name: str, value: float, limit: float, text: str
) -> None:
    assert MEASURES[name].beside(value, limit) == text


def test_a_measure_that_no_row_has_is_said_to_be_unknown() -> None:
    options = [replace(one, costs={**one.costs, "training_minutes": None}) for one in OPTIONS]
    (line,) = sentences(choose("case", case(training_minutes=5.0), options, PAIRS))
    assert line.endswith("excludes all 4 rows: training time is not known of any.")


@pytest.mark.parametrize(
    ("use_case", "line"),
    [
        (
            case(p95_ms=0.5),
            "No row keeps the constraints: p95 latency at most 0.5 ms excludes all 4 rows: the nearest is small with 1 "
            "ms.",
        ),
        (
            case(macro_f1=0.95, p95_ms=10.0),
            "No row keeps the constraints: macro-F1 at least 0.95 excludes all 4 rows: the nearest is large with "
            "0.900 on validation.",
        ),
        (
            case(macro_f1=0.65, p95_ms=10.0),
            "No row keeps all constraints (p95 latency at most 10 ms and macro-F1 at least 0.65), though each is kept "
            "by some row: relax one.",
        ),
    ],
)
def test_an_empty_feasible_set_is_one_line(use_case: UseCase, line: str) -> None:
    found = answer(use_case)
    assert found.winner is None
    assert headline(found) == "no row"
    assert sentences(found) == [line]


def test_a_device_that_nothing_was_measured_on_excludes_all() -> None:
    found = choose("case", case(device="gpu"), OPTIONS[:3], PAIRS)
    assert list(excluding(found)) == ["device"]
    assert "every row was measured on another device" in sentences(found)[0]


def test_an_objective_without_classes_is_one_line() -> None:
    assert sentences(answer(case("macro_f1_tail"))) == [
        "No row has a macro-F1 of the tail: the data have no such class, or no time."
    ]


def test_an_unknown_cost_keeps_no_limit() -> None:
    options = [option("small", 0.6), option("large", 0.9, training_minutes=None)]
    assert names(choose("case", case(training_minutes=60.0), options, PAIRS)) == ["small"]
