"""Fits to folds and fractions: each from its own rows, in any number of threads."""

from dataclasses import replace

import numpy as np
import pytest
from support.small_tfidf import CLASSES, NEW, PARAMS, corpus

from complaints.baseline import tfidf
from complaints.baseline.params import BaselineParams
from complaints.baseline.refits import Fits, Rows, fit_all
from complaints.subsets.folds import assign_folds, choose_models
from complaints.subsets.fractions import nested_fraction

TEXTS, LABEL_IDS = corpus()
CLUSTERS = [f"cluster {i // 2}" for i in range(len(TEXTS))]


def rows_of(params: BaselineParams) -> Rows:
    held_out = {"validation": np.arange(2) + len(TEXTS), "test": np.arange(2, len(NEW)) + len(TEXTS)}
    return Rows(tfidf.Corpus.read(TEXTS + NEW, params), LABEL_IDS, CLUSTERS, held_out, CLASSES)


@pytest.fixture(scope="module")
def fits() -> Fits:
    return fit_all(rows_of(PARAMS), threads=1)


def test_a_model_of_the_corpus_is_that_of_its_texts_bit_for_bit(fits: Fits) -> None:
    """Held-out texts bring no terms, and analysing them together changes no logit."""
    alone = tfidf.fit_tfidf(TEXTS, LABEL_IDS, CLASSES, PARAMS)
    assert np.array_equal(tfidf.tfidf_logits(fits.model, NEW), tfidf.tfidf_logits(alone, NEW))
    assert np.array_equal(
        np.concatenate([fits.logits["validation"], fits.logits["test"]]), tfidf.tfidf_logits(alone, NEW)
    )


def test_rows_of_a_fold_are_scored_by_a_model_of_the_other_folds_alone(fits: Fits) -> None:
    fold = assign_folds(CLUSTERS, LABEL_IDS, PARAMS.folds, PARAMS.seed)
    for number in range(PARAMS.folds):
        rest, here = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        model = tfidf.fit_tfidf([TEXTS[i] for i in rest], LABEL_IDS[rest], CLASSES, PARAMS)
        assert np.array_equal(fits.out_of_fold[here], tfidf.tfidf_logits(model, [TEXTS[i] for i in here]))


def test_points_of_the_curve_are_models_of_nested_fractions(fits: Fits) -> None:
    assert [point.fraction for point in fits.curve] == [0.2, 0.5, 1.0]
    for point in fits.curve:
        part = nested_fraction(CLUSTERS, LABEL_IDS, point.fraction, PARAMS.seed)
        model = tfidf.fit_tfidf([TEXTS[i] for i in part], LABEL_IDS[part], CLASSES, PARAMS)
        assert point.train_rows == len(part)
        predicted = np.concatenate([point.predicted["validation"], point.predicted["test"]])
        assert np.array_equal(predicted, tfidf.tfidf_logits(model, NEW).argmax(axis=1))


def test_results_do_not_depend_on_the_number_of_threads(fits: Fits) -> None:
    other = fit_all(rows_of(PARAMS), threads=3)
    assert np.array_equal(fits.out_of_fold, other.out_of_fold)
    assert np.array_equal(fits.logits["test"], other.logits["test"])
    for one, three in zip(fits.curve, other.curve, strict=True):
        assert np.array_equal(one.predicted["test"], three.predicted["test"])


def test_folds_and_curve_can_be_left_out() -> None:
    fits = fit_all(rows_of(PARAMS.model_copy(update={"folds": 0, "learning_curve": None})))
    assert fits.out_of_fold.shape == (0, CLASSES)
    assert fits.curve == []


def test_a_fold_whose_rest_has_one_class_predicts_its_frequencies() -> None:
    texts, label_ids = ["late fee"] * 10 + ["loan loan"], np.array([0] * 10 + [1])
    corpus_of_two = tfidf.Corpus.read([*texts, "late"], PARAMS)
    clusters = [*map(str, range(10)), "only one"]
    fits = fit_all(Rows(corpus_of_two, label_ids, clusters, {"test": np.array([11])}, 2))
    np.testing.assert_allclose(np.exp(fits.out_of_fold).sum(axis=1), 1, rtol=1e-5)
    assert fits.out_of_fold[10].argmax() == 0


EXTRA = ["an escrow letter again", "the late fee", "a collector", "wrong report", "a mortgage", "bank month late fee"]


def test_texts_without_labels_change_no_other_prediction(fits: Fits) -> None:
    rows = rows_of(PARAMS)
    more = replace(rows, corpus=tfidf.Corpus.read(TEXTS + NEW + EXTRA, PARAMS), unlabeled=EXTRA)
    found = fit_all(more, threads=1)
    assert np.array_equal(found.out_of_fold, fits.out_of_fold)
    assert np.array_equal(found.logits["test"], fits.logits["test"])
    for one, other in zip(found.curve, fits.curve, strict=True):
        assert np.array_equal(one.predicted["test"], other.predicted["test"])
    assert fits.unlabeled.shape == (0, CLASSES)


def test_a_text_without_a_label_is_scored_by_the_model_of_one_fold() -> None:
    rows = replace(rows_of(PARAMS), corpus=tfidf.Corpus.read(TEXTS + NEW + EXTRA, PARAMS), unlabeled=EXTRA)
    found = fit_all(rows, threads=1).unlabeled
    chosen = choose_models(EXTRA, PARAMS.folds, PARAMS.seed)
    assert len(set(chosen.tolist())) > 1
    fold = assign_folds(CLUSTERS, LABEL_IDS, PARAMS.folds, PARAMS.seed)
    for text, number, logits in zip(EXTRA, chosen, found, strict=True):
        rest = np.flatnonzero(fold != number)
        model = tfidf.fit_tfidf([TEXTS[i] for i in rest], LABEL_IDS[rest], CLASSES, PARAMS)
        assert np.array_equal(logits, tfidf.tfidf_logits(model, [text])[0])
