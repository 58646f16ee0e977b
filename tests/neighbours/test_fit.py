"""Choice of the vote: out of fold, by likelihood, and never with a near duplicate among the voters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.core.errors import UserError
from complaints.neighbours.fit import Rows, fit, votes
from complaints.neighbours.params import KnnParams
from complaints.neighbours.search import unit_rows
from complaints.neighbours.vote import Vote
from complaints.scoring.class_prior import log_prior
from complaints.subsets.folds import assign_folds


def params(**changes: object) -> KnnParams:
    values = {"features": "net", "neighbours": [3], "temperatures": [0.05], "smoothing": 0.1, "folds": 3, "seed": 13}
    return KnnParams.model_validate(values | changes)


def rows_in_clusters(sizes: list[int], seed: int = 0) -> Rows:
    """Return clusters of equal features, each cluster of a class of its own."""
    random = np.random.default_rng(seed)
    centres = unit_rows(random.normal(size=(len(sizes), 8)))
    number = np.repeat(np.arange(len(sizes)), sizes)
    return Rows(centres[number], number, [f"cluster {i}" for i in number], len(sizes))


@given(st.lists(st.integers(1, 5), min_size=4, max_size=12), st.integers(0, 20))
def test_no_near_duplicate_votes_out_of_fold(sizes: list[int], seed: int) -> None:
    """A class whose rows are all one cluster has no vote for a row of it, so that its probability is the prior's."""
    rows, settings = rows_in_clusters(sizes, seed), params(seed=seed)
    fold = assign_folds(rows.clusters, rows.label_ids, settings.folds, settings.seed)
    if len(np.unique(fold)) < 2:
        return
    found = np.exp(fit(rows, settings).out_of_fold)
    for row, label in enumerate(rows.label_ids):
        prior = np.exp(log_prior(rows.label_ids[fold != fold[row]], rows.classes))
        assert found[row, label] == pytest.approx(0.1 * prior[label], rel=1e-5)


def two_classes(noise: float) -> Rows:
    """Return 200 rows of two classes around two directions, each a cluster of its own."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 200)
    features = unit_rows(np.eye(2)[labels] + noise * random.normal(size=(200, 2)))
    return Rows(features, labels, [str(row) for row in range(200)], 2)


def test_the_chosen_vote_has_the_best_likelihood_of_its_out_of_fold_predictions() -> None:
    rows = two_classes(0.5)
    settings = params(neighbours=[1, 8, 32], temperatures=[0.02, 0.5])
    found = fit(rows, settings)
    assert len(found.candidates) == 6
    best = min(found.candidates, key=lambda candidate: candidate.nll)
    assert found.vote == best.vote
    assert found.vote.neighbours == 32  # one neighbour of a noisy text is often wrong
    measured = -found.out_of_fold[np.arange(200), rows.label_ids].mean()
    assert best.nll == pytest.approx(measured, abs=1e-5)
    for candidate in found.candidates:
        vote = candidate.vote
        one = params(neighbours=[vote.neighbours], temperatures=[vote.temperature])
        logits = fit(rows, one).out_of_fold
        assert candidate.nll == pytest.approx(-logits[np.arange(200), rows.label_ids].mean(), abs=1e-5)


def test_candidates_are_in_order_and_each_once() -> None:
    assert votes(params(neighbours=[8, 4, 8], temperatures=[0.3, 0.1])) == [
        Vote(4, 0.1, 0.1),
        Vote(4, 0.3, 0.1),
        Vote(8, 0.1, 0.1),
        Vote(8, 0.3, 0.1),
    ]


def test_texts_that_are_all_near_duplicates_are_one_line() -> None:
    with pytest.raises(UserError, match="all training texts are near duplicates"):
        fit(rows_in_clusters([6]), params())
