"""Deletion test of attributions: the top words of a text, deleted, lower its class's probability more than random ones.

The measure is the comprehensiveness of DeYoung et al. 2020, "ERASER", section 4.3, beside the same for random words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from complaints.attribution.gradients import COMPLETE
from complaints.attribution.words import Attribution, Stretch
from complaints.inspecting.explained import Explained
from complaints.inspecting.samples import HeldOut
from complaints.subsets.draws import distinct, draw
from complaints.uncertainty.paired import Difference, compare
from complaints.uncertainty.resampling import Rows, System

SHARES = (0.1, 0.2)
"""Shares of the words of a text that are deleted, rounded, at least one word."""
RANDOM_DRAWS = 5
"""Random deletions of each text; their mean is compared."""
DRAW_KEY = "deletion"
LOWERED = "lowered"
LEAST_WORDS = 2
"""A text with fewer words has no other word to delete."""


@dataclass(frozen=True)
class Deletion:
    """The test for one share of deleted words."""

    share: float
    top: float
    """Mean over texts of the probability of the predicted class minus that without the top words."""
    random: float
    """The same without random words."""
    difference: Difference
    """`top` minus `random` on the same texts, with a 95 % interval by clusters of near duplicates."""


@dataclass(frozen=True)
class Faithfulness:
    """Completeness of the attributions of some texts, and the deletion test."""

    errors: np.ndarray
    """Completeness error of each text, float64 [texts]."""
    tested: int
    """Texts of the deletion test, those with at least LEAST_WORDS words."""
    deletions: list[Deletion]

    @property
    def complete(self) -> float:
        """Share of the texts whose attributions add up to the score within `COMPLETE`."""
        return float((self.errors <= COMPLETE).mean())

    def numbers(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        return {
            "completeness": {
                "texts": len(self.errors),
                "largest_error": float(self.errors.max()),
                "within": COMPLETE,
                "share_within": self.complete,
            },
            "deletion": [
                {
                    "share_of_words": one.share,
                    "texts": self.tested,
                    "lowered_by_top": one.top,
                    "lowered_by_random": one.random,
                    "difference": one.difference.value,
                    "low": one.difference.low,
                    "high": one.difference.high,
                }
                for one in self.deletions
            ],
        }


def attribute_all(model: Explained, texts: HeldOut) -> list[Attribution]:
    """Return the attribution of each text's predicted class.

    Raises:
        UserError: if memory is full, or a gradient is not finite.
    """
    pairs = list(zip(texts.texts, texts.predicted.tolist(), strict=True))
    return [model.attribute(*pair) for pair in tqdm(pairs, "attributions", leave=False, disable=None)]


def measure_deletions(model: Explained, texts: HeldOut, attributions: Sequence[Attribution]) -> Faithfulness:
    """Return the test on texts with the attributions of their predicted classes."""
    errors = np.array([attribution.completeness_error for attribution in attributions])
    lowered, tested = [], []
    bar = tqdm(attributions, "deletions", leave=False, disable=None)
    for index, attribution in enumerate(bar):
        words = deletable(texts.texts[index], attribution)
        if len(words) >= LEAST_WORDS:
            tested.append(index)
            lowered.append(_lowered(model, texts, index, words))
    if not tested:
        return Faithfulness(errors, 0, [])
    values = np.stack(lowered)
    clusters = distinct([texts.clusters[index] for index in tested])[1]
    return Faithfulness(errors, len(tested), [_deletion(values[:, i], clusters, s) for i, s in enumerate(SHARES)])


def deletable(text: str, attribution: Attribution) -> list[Stretch]:
    """Return the words with a letter or digit: random marks would be no match for words."""
    return [word for word in attribution.words if re.search(r"\w", text[word.start : word.end])]


def _lowered(model: Explained, texts: HeldOut, index: int, words: Sequence[Stretch]) -> np.ndarray:
    """Return by how much the probability falls without the top and without random words, float64 [shares, 2]."""
    ranked = sorted(words, key=lambda word: -word.score)
    deletions: list[list[Stretch]] = [[]]
    for share in SHARES:
        count = max(1, round(share * len(words)))
        deletions.append(ranked[:count])
        for number in range(RANDOM_DRAWS):
            # A draw by name: a text has the same random words in every sample.
            names = [f"{texts.row_ids[index]} {number} {place}" for place in range(len(words))]
            order = np.argsort(draw(names, DRAW_KEY))
            deletions.append([words[place] for place in order[:count]])
    probabilities = model.without(texts.texts[index], deletions)[:, texts.predicted[index]]
    falls = (probabilities[0] - probabilities[1:]).reshape(len(SHARES), 1 + RANDOM_DRAWS)
    return np.stack([falls[:, 0], falls[:, 1:].mean(1)], axis=1)


def _deletion(lowered: np.ndarray, clusters: np.ndarray, share: float) -> Deletion:
    """Return the test of one share from the falls of each text, float64 [texts, 2]."""
    same = np.zeros(len(lowered), np.int64)
    top, chance = (System(same, {LOWERED: column}) for column in lowered.T)
    difference = compare(Rows(same, clusters, 1, ["head"]), [chance], [top])[LOWERED]
    return Deletion(share, difference.b.value, difference.a.value, difference)
