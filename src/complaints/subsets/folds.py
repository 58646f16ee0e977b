"""Folds of the training rows for predictions out of fold."""

from collections.abc import Sequence

import numpy as np

from complaints.subsets.draws import distinct, draw


def choose_models(texts: Sequence[str], models: int, seed: int) -> np.ndarray:
    """Return the model of a fold that predicts each text outside of the folds, int64 [texts] in [0, models).

    One model predicts a text, as one predicts each training row: a mean over models would be surer than the predictions
    that temperature and weights are fitted to. The choice is a function of text and seed alone.
    """
    return (draw(texts, f"unlabeled {seed}") * models).astype(np.int64)


def assign_folds(clusters: Sequence[str], label_ids: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row, int64 [rows] in [0, folds); rows of one cluster have the same.

    The fold of a cluster is a function of its name and the seed, so further complaints do not move it. There is one
    exception: where all clusters of a class are in one fold, the class would be missing from training when that fold
    is held out. Then one of its clusters is moved to another fold: the move that confines the fewest classes. A class
    of one cluster cannot be helped.

    Args:
        clusters: Name of the cluster of near duplicates of each row.
        label_ids: Class ids, int [rows].
        folds: Number of folds, at least 2.
        seed: Seed of the draws.
    """
    names, cluster = distinct(clusters)
    drawn = draw(names, f"folds {seed}")
    fold = (drawn * folds).astype(np.int64)
    pairs = np.unique(np.stack([label_ids.astype(np.int64), cluster]), axis=1)
    members = {label_id: pairs[1, pairs[0] == label_id] for label_id in np.unique(pairs[0]).tolist()}

    def confined(label_id: int) -> bool:
        return len(members[label_id]) > 1 and len(np.unique(fold[members[label_id]])) == 1

    def confined_by(move: tuple[int, int]) -> int:
        """Return the number of classes of a cluster that are confined once it is moved to a fold."""
        moved, target = move
        before, fold[moved] = fold[moved], target
        count = sum(confined(label_id) for label_id in pairs[0, pairs[1] == moved].tolist())
        fold[moved] = before
        return count

    # A move may confine other classes in turn, so the classes are gone through again.
    for _ in range(folds):
        for label_id in filter(confined, members):
            own = members[label_id]
            by_draw = own[np.argsort(-drawn[own], kind="stable")].tolist()
            moves = [(moved, (fold[own[0]] + step) % folds) for step in range(1, folds) for moved in by_draw]
            moved, target = min(moves, key=confined_by)
            fold[moved] = target
    return fold[cluster]
