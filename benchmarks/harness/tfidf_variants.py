"""Variants of TF-IDF that were tried for the baseline: log-count ratios, and a temperature for each analyser."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from complaints.baseline import tfidf
from complaints.baseline.params import BaselineParams
from complaints.core import config

FOLDS = 3
SMOOTHING = 1.0


def count_ratio_logits(
    texts: Sequence[str], label_ids: np.ndarray, held_out: Sequence[str], settings: BaselineParams
) -> np.ndarray:
    """Return the scores of one logistic regression for each class on features scaled by its log-count ratios.

    Wang and Manning 2012, "Baselines and bigrams", section 2.1: r = log((p / |p|) / (q / |q|)), with p and q the
    smoothed counts of each term in the class and in the rest; here sums of TF-IDF weights. A multinomial regression
    has no such form, since r differs by class.

    Args:
        texts: Training texts.
        label_ids: Their class ids, int [texts]; every class occurs.
        held_out: Texts to score.
        settings: Parameters of the baseline; those of words are used.

    Returns:
        Log probabilities of each class against the rest, normalised, float64 [held-out texts, classes].
    """
    terms = tfidf.vectorizer(settings, tfidf.WORDS)
    features, new = terms.fit_transform(texts), terms.transform(held_out)
    columns = []
    for label_id in np.unique(label_ids):
        own = label_ids == label_id
        p, q = (np.asarray(features[rows].sum(axis=0)).ravel() + SMOOTHING for rows in (own, ~own))
        ratio = sparse.diags(np.log((p / p.sum()) / (q / q.sum())).astype(np.float32))
        model = LogisticRegression(C=settings.words.c, solver="liblinear")
        columns.append(model.fit(features @ ratio, own).predict_log_proba(new @ ratio)[:, 1])
    scores: np.ndarray = log_softmax(np.column_stack(columns), axis=1)
    return scores


def tempered_logits(
    texts: Sequence[str], label_ids: np.ndarray, held_out: Sequence[str], classes: int, settings: BaselineParams
) -> np.ndarray:
    """Return the combination of the analysers after each has its own temperature, which minimises its loss out of fold.

    Guo et al. 2017, "On calibration of modern neural networks", section 4.2, FOLDS random folds.

    Args:
        texts: Training texts.
        label_ids: Their class ids, int [texts].
        held_out: Texts to score.
        classes: Number of classes.
        settings: Parameters of the baseline.

    Returns:
        Log probabilities, float64 [held-out texts, classes].
    """
    everything = np.arange(len(texts))
    total = np.zeros((len(held_out), classes))
    for analyser, weight in tfidf.weights(settings).items():
        alone = config.changed(settings, {"character_weight": float(analyser == tfidf.CHARACTERS)})
        corpus = tfidf.Corpus.read([*texts, *held_out], alone)
        out_of_fold = np.empty((len(texts), classes))
        for rest, fold in StratifiedKFold(FOLDS, shuffle=True, random_state=13).split(everything, label_ids):
            out_of_fold[fold] = tfidf.score_rows(tfidf.fit_rows(corpus, rest, label_ids[rest], classes), corpus, fold)

        def loss(temperature: float, logits: np.ndarray = out_of_fold) -> float:
            return -float(log_softmax(logits / temperature, axis=1)[everything, label_ids].mean())

        temperature = minimize_scalar(loss, bounds=(0.2, 5), method="bounded").x
        model = tfidf.fit_rows(corpus, everything, label_ids, classes)
        logits = tfidf.score_rows(model, corpus, np.arange(len(texts), len(texts) + len(held_out)))
        print(f"temperature of {analyser}: {temperature:.3f}")
        total += weight * log_softmax(logits / temperature, axis=1)
    return total
