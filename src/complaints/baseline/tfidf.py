"""Baseline models: the majority class, and TF-IDF with logistic regression."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from complaints.baseline.params import BaselineParams
from complaints.core.errors import UserError
from complaints.scoring.class_prior import log_prior

# Stop words of scikit-learn that carry meaning in a complaint about money.
KEPT_WORDS = {"amount", "bill", "call", "computer", "cry", "fire", "interest", "move", "serious", "system"}
STOP_WORDS = sorted(ENGLISH_STOP_WORDS - KEPT_WORDS)

MAX_ITERATIONS = 100
ABSENT_LOG_PROBABILITY = -30.0
"""Logit of a class without a training row: finite, and too low for logit adjustment to raise it above others."""


@dataclass(frozen=True)
class TfidfModel:
    """A fitted TF-IDF model."""

    pipeline: Pipeline
    """scikit-learn pipeline of two steps, `tfidf` and `classifier`."""
    classes: int
    """Size of the label vocabulary; `classes_` of the classifier are the label ids that occur in training."""
    params: BaselineParams


def vectorizer(params: BaselineParams) -> TfidfVectorizer:
    """Return the unfitted vectoriser: n-grams of words without stop words, logarithmic term frequency."""
    return TfidfVectorizer(
        max_features=params.max_features,
        ngram_range=(1, params.ngram_max),
        min_df=params.min_df,
        stop_words=STOP_WORDS,
        sublinear_tf=True,
        dtype=np.float32,
    )


def classifier(params: BaselineParams) -> LogisticRegression:
    """Return the unfitted multinomial logistic regression, solved by SAGA (Defazio et al. 2014)."""
    return LogisticRegression(
        C=params.c, solver="saga", tol=params.tolerance, max_iter=MAX_ITERATIONS, random_state=params.seed
    )


def fit_tfidf(texts: list[str], label_ids: np.ndarray, classes: int, params: BaselineParams) -> TfidfModel:
    """Fit TF-IDF and multinomial logistic regression.

    Three choices improve on the usual recipe (raw term frequency, C = 1, lbfgs to convergence in float64):
    with logarithmic term frequency a large C generalises; dropping stop words halves the non-zeros; SAGA in float32
    is as good on held-out rows after about ten passes as at convergence. `benchmarks/baseline.py` measures them.
    The solver runs on one core, so the result does not depend on the number of cores.

    Args:
        texts: Texts of the training complaints.
        label_ids: Their label ids, int [rows], in [0, classes).
        classes: Size of the label vocabulary; not every id has to occur in `label_ids`.
        params: Section `baseline` of params.yaml.

    Raises:
        UserError: if the texts have no terms, or the labels fewer than two classes.
    """
    if len(np.unique(label_ids)) < 2:
        raise UserError("the training split has fewer than two classes; lower merge_labels.min_count or add complaints")
    terms = vectorizer(params)
    try:
        features = terms.fit_transform(texts)
    except ValueError as error:
        raise UserError(
            f"the training texts have no terms for TF-IDF ({error}); "
            "lower baseline.min_df in params.yaml, or check the texts of the training split"
        ) from error
    fitted = classifier(params).fit(features, label_ids)
    return TfidfModel(Pipeline([("tfidf", terms), ("classifier", fitted)]), classes, params)


def tfidf_logits(model: TfidfModel, texts: list[str]) -> np.ndarray:
    """Return log probabilities, float32 [texts, classes].

    A class without a training row gets `ABSENT_LOG_PROBABILITY`: it is finite and never predicted. A text without a
    known term is scored by the intercept alone.
    """
    if not texts:
        return np.empty((0, model.classes), dtype=np.float32)
    scores = model.pipeline.decision_function(texts)
    if scores.ndim == 1:
        # For two classes scikit-learn returns one score per text, that of the second class against zero.
        scores = np.column_stack([np.zeros_like(scores), scores])
    logits = np.full((len(texts), model.classes), ABSENT_LOG_PROBABILITY, dtype=np.float32)
    logits[:, model.pipeline.classes_] = log_softmax(scores, axis=1)
    return logits


def majority_logits(train_label_ids: np.ndarray, classes: int, rows: int) -> np.ndarray:
    """Return the log prior of the training labels for every row, float32 [rows, classes].

    The majority class has the largest; their softmax is the smoothed class frequency.
    """
    return np.tile(log_prior(train_label_ids, classes).astype(np.float32), (rows, 1))
