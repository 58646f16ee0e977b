"""Baseline models: the majority class, and TF-IDF of words and of characters with logistic regression."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import log_softmax
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from complaints.baseline.ngrams import NgramCounts, count_ngrams, take_columns
from complaints.baseline.params import BaselineParams, CharacterParams, NgramParams
from complaints.core.errors import UserError
from complaints.scoring.class_prior import log_prior

# Stop words of scikit-learn that carry meaning in a complaint about money.
KEPT_WORDS = {"amount", "bill", "call", "computer", "cry", "fire", "interest", "move", "serious", "system"}
STOP_WORDS = sorted(ENGLISH_STOP_WORDS - KEPT_WORDS)

MAX_ITERATIONS = 100
ABSENT_LOG_PROBABILITY = -30.0
"""Logit of a class without a training row: finite, and too low for logit adjustment to raise it above others."""

WORDS, CHARACTERS = "words", "characters"
"""The two analysers, sections of `baseline` in params.yaml."""


@dataclass(frozen=True)
class TfidfModel:
    """A fitted TF-IDF model: one pipeline for each analyser, combined by their log probabilities."""

    pipelines: Mapping[str, Pipeline]
    """By analyser, scikit-learn pipelines of two steps, `tfidf` and `classifier`."""
    classes: int
    """Size of the label vocabulary; `classes_` of the classifiers are the label ids that occur in training."""
    params: BaselineParams


@dataclass(frozen=True)
class Corpus:
    """Texts, analysed once for any number of models."""

    counts: Mapping[str, NgramCounts]
    """The n-grams of the texts by analyser."""
    params: BaselineParams

    @staticmethod
    def read(texts: Sequence[str], params: BaselineParams) -> "Corpus":
        """Count the n-grams of `texts` for each analyser whose weight is above 0."""
        return Corpus({name: count_ngrams(vectorizer(params, name), texts) for name in weights(params)}, params)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(next(iter(self.counts.values())))


def weights(params: BaselineParams) -> dict[str, float]:
    """Return the weight of each analyser's log probabilities, those above 0."""
    both = {WORDS: 1 - params.character_weight, CHARACTERS: params.character_weight}
    return {name: weight for name, weight in both.items() if weight > 0}


def _section(params: BaselineParams, analyser: str) -> NgramParams | CharacterParams:
    return params.characters if analyser == CHARACTERS else params.words


def vectorizer(params: BaselineParams, analyser: str) -> TfidfVectorizer:
    """Return the unfitted vectoriser: logarithmic term frequency of n-grams.

    Those of `words` are without stop words; those of `characters` are within words, the spaces around them included.
    """
    p = _section(params, analyser)
    return TfidfVectorizer(
        analyzer="char_wb" if analyser == CHARACTERS else "word",
        max_features=p.max_features,
        ngram_range=p.ngram_range,
        min_df=p.min_df,
        stop_words=STOP_WORDS if analyser == WORDS else None,
        sublinear_tf=True,
        dtype=np.float32,
    )


def classifier(params: BaselineParams, analyser: str) -> LogisticRegression:
    """Return the unfitted multinomial logistic regression, solved by SAGA (Defazio et al. 2014)."""
    p = _section(params, analyser)
    return LogisticRegression(C=p.c, solver="saga", tol=p.tolerance, max_iter=MAX_ITERATIONS, random_state=params.seed)


def fit_tfidf(texts: Sequence[str], label_ids: np.ndarray, classes: int, params: BaselineParams) -> TfidfModel:
    """Fit TF-IDF and multinomial logistic regression on texts; `fit_rows` says how.

    Args:
        texts: Texts of the training complaints.
        label_ids: Their label ids, int [texts], in [0, classes).
        classes: Size of the label vocabulary; not every id has to occur in `label_ids`.
        params: Section `baseline` of params.yaml.

    Raises:
        UserError: if the texts have no terms, or the labels fewer than two classes.
    """
    return fit_rows(Corpus.read(texts, params), np.arange(len(texts)), label_ids, classes)


def fit_rows(corpus: Corpus, rows: np.ndarray, label_ids: np.ndarray, classes: int) -> TfidfModel:
    """Fit TF-IDF and multinomial logistic regression on some texts of a corpus, with a vocabulary of their own.

    Three choices improve on the usual recipe (raw term frequency, C = 1, lbfgs to convergence in float64):
    with logarithmic term frequency a large C generalises; dropping stop words halves the non-zeros; SAGA in float32
    is as good on held-out rows after about ten passes as at convergence. A fourth adds a second model, of characters.
    `benchmarks/baseline.py` measures them. The solver runs on one core, so the result does not depend on the number of
    cores.

    Args:
        corpus: The texts.
        rows: Indices of the texts to fit, int64.
        label_ids: Their label ids, int [rows], in [0, classes).
        classes: Size of the label vocabulary.

    Raises:
        UserError: if the texts have no terms, or the labels fewer than two classes.
    """
    if len(np.unique(label_ids)) < 2:
        raise UserError("the training split has fewer than two classes; lower merge_labels.min_count or add complaints")
    pipelines = {}
    for analyser, counts in corpus.counts.items():
        terms, features = _fit_terms(vectorizer(corpus.params, analyser), counts, rows, analyser)
        fitted = classifier(corpus.params, analyser).fit(features, label_ids)
        pipelines[analyser] = Pipeline([("tfidf", terms), ("classifier", fitted)])
    return TfidfModel(pipelines, classes, corpus.params)


