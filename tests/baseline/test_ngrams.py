"""Counts of n-grams: those of scikit-learn's own analysers."""

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from support.small_tfidf import PARAMS, corpus

from complaints.baseline import tfidf
from complaints.baseline.ngrams import count_ngrams

TEXTS = [
    "I need a CAR  loan, a a car \u00e9 I\x1floan! \u0130stanbul",
    "",
    "the and of",
    "x",
    "car loan at the bank: the bank's car loan",
    "loan loan loan\tcar loan car\n\nXXXX/XX/2017 {$30.00}",
]


@pytest.mark.parametrize("min_df", [1, 2])
@pytest.mark.parametrize(
    "rules",
    [
        {"analyzer": "char_wb", "ngram_range": (3, 5)},
        {"analyzer": "char_wb", "ngram_range": (1, 8)},
        {"ngram_range": (1, 1)},
        {"ngram_range": (1, 2), "stop_words": tfidf.STOP_WORDS},
        {"ngram_range": (1, 5)},
    ],
)
def test_counts_are_those_of_scikit_learn(rules: dict[str, Any], min_df: int) -> None:
    theirs = CountVectorizer(min_df=min_df, dtype=np.float32, **rules)
    matrix = theirs.fit_transform(TEXTS)
    ours = count_ngrams(TfidfVectorizer(min_df=min_df, dtype=np.float32, **rules), TEXTS)
    assert ours.terms.tolist() == theirs.get_feature_names_out().tolist()
    assert ours.matrix.dtype == np.float32
    assert np.array_equal(ours.matrix.toarray(), matrix.toarray())


@pytest.mark.parametrize("analyser", [tfidf.WORDS, tfidf.CHARACTERS])
def test_terms_and_weights_are_those_of_scikit_learn(analyser: str) -> None:
    texts, label_ids = corpus()
    rows = np.arange(0, len(texts), 2)
    chosen = [texts[i] for i in rows]
    theirs = tfidf.vectorizer(PARAMS, analyser).set_params(max_features=None).fit(chosen)
    counts = tfidf.Corpus.read(texts, PARAMS)
    ours = tfidf.fit_rows(counts, rows, label_ids[rows], 6).pipelines[analyser]["tfidf"]
    if len(theirs.vocabulary_) <= ours.max_features:
        assert ours.vocabulary_ == theirs.vocabulary_
        np.testing.assert_allclose(ours.idf_, theirs.idf_, rtol=1e-6)
    assert set(ours.vocabulary_) <= set(theirs.vocabulary_)


def test_the_most_frequent_terms_are_kept_and_of_equals_the_first() -> None:
    params = PARAMS.model_copy(update={"words": PARAMS.words.model_copy(update={"max_features": 3, "min_df": 1})})
    model = tfidf.fit_tfidf(["bank bank card", "card late loan", "late fee"], np.array([0, 1, 1]), 2, params)
    assert list(model.pipelines[tfidf.WORDS]["tfidf"].vocabulary_) == ["bank", "card", "late"]
