"""Reasons of a model on a sample of validation: attributions, their deletion test, and words of classes."""

from collections.abc import Sequence
from dataclasses import dataclass

from complaints.attribution.words import Attribution
from complaints.inspecting.class_words import ClassWords, find_class_words
from complaints.inspecting.deletion import Faithfulness, attribute_all, measure_deletions
from complaints.inspecting.explained import Explained
from complaints.inspecting.samples import HeldOut, sample_rows


@dataclass(frozen=True)
class Reasons:
    """Attributions of a sample, and their measurements."""

    texts: HeldOut
    """The sample."""
    attributions: Sequence[Attribution]
    """One for each text, of its predicted class."""
    faithfulness: Faithfulness
    class_words: Sequence[ClassWords]


def find_reasons(model: Explained, held_out: HeldOut, most: int) -> Reasons:
    """Return the reasons on at most `most` texts, whole clusters of near duplicates.

    Raises:
        UserError: if memory is full, or a gradient is not finite.
    """
    texts = held_out.take(sample_rows(held_out.clusters, most))
    attributions = attribute_all(model, texts)
    faithfulness = measure_deletions(model, texts, attributions)
    return Reasons(texts, attributions, faithfulness, find_class_words(texts, attributions))
