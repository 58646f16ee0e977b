"""Pareto front: a dearer row is on it only if it is significantly better than every cheaper row of the front."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.measured import option, pairs_of

from complaints.recommending.front import dominated_by

RIGHT = {"poor": 0.6, "level": 0.605, "good": 0.8, "best": 0.9}


def test_a_cheaper_row_dominates_unless_the_dearer_one_is_significantly_better() -> None:
    pairs = pairs_of(RIGHT)
    options = [option(name, 0.0, p50_ms=cost) for name, cost in zip(RIGHT, (1.0, 2.0, 4.0, 8.0), strict=True)]
    assert dominated_by(options, "p50_ms", "macro_f1", pairs) == {
        "poor": None,
        "level": "poor",  # a higher point estimate, but not significantly
        "good": None,
        "best": None,
    }


def test_a_dearer_row_that_is_worse_is_dominated() -> None:
    options = [option("best", 0.0, p50_ms=1.0), option("good", 0.0, p50_ms=2.0), option("poor", 0.0, p50_ms=3.0)]
    found = dominated_by(options, "p50_ms", "macro_f1", pairs_of(RIGHT))
    assert found == {"best": None, "good": "best", "poor": "best"}


def test_rows_of_one_cost_are_dominated_by_significantly_better_ones_alone() -> None:
    names = ("poor", "level", "good")
    # 1.004 and 1.0 agree in two significant digits.
    options = [option(name, 0.0, p50_ms=cost) for name, cost in zip(names, (1.0, 1.004, 1.0), strict=True)]
    found = dominated_by(options, "p50_ms", "macro_f1", pairs_of(RIGHT))
    assert found == {"poor": "good", "level": "good", "good": None}
    assert dominated_by(options[:2], "p50_ms", "macro_f1", pairs_of(RIGHT)) == {"poor": None, "level": None}


def test_a_dominated_row_does_not_exclude_a_third() -> None:
    """`b` is level with both neighbours, `c` is better than `a`: `b` alone must not keep `c` off the front."""
    pairs = pairs_of({"a": 0.6, "b": 0.61, "c": 0.62})
    better = pairs.better("macro_f1", ["a", "b", "c"])
    assert better == {("c", "a")}
    options = [option(name, 0.0, p50_ms=cost) for name, cost in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    assert dominated_by(options, "p50_ms", "macro_f1", pairs) == {"a": None, "b": "a", "c": None}


def test_an_unknown_cost_is_left_out() -> None:
    options = [option("poor", 0.0, training_minutes=None), option("best", 0.0)]
    assert dominated_by(options, "training_minutes", "macro_f1", pairs_of(RIGHT)) == {"best": None}


@settings(max_examples=30)
@given(st.permutations(list(RIGHT)), st.lists(st.sampled_from([1.0, 2.0, 4.0]), min_size=4, max_size=4))
def test_every_dominated_row_is_dominated_by_a_row_of_the_front(names: list[str], costs: list[float]) -> None:
    pairs = pairs_of(RIGHT)
    of_name = dict(zip(names, costs, strict=True))
    better = pairs.better("macro_f1", names)
    found = dominated_by(
        [option(name, 0.0, p50_ms=cost) for name, cost in of_name.items()], "p50_ms", "macro_f1", pairs
    )
    for name, by in found.items():
        if by is not None:
            assert found[by] is None
            assert of_name[by] <= of_name[name]
            assert (by, name) in better or (of_name[by] < of_name[name] and (name, by) not in better)
