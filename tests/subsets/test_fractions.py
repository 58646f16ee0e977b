"""Nested fractions by cluster, with every class."""

from itertools import pairwise

import numpy as np

from complaints.subsets.draws import draw
from complaints.subsets.fractions import nested_fraction

SIZE = 6000
RANDOM = np.random.default_rng(0)
CLUSTER = RANDOM.integers(0, SIZE // 2, SIZE)
CLUSTERS = [f"{c:04x}" for c in CLUSTER]
LABELS = RANDOM.geometric(0.1, SIZE // 2).clip(max=80)[CLUSTER] - 1
FRACTIONS = (0.01, 0.1, 0.2, 0.5, 0.9, 1.0)


def test_fractions_are_nested_complete_clusters_with_every_class() -> None:
    parts = [nested_fraction(CLUSTERS, LABELS, fraction, 13) for fraction in FRACTIONS]
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)
    for part in parts:
        assert np.array_equal(part, np.unique(part))
        inside = np.isin(np.arange(SIZE), part)
        assert not set(CLUSTER[inside]) & set(CLUSTER[~inside])
        assert set(LABELS[part]) == set(LABELS)
    assert np.array_equal(parts[-1], np.arange(SIZE))


def test_a_fraction_has_about_its_share_of_the_rows() -> None:
    for fraction in FRACTIONS[1:]:
        assert abs(len(nested_fraction(CLUSTERS, LABELS, fraction, 13)) / SIZE - fraction) < 0.03


def test_further_rows_do_not_take_a_cluster_out_unless_it_stands_for_a_class() -> None:
    some = np.arange(SIZE // 2)
    part = nested_fraction([CLUSTERS[i] for i in some], LABELS[some], 0.3, 13)
    complete = nested_fraction(CLUSTERS, LABELS, 0.3, 13)
    gone = set(part) - set(complete)
    assert len(gone) <= 2 * len(set(LABELS[some]))
    assert set(np.intersect1d(complete, some)) <= set(part)


def test_fractions_do_not_repeat_the_draws_of_the_split() -> None:
    """Clusters of the training split have large draws by the split's key; the same draws would give empty fractions."""
    trained = [name for name, drawn in zip(CLUSTERS, draw(CLUSTERS, "13"), strict=True) if drawn > 0.3]
    part = nested_fraction(trained, np.zeros(len(trained), np.int64), 0.3, 13)
    assert abs(len(part) / len(trained) - 0.3) < 0.04


def test_another_seed_draws_other_rows() -> None:
    assert set(nested_fraction(CLUSTERS, LABELS, 0.3, 13)) != set(nested_fraction(CLUSTERS, LABELS, 0.3, 14))
