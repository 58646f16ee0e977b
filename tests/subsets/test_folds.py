"""Folds by cluster: stable, about equal, and without a class that is confined to one fold."""

import numpy as np
import pytest

from complaints.subsets.folds import assign_folds


def rows_of(size: int, classes: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return clusters of about two rows, and labels with a long tail that are often one per cluster."""
    random = np.random.default_rng(seed)
    cluster = random.integers(0, size // 2, size)
    label = random.geometric(0.15, size // 2).clip(max=classes) - 1
    noise = random.random(size) < 0.05
    return [f"{c:04x}" for c in cluster], np.where(noise, random.integers(0, classes, size), label[cluster])


def test_a_cluster_is_in_one_fold_and_folds_are_about_equal() -> None:
    clusters, labels = rows_of(4000, 10)
    fold = assign_folds(clusters, labels, 5, 13)
    assert len({(name, number) for name, number in zip(clusters, fold.tolist(), strict=True)}) == len(set(clusters))
    assert np.bincount(fold).min() > 650


def test_further_complaints_and_another_order_do_not_move_a_cluster() -> None:
    clusters, labels = rows_of(4000, 10)
    complete = assign_folds(clusters, labels, 5, 13)
    random = np.random.default_rng(1)
    some = random.permutation(4000)[:2500]
    assert np.array_equal(assign_folds([clusters[i] for i in some], labels[some], 5, 13), complete[some])
    assert not np.array_equal(assign_folds(clusters, labels, 5, 14), complete)


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(20))
def test_every_class_of_two_clusters_is_in_training_for_every_fold(folds: int, seed: int) -> None:
    clusters, labels = rows_of(120, 30, seed)
    fold = assign_folds(clusters, labels, folds, seed)
    for label_id in np.unique(labels):
        own = {(clusters[i], fold[i]) for i in np.flatnonzero(labels == label_id)}
        assert len(own) == 1 or len({number for _, number in own}) > 1, label_id
