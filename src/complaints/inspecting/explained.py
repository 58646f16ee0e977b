"""Models whose labels are explained: the shares of words, and the probabilities of a text without some of its words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import softmax

from complaints.attribution.gradients import attribute_network, read_input
from complaints.attribution.linear import attribute_tfidf
from complaints.attribution.words import Attribution, Stretch
from complaints.backbones.tokens import TokenSet
from complaints.baseline.tfidf import TfidfModel, tfidf_logits
from complaints.engine.batches import inference_batches
from complaints.engine.inference import INFERENCE_ROWS, infer_batches
from complaints.engine.setup import Setup
from complaints.modeling.classifier import Checkpoint

Words = Sequence[Stretch]


class Explained(Protocol):
    """A model that gives its reasons."""

    def attribute(self, text: str, class_id: int) -> Attribution:
        """Return the shares of a text's words in the score of a class."""

    def without(self, text: str, deletions: Sequence[Words]) -> np.ndarray:
        """Return the probabilities of a text after each of several deletions, float64 [deletions, classes]."""


@dataclass(frozen=True)
class ExplainedTfidf:
    """A TF-IDF model; its words are deleted from the text."""

    model: TfidfModel

    def attribute(self, text: str, class_id: int) -> Attribution:
        """Return the exact shares."""
        return attribute_tfidf(self.model, text, class_id)

    def without(self, text: str, deletions: Sequence[Words]) -> np.ndarray:
        """Return the probabilities, float64 [deletions, classes]."""
        texts = [_delete(text, words) for words in deletions]
        return softmax(tfidf_logits(self.model, texts).astype(np.float64), axis=1)


def _delete(text: str, words: Words) -> str:
    """Return a text without some of its words; the space around them stays."""
    for word in sorted(words, key=lambda word: -word.start):
        text = text[: word.start] + text[word.end :]
    return text


@dataclass(frozen=True)
class ExplainedNetwork:
    """A fine-tuned encoder, on the device; the tokens of its words are deleted from those that it reads.

    Deleted from the text, words would make room for others behind the cut of a long one.
    """

    setup: Setup
    checkpoint: Checkpoint

    def attribute(self, text: str, class_id: int) -> Attribution:
        """Return the shares by integrated gradients."""
        own = self.checkpoint
        given = read_input(own.tokenizer, text, own.max_length, own.truncation)
        return attribute_network(own.model, given, text, class_id)

    def without(self, text: str, deletions: Sequence[Words]) -> np.ndarray:
        """Return the probabilities, float64 [deletions, classes]."""
        own, pad = self.checkpoint, self.setup.tokenizer.pad_token_id
        given = read_input(own.tokenizer, text, own.max_length, own.truncation)
        ids = given.ids.numpy()
        kept = [ids[~_overlap(given.offsets, words, len(text))] for words in deletions]
        kept = [row if len(row) else np.array([pad]) for row in kept]
        offsets = np.cumsum([0, *map(len, kept)])
        rows = TokenSet([], np.concatenate(kept), offsets, np.zeros(len(kept), np.int64))
        batches = inference_batches(rows.lengths, INFERENCE_ROWS)
        logits = infer_batches(self.setup.accelerator, own.model, rows, pad, batches)
        return softmax(logits.astype(np.float64), axis=1)


def _overlap(offsets: Sequence[tuple[int, int]], words: Words, characters: int) -> np.ndarray:
    """Return whether each token has a character of one of the words, bool [tokens]; special tokens have none."""
    deleted = np.zeros(characters, bool)
    for word in words:
        deleted[word.start : word.end] = True
    return np.array([bool(deleted[start:end].any()) for start, end in offsets])
