"""Attributions of TF-IDF: exact, and of the words that the n-grams come from."""

import math

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from support import small_tfidf

from complaints.attribution.linear import attribute_tfidf
from complaints.baseline.tfidf import TfidfModel, weights

TEXTS = [
    *small_tfidf.NEW,
    "The collector\n\nphones me at WORK; the collector phones me at work!",
    "\u0130\u0130 late\u00a0fee \u0130 charged\tTWICE a b \U0001f4b8 m\u0130e late",
    "escrow",
    "x",
]


def known(coefficients: list[list[float]]) -> TfidfModel:
    """Return a model of the words `late`, `fee` and `late fee`, whose weights are all 1."""
    terms = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words=["the"], dtype=np.float64)
    terms.vocabulary_ = {"late": 0, "fee": 1, "late fee": 2}
    terms.idf_ = np.ones(3)
    regression = LogisticRegression()
    regression.coef_, regression.intercept_ = np.array(coefficients), np.full(len(coefficients), 0.3)
    regression.classes_ = np.array([1, 2] if len(coefficients) == 1 else [0, 2, 3])
    pipelines = {"words": Pipeline([("tfidf", terms), ("classifier", regression)])}
    return TfidfModel(pipelines, 4, small_tfidf.PARAMS.model_copy(update={"character_weight": 0.0}))


def scores(model: TfidfModel, text: str, class_id: int) -> list[tuple[str, float]]:
    return [(text[word.start : word.end], word.score) for word in attribute_tfidf(model, text, class_id).words]


def test_shares_are_coefficient_times_value() -> None:
    model = known([[0, 0, 0], [2, 3, 5], [0, 0, 0]])
    text = "LATE the fee, no fee"
    late, fee, both = 1.0, 1 + math.log(2), 1.0  # logarithmic counts; `late fee` is over a stop word
    norm = math.sqrt(late**2 + fee**2 + both**2)
    expected = [("LATE", 2 * late + 5 * both / 2), ("fee", 3 * fee / 2 + 5 * both / 2), ("fee", 3 * fee / 2)]
    found = scores(model, text, 2)
    assert [word for word, _ in found] == [word for word, _ in expected]
    assert [score for _, score in found] == pytest.approx([score / norm for _, score in expected], rel=1e-6)
    assert [score for _, score in scores(model, text, 1)] == [0, 0, 0]  # without a training row


def test_two_classes_have_the_scores_that_they_are_predicted_by() -> None:
    """scikit-learn keeps the coefficients of the second of two classes alone, against zero."""
    model = known([[2, 3, 5]])
    assert scores(model, "late", 2) == [("late", 2.0)]
    assert scores(model, "late", 1) == [("late", 0.0)]


@pytest.mark.parametrize("text", TEXTS)
def test_shares_add_up_to_the_score_of_the_model(text: str) -> None:
    model = small_tfidf.fitted()
    for place, class_id in enumerate(small_tfidf.IDS):
        wanted = 0.0
        for analyser, weight in weights(model.params).items():
            regression, values = model.pipelines[analyser]["classifier"], model.pipelines[analyser]["tfidf"]
            score = values.transform([text]) @ regression.coef_[place].astype(np.float64)
            wanted += weight * float(score[0])
        attribution = attribute_tfidf(model, text, class_id)
        assert sum(word.score for word in attribution.words) == pytest.approx(wanted, abs=1e-6)
        assert attribution.completeness_error < 1e-6
        assert all(0 <= word.start < word.end <= len(text) for word in attribution.words)


def test_the_words_of_a_topic_speak_for_it() -> None:
    text = "the bank sent a letter, \u0130 think: LATE fee charged again"
    found = sorted(scores(small_tfidf.fitted(), text, 0), key=lambda word: -word[1])
    assert {word for word, _ in found[:3]} == {"LATE", "fee", "charged"}
