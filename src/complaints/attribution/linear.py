"""Attributions of a TF-IDF model: its scores are sums over n-grams, so the share of each word is exact."""

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from complaints.attribution.words import Attribution, Stretch, by_words
from complaints.baseline.tfidf import TfidfModel, weights

METHOD = "coefficient times value, exact"

Spans = list[tuple[int, int]]


def attribute_tfidf(model: TfidfModel, text: str, class_id: int) -> Attribution:
    """Return the shares of a text's words in a class's score, against a text without known terms.

    The score is the weighted sum over the analysers of coefficient x value, before its softmax, which changes the
    scores of all classes of a text by the same amount. The share of an n-gram is divided equally among its occurrences,
    and that of an occurrence among its words.

    Args:
        model: The model.
        text: The text.
        class_id: The class; one without a training row has a constant score, so all shares are zero.
    """
    pieces: list[Stretch] = []
    explained = 0.0
    for analyser, weight in weights(model.params).items():
        terms, regression = model.pipelines[analyser]["tfidf"], model.pipelines[analyser]["classifier"]
        coefficients = _coefficients(regression, class_id)
        values = terms.transform([text])
        shares = dict(zip(values.indices.tolist(), (coefficients[values.indices] * values.data).tolist(), strict=True))
        explained += weight * sum(shares.values())
        occurrences = _occurrences(terms, text)
        for column, share in shares.items():
            found = occurrences[column]
            for spans in found:
                pieces += [Stretch(*span, weight * share / len(found) / len(spans)) for span in spans]
    return Attribution(by_words(text, pieces), explained, METHOD)


def _coefficients(regression: LogisticRegression, class_id: int) -> np.ndarray:
    """Return the coefficients of a class, float64 [terms]; zeros for a class without a training row."""
    place = np.flatnonzero(regression.classes_ == class_id)
    if not len(place):
        return np.zeros(regression.coef_.shape[1])
    if len(regression.coef_) == 1:
        # For two classes scikit-learn has those of the second one alone, against zero.
        return regression.coef_[0].astype(np.float64) * float(place[0])
    return np.asarray(regression.coef_[place[0]], np.float64)


def _occurrences(terms: TfidfVectorizer, text: str) -> dict[int, list[Spans]]:
    """Return the occurrences of the known terms of a text by column, each as the stretches of its words."""
    # Of a character, lower case may have several: "\u0130" has two.
    places = np.repeat(np.arange(len(text)), [len(character.lower()) for character in text])
    ngrams = _character_ngrams if terms.analyzer == "char_wb" else _word_ngrams
    result: dict[int, list[Spans]] = defaultdict(list)
    for term, spans in ngrams(terms, text.lower()):
        column = terms.vocabulary_.get(term)
        if column is not None:
            result[column].append([(int(places[start]), int(places[end - 1]) + 1) for start, end in spans])
    return result


def _word_ngrams(terms: TfidfVectorizer, text: str) -> Iterator[tuple[str, Spans]]:
    """Yield the n-grams of the analyser `word` with the stretches of their words."""
    stop_words = terms.get_stop_words() or frozenset()
    found = [match for match in re.finditer(terms.token_pattern, text) if match[0] not in stop_words]
    lowest, highest = terms.ngram_range
    for size in range(lowest, highest + 1):
        for first in range(len(found) - size + 1):
            words = found[first : first + size]
            yield " ".join(word[0] for word in words), [word.span() for word in words]


def _character_ngrams(terms: TfidfVectorizer, text: str) -> Iterator[tuple[str, Spans]]:
    """Yield the n-grams of the analyser `char_wb`, within words and the spaces around them, with their stretches."""
    lowest, highest = terms.ngram_range
    for word in re.finditer(r"\S+", text):
        padded, start, end = f" {word[0]} ", word.start() - 1, word.end()
        for size in range(lowest, highest + 1):
            for offset in range(max(len(padded) - size, 0) + 1):
                first, last = max(start + offset, word.start()), min(start + offset + size, end)
                yield padded[offset : offset + size], [(first, last) if first < last else word.span()]
            if size >= len(padded):  # a short word counts once, complete
                break
