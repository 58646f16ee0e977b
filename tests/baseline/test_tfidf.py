"""Predictions of the baseline models, and refused training data."""

import numpy as np
import pytest
from scipy.special import softmax
from support.small_tfidf import CLASSES, IDS, NEW, PARAMS, corpus, fitted

from complaints.baseline import tfidf
from complaints.core.errors import UserError


def test_logits_have_one_column_per_class_and_predict_the_topic() -> None:
    logits = tfidf.tfidf_logits(fitted(), NEW)
    assert logits.shape == (5, CLASSES)
    assert logits.dtype == np.float32
    assert logits[:4].argmax(axis=1).tolist() == IDS


def test_logits_are_log_probabilities() -> None:
    logits = tfidf.tfidf_logits(fitted(), NEW)
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(softmax(logits, axis=1), np.exp(logits), rtol=1e-5, atol=1e-9)


def test_no_texts_return_no_rows() -> None:
    assert tfidf.tfidf_logits(fitted(), []).shape == (0, CLASSES)


def test_classes_missing_from_train_are_finite_and_never_predicted() -> None:
    logits = tfidf.tfidf_logits(fitted(), NEW)
    assert np.isfinite(logits).all()
    assert (logits[:, [2, 5]] == tfidf.ABSENT_LOG_PROBABILITY).all()
    assert (logits[:, IDS] > tfidf.ABSENT_LOG_PROBABILITY).all()


def test_two_classes_return_two_columns_of_probabilities() -> None:
    texts, label_ids = corpus()
    logits = tfidf.tfidf_logits(tfidf.fit_tfidf(texts, np.where(label_ids == 0, 1, 0), 2, PARAMS), NEW)
    assert logits.shape == (5, 2)
    assert logits[0].argmax() == 1
    assert logits[1].argmax() == 0
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)


def test_majority_probabilities_are_the_smoothed_training_frequencies() -> None:
    logits = tfidf.majority_logits(np.array([1, 1, 1, 0, 3]), 4, 7)
    assert logits.shape == (7, 4)
    assert logits.dtype == np.float32
    assert (logits.argmax(axis=1) == 1).all()
    np.testing.assert_allclose(softmax(logits, axis=1)[6], np.array([2, 4, 1, 2]) / 9, rtol=1e-6)


@pytest.mark.parametrize("texts", [["", " "] * 5, ["the and of"] * 10, [f"unique{i}" for i in range(10)]])
def test_texts_without_terms_are_refused_in_one_line(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"no terms for TF-IDF; .*baseline\.words\.min_df") as caught:
        tfidf.fit_tfidf(texts, np.arange(10) % 2, 2, PARAMS)
    assert "\n" not in str(caught.value)


def test_training_labels_of_one_class_are_refused() -> None:
    with pytest.raises(UserError, match="fewer than two classes"):
        tfidf.fit_tfidf(["late fee"] * 4, np.zeros(4, np.int32), 3, PARAMS)


def test_stop_words_exclude_words_about_money() -> None:
    assert {"the", "was", "would"} < set(tfidf.STOP_WORDS)
    assert not {"bill", "interest", "amount"} & set(tfidf.STOP_WORDS)


def test_logits_are_the_normalised_weighted_sum_of_those_of_the_analysers() -> None:
    both = fitted()
    alone = []
    for weight in (0.0, 1.0):
        params = PARAMS.model_copy(update={"character_weight": weight})
        alone.append(tfidf.tfidf_logits(tfidf.fit_tfidf(*corpus(), CLASSES, params), NEW)[:, IDS].astype(np.float64))
    expected = np.log(softmax(0.7 * alone[0] + 0.3 * alone[1], axis=1))
    np.testing.assert_allclose(tfidf.tfidf_logits(both, NEW)[:, IDS], expected, rtol=1e-5)
    assert not np.allclose(alone[0], alone[1], atol=0.1)