def _fit_terms(
    terms: TfidfVectorizer, counts: NgramCounts, rows: np.ndarray, analyser: str
) -> tuple[TfidfVectorizer, sparse.csr_matrix]:
    """Give a vectoriser the terms and their weights that it would find in some texts; return it and their features.

    Of terms with equal counts at the limit `max_features`, the first in the order of their characters stay.
    """
    matrix = counts.matrix[rows]
    in_texts = np.bincount(matrix.indices, minlength=len(counts.terms))
    occurrences = np.bincount(matrix.indices, weights=matrix.data, minlength=len(counts.terms))
    common = np.flatnonzero(in_texts >= terms.min_df)
    if not len(common):
        raise UserError(
            f"the training texts have no terms for TF-IDF; lower baseline.{analyser}.min_df in params.yaml, or check "
            "the texts of the training split"
        )
    kept = np.sort(common[np.argsort(-occurrences[common], kind="stable")][: terms.max_features])
    place = np.full(len(counts.terms), -1, np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    matrix = take_columns(matrix, place, len(kept))
    weighting = TfidfTransformer(sublinear_tf=True).fit(matrix)
    terms.vocabulary_ = {term: column for column, term in enumerate(counts.terms[kept].tolist())}
    terms.idf_ = weighting.idf_
    return terms, weighting.transform(matrix, copy=False)


def score_rows(model: TfidfModel, corpus: Corpus, rows: np.ndarray) -> np.ndarray:
    """Return what `tfidf_logits` returns for the texts of a corpus at `rows`, int64: float32 [rows, classes]."""
    features = {}
    for analyser, pipeline in model.pipelines.items():
        counts, vocabulary = corpus.counts[analyser], pipeline["tfidf"].vocabulary_
        place = np.fromiter((vocabulary.get(term, -1) for term in counts.terms), np.int32, len(counts.terms))
        matrix = take_columns(counts.matrix[rows], place, len(vocabulary))
        weighting = TfidfTransformer(sublinear_tf=True)
        weighting.idf_ = pipeline["tfidf"].idf_
        features[analyser] = weighting.transform(matrix, copy=False)
    return _combined(model, features)


def tfidf_logits(model: TfidfModel, texts: Sequence[str]) -> np.ndarray:
    """Return log probabilities, float32 [texts, classes]: the normalised weighted sum of those of the analysers.

    A class without a training row gets `ABSENT_LOG_PROBABILITY`: it is finite and never predicted. A text without a
    known term is scored by the intercept alone.
    """
    if not texts:
        return np.empty((0, model.classes), dtype=np.float32)
    return _combined(model, {name: pipeline["tfidf"].transform(texts) for name, pipeline in model.pipelines.items()})


def _combined(model: TfidfModel, features: Mapping[str, sparse.csr_matrix]) -> np.ndarray:
    parts = [
        weight * _log_probabilities(model.pipelines[analyser]["classifier"], features[analyser])
        for analyser, weight in weights(model.params).items()
    ]
    present = next(iter(model.pipelines.values()))["classifier"].classes_
    logits = np.full((len(parts[0]), model.classes), ABSENT_LOG_PROBABILITY, dtype=np.float32)
    logits[:, present] = log_softmax(sum(parts), axis=1)
    return logits


def _log_probabilities(regression: LogisticRegression, features: sparse.csr_matrix) -> np.ndarray:
    """Return the log probabilities of the classes that the regression knows, float64 [texts, classes]."""
    scores = regression.decision_function(features).astype(np.float64)
    if scores.ndim == 1:
        # For two classes scikit-learn returns one score per text, that of the second class against zero.
        scores = np.column_stack([np.zeros_like(scores), scores])
    result: np.ndarray = log_softmax(scores, axis=1)
    return result


def majority_logits(train_label_ids: np.ndarray, classes: int, rows: int) -> np.ndarray:
    """Return the log prior of the training labels for every row, float32 [rows, classes].

    The majority class has the largest; their softmax is the smoothed class frequency.
    """
    return np.tile(log_prior(train_label_ids, classes).astype(np.float32), (rows, 1))
