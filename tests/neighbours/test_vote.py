"""The vote of neighbours against an example by hand."""

import numpy as np
import pytest

from complaints.neighbours.search import Nearest
from complaints.neighbours.vote import Vote, log_probabilities, weights

FOUND = Nearest(np.array([[4, 1, 0]]), np.array([[0.9, 0.8, 0.5]]))
LABELS = np.array([0, 1, 1, 1, 0])
"""Of three classes, the last without a row. Smoothed by one, the prior is 3/8, 4/8 and 1/8."""


def test_weights_are_the_softmax_of_cosines_by_temperature() -> None:
    expected = np.exp(np.array([0.9, 0.8, 0.5]) / 0.1)
    np.testing.assert_allclose(weights(FOUND.cosines, Vote(3, 0.1, 0.5))[0], expected / expected.sum())


def test_probabilities_are_shares_of_the_vote_and_of_the_prior() -> None:
    votes = np.exp([0.9 / 0.1, 0.8 / 0.1])
    shares = votes / votes.sum()  # the third neighbour is beyond k = 2
    expected = [0.75 * shares[0] + 0.25 * 3 / 8, 0.75 * shares[1] + 0.25 * 4 / 8, 0.25 * 1 / 8]
    found = log_probabilities(FOUND, LABELS, 3, Vote(2, 0.1, 0.25))
    np.testing.assert_allclose(np.exp(found[0]), expected)
    assert np.exp(found).sum() == pytest.approx(1)


def test_a_low_temperature_leaves_the_nearest_alone() -> None:
    assert weights(FOUND.cosines, Vote(3, 0.001, 0.1))[0].tolist() == pytest.approx([1, 0, 0])


def test_more_neighbours_than_rows_are_all_rows() -> None:
    np.testing.assert_array_equal(
        log_probabilities(FOUND, LABELS, 3, Vote(3, 0.1, 0.2)), log_probabilities(FOUND, LABELS, 3, Vote(99, 0.1, 0.2))
    )
