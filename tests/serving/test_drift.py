"""Shift of distributions: the index by hand, its noise on samples without shift, and verdicts with their sizes."""

import numpy as np
import pytest

from complaints.serving.drift import Shift, compare_labels, compare_numbers, holm, noise, psi


def test_index_by_hand() -> None:
    log, data = np.array([9.5, 29.5]), np.array([19.5, 19.5])
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert psi(log, data) == pytest.approx(expected)
    assert psi(data, log) == pytest.approx(expected)
    assert psi(data, data) == 0


def test_noise_is_exceeded_by_one_in_twenty_samples_without_shift() -> None:
    random = np.random.default_rng(3)
    shares = np.full(10, 0.1)
    drawn = [psi(random.multinomial(300, shares), random.multinomial(2000, shares)) for _ in range(4000)]
    assert np.mean(np.array(drawn) > noise(10, 300, 2000)) == pytest.approx(0.05, abs=0.015)


def test_p_values_of_samples_without_shift_are_uniform_or_larger() -> None:
    random = np.random.default_rng(4)
    found = []
    for _ in range(400):
        found.append(compare_numbers("n", random.normal(size=200), random.normal(size=500)).p)
        label_shares = random.dirichlet(np.ones(30))
        found.append(
            compare_labels("l", random.multinomial(300, label_shares), random.multinomial(900, label_shares)).p
        )
    assert np.mean(np.array(found) < 0.05) < 0.07


def test_a_real_shift_is_found_and_a_small_one_is_called_small() -> None:
    random = np.random.default_rng(5)
    data = random.normal(size=5000)
    (large,) = holm([compare_numbers("n", random.normal(1.0, size=500), data)])
    (small,) = holm([compare_numbers("n", random.normal(0.1, size=20_000), data)])
    (none,) = holm([compare_numbers("n", random.normal(size=5000), data)])
    assert (large.verdict, small.verdict, none.verdict) == ("shifted", "small shift", "no shift")


def test_too_few_rows_cannot_tell_and_say_how_many_would() -> None:
    random = np.random.default_rng(6)
    data = random.normal(size=5000)
    (shift,) = holm([compare_numbers("n", random.normal(size=60), data)])
    assert shift.verdict == f"cannot tell at this size: would need about {shift.needed:,} rows"
    assert shift.needed is not None
    assert noise(10, shift.needed, 5000) == pytest.approx(0.1, rel=0.02)
    (few,) = holm([compare_numbers("n", random.normal(size=29), data)])
    assert few.verdict == "cannot tell: the log has 29 of 30 rows at least"
    (no_data,) = holm([compare_numbers("n", random.normal(size=60), data[:40])])
    assert no_data.verdict == "cannot tell at this size: the data has too few rows"


def test_rare_labels_are_counted_together() -> None:
    """A label of one row on one side moves neither index nor test by itself."""
    log, data = np.array([500, 500, 1, 0, 0, 1]), np.array([1000, 1000, 0, 1, 1, 1])
    (shift,) = holm([compare_labels("labels", log, data)])
    assert shift.p is not None
    assert shift.p > 0.5
    assert shift.verdict == "no shift"


def test_labels_that_the_data_never_has_are_a_shift() -> None:
    (shift,) = holm([compare_labels("labels", np.array([50, 50, 60]), np.array([500, 500, 0]))])
    assert shift.verdict == "shifted"


def test_correction_by_hand() -> None:
    shifts = [Shift(str(p), 100, 100, None, None, 0.2, p, 0.01) for p in (0.04, 0.01, 0.03)]
    shifts.append(Shift("none", 1, 1, None, None, reason="no"))
    assert [shift.p for shift in holm(shifts)] == pytest.approx([0.06, 0.03, 0.06, None])
