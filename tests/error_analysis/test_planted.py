"""Confident learning finds wrong labels that were planted in the synthetic corpus, out of fold."""

import numpy as np
import pytest
from support.paths import ROOT

from complaints.baseline.params import BaselineParams
from complaints.baseline.tfidf import fit_tfidf, tfidf_logits
from complaints.core.config import load
from complaints.error_analysis.label_errors import LabelledRows, judge, measure
from complaints.evaluation.truth import tiers
from complaints.labels.label_map import load_map
from complaints.sources.synthetic.corpus import make_corpus

FOLDS = 3


@pytest.mark.slow
def test_planted_wrong_labels_are_found_far_better_than_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    table, truth = make_corpus(ROOT / "data/sources/synthetic", 3000, 13)
    merges = load_map("data/label_map.yaml").merges
    labels = [merges.get(label, label) for label in table["label"].to_pylist()]
    names = sorted(set(labels))
    given = np.array([names.index(label) for label in labels])
    texts = table["text"].to_pylist()
    params = load("baseline", BaselineParams).model_copy(update={"max_features": 5000})
    probabilities = np.empty((len(texts), len(names)))
    for fold in range(FOLDS):
        fitted, held_out = ([i for i in range(len(texts)) if (i % FOLDS == fold) == own] for own in (False, True))
        model = fit_tfidf([texts[i] for i in fitted], given[fitted], len(names), params)
        probabilities[held_out] = np.exp(tfidf_logits(model, [texts[i] for i in held_out]))
    rows = LabelledRows("train", table["row_id"].to_pylist(), given, table["row_id"].to_pylist())
    tier = tiers(np.bincount(given, minlength=len(names)))
    found = judge(rows, "tfidf", probabilities, tier)
    measured = measure(found, rows, truth["wrong_labels"], names)
    assert all(tier[error.given] != "tail" and tier[error.suggested] != "tail" for error in found.errors)
    assert measured.base_rate is not None
    assert measured.precision is not None
    assert measured.recall is not None
    assert measured.precision > 2 * measured.base_rate
    assert measured.precision_of_first[50] > 5 * measured.base_rate
    assert measured.recall > 0.5
