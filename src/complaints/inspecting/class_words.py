"""Words that raise a class: their mean shares in its score, over the complaints that a model gives the class."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from complaints.attribution.words import Attribution
from complaints.inspecting.deletion import deletable
from complaints.inspecting.samples import HeldOut

LEAST_CLUSTERS = 3
"""Words of fewer complaints are left out; near duplicates count as one."""
MOST_WORDS = 10
"""Words of a class at most."""


@dataclass(frozen=True)
class ClassWord:
    """A word, in lower case, and its share in the score of a class."""

    word: str
    share: float
    """Mean over the complaints that have the word: of all its occurrences in one, and of near duplicates their mean."""
    complaints: int
    """Their number; near duplicates count as one."""


@dataclass(frozen=True)
class ClassWords:
    """The words that most raise a class."""

    class_id: int
    complaints: int
    """Complaints that the model gives the class; near duplicates count as one."""
    words: list[ClassWord]
    """With positive shares, the largest first."""


def find_class_words(texts: HeldOut, attributions: Sequence[Attribution]) -> list[ClassWords]:
    """Return the words of each class that the model gives a text, the class of the most complaints first.

    Args:
        texts: Complaints.
        attributions: One for each, of its predicted class.
    """
    shares: dict[int, dict[str, dict[str, list[float]]]] = {}
    clusters: dict[int, set[str]] = defaultdict(set)
    for index, class_id in enumerate(texts.predicted.tolist()):
        clusters[class_id].add(texts.clusters[index])
        of_class = shares.setdefault(class_id, defaultdict(lambda: defaultdict(list)))
        for word, share in _word_shares(texts.texts[index], attributions[index]):
            of_class[word][texts.clusters[index]].append(share)
    found = [
        ClassWords(class_id, len(clusters[class_id]), _strongest(of_class)) for class_id, of_class in shares.items()
    ]
    return sorted(found, key=lambda one: (-one.complaints, one.class_id))


def _word_shares(text: str, attribution: Attribution) -> Iterator[tuple[str, float]]:
    """Yield the words of a text once, in lower case, with the sum of the shares of their occurrences."""
    sums: dict[str, float] = defaultdict(float)
    for word in deletable(text, attribution):
        sums[text[word.start : word.end].lower()] += word.score
    yield from sums.items()


def _strongest(shares: dict[str, dict[str, list[float]]]) -> list[ClassWord]:
    """Return the words with the largest shares from word -> cluster -> share in each of its texts."""
    words = [
        ClassWord(word, float(np.mean([np.mean(values) for values in of_clusters.values()])), len(of_clusters))
        for word, of_clusters in shares.items()
        if len(of_clusters) >= LEAST_CLUSTERS
    ]
    return sorted((word for word in words if word.share > 0), key=lambda word: (-word.share, word.word))[:MOST_WORDS]
