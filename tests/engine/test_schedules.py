"""Learning rates rise during the warm-up and then fall as the schedule's name says."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.engine.schedules import learning_rate_factor


class TestSchedules:
    @given(
        st.integers(1, 500), st.floats(0, 1, allow_subnormal=False), st.sampled_from(["linear", "cosine", "constant"])
    )
    def test_rate_rises_to_its_peak_and_then_never_again(self, steps: int, warmup: float, schedule: str) -> None:
        factors = [learning_rate_factor(step, steps, warmup, schedule) for step in range(steps)]
        assert all(0 < factor <= 1 for factor in factors)
        top = int(np.argmax(factors))
        assert factors[top] == 1
        assert all(a < b for a, b in itertools.pairwise(factors[: top + 1]))
        assert all(a >= b for a, b in itertools.pairwise(factors[top:]))

    @pytest.mark.parametrize(
        ("schedule", "middle", "quarter", "end"),
        [("linear", 0.5, 0.75, 0.0), ("cosine", 0.5, (1 + 0.5**0.5) / 2, 0.0), ("constant", 1.0, 1.0, 1.0)],
    )
    def test_each_schedule_falls_in_its_form(self, schedule: str, middle: float, quarter: float, end: float) -> None:
        assert learning_rate_factor(0, 110, 10 / 110, schedule) == pytest.approx(0.1)
        assert learning_rate_factor(9, 110, 10 / 110, schedule) == 1.0
        assert learning_rate_factor(10, 110, 10 / 110, schedule) == 1.0
        assert learning_rate_factor(35, 110, 10 / 110, schedule) == pytest.approx(quarter)
        assert learning_rate_factor(60, 110, 10 / 110, schedule) == pytest.approx(middle)
        assert learning_rate_factor(110, 110, 10 / 110, schedule) == pytest.approx(end)

    def test_rate_without_warmup_starts_at_its_peak(self) -> None:
        assert learning_rate_factor(0, 10, 0.0, "linear") == 1.0
