"""Integrated gradients of a fine-tuned encoder over its input embeddings, and their check of completeness."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from complaints.attribution.parts import finish
from complaints.attribution.words import Attribution, Stretch, by_words
from complaints.backbones.tokenizer import make_cut
from complaints.core.errors import UserError
from complaints.engine.device import one_line_device_errors
from complaints.modeling.classifier import Classifier

COMPLETE = 0.01
"""Relative error of completeness that ends the search for a number of steps."""
FIRST_STEPS, MOST_STEPS = 16, 256
BATCH_TOKENS = 2048
"""Tokens of a batch at most, as in prediction on a processor; the memory of gradients is several times larger."""


@dataclass(frozen=True)
class Input:
    """A text as the network reads it, and its baseline."""

    ids: torch.Tensor
    """Token ids, int64 [tokens]."""
    baseline: torch.Tensor
    """Ids of the baseline, int64 [tokens]: the special tokens stay, and those of the text carry no meaning."""
    offsets: list[tuple[int, int]]
    """Characters of each token; those of a special token are none."""


def read_input(tokenizer: Any, text: str, max_length: int, truncation: str) -> Input:
    """Return the tokens of a text, cut as in prediction, with their characters.

    In the baseline, mask tokens stand for the text's: pretraining has taught an encoder that they are words about which
    nothing is known. A tokenizer without one, as of decoders, takes the token that it pads with.
    """
    encoded = tokenizer(
        text, truncation=False, verbose=False, return_offsets_mapping=True, return_special_tokens_mask=True
    )
    blank = tokenizer.pad_token_id if tokenizer.mask_token_id is None else tokenizer.mask_token_id
    kept = make_cut(tokenizer, max_length, truncation)(list(range(len(encoded["input_ids"]))))
    if not kept:  # a text without any token becomes one padding token, as in prediction
        return Input(torch.tensor([tokenizer.pad_token_id]), torch.tensor([tokenizer.pad_token_id]), [(0, 0)])
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    return Input(
        ids=torch.tensor([ids[place] for place in kept]),
        baseline=torch.tensor([ids[place] if special[place] else blank for place in kept]),
        offsets=[encoded["offset_mapping"][place] for place in kept],
    )


def clenshaw_curtis(steps: int) -> np.ndarray:
    """Return the weights of the nodes (1 - cos(pi k / steps)) / 2 for integrals over [0, 1], float64 [steps + 1].

    The nodes of twice as many steps contain these, so that nothing is computed again (Clenshaw and Curtis 1960; as
    accurate as Gauss's nodes for most functions: Trefethen 2008).

    Args:
        steps: An even number.
    """
    k, j = np.arange(steps + 1), np.arange(1, steps // 2 + 1)
    factors = np.where(j == steps // 2, 1.0, 2.0) / (4.0 * j**2 - 1)
    weights = (1 - np.cos(2 * np.pi * np.outer(k, j) / steps) @ factors) / steps
    weights[[0, -1]] /= 2
    return weights


@contextmanager
def _embeddings(encoder: Any, states: torch.Tensor) -> Iterator[None]:
    """Make the encoder read `states`, [rows, tokens, width], in place of the embeddings of its token ids."""
    handle = encoder.get_input_embeddings().register_forward_hook(lambda *_: states)
    try:
        yield
    finally:
        handle.remove()


class _Path:
    """The straight line from the baseline's embeddings to those of the text."""

    def __init__(self, network: Classifier, given: Input, class_id: int) -> None:
        self.network, self.class_id = network, class_id
        self.device = next(network.parameters()).device
        self.ids = given.ids.to(self.device)
        table = network.encoder.get_input_embeddings()
        with torch.no_grad():
            self.start = table(given.baseline.to(self.device))
            self.change = table(self.ids) - self.start

    def at(self, nodes: np.ndarray) -> Generator[None, None, tuple[np.ndarray, np.ndarray]]:
        """Return the class's logit at positions from 0 to 1, float64 [nodes], and the gradient along the line.

        The second is (text - baseline) * gradient for each token, summed over the width, float64 [nodes, tokens].
        Yields after each batch.

        Raises:
            UserError: if one is not finite.
        """
        rows, batches = max(BATCH_TOKENS // len(self.ids), 1), []
        for first in range(0, len(nodes), rows):
            batches.append(self._batch(nodes[first : first + rows]))
            yield
        logits, products = map(np.concatenate, zip(*batches, strict=True))
        if not (np.isfinite(logits).all() and np.isfinite(products).all()):
            raise UserError("the model's gradients are not finite; it may have diverged in training: take another one")
        return logits, products

    def _batch(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        position = torch.tensor(nodes, dtype=self.start.dtype, device=self.device)[:, None, None]
        states = (self.start + position * self.change).requires_grad_()
        ids = self.ids.expand(len(nodes), -1)
        with torch.enable_grad(), _embeddings(self.network.encoder, states):
            logits = self.network(input_ids=ids, attention_mask=torch.ones_like(ids))[:, self.class_id]
            (gradient,) = torch.autograd.grad(logits.sum(), states)
        products = (gradient.double() * self.change.double()).sum(-1)
        return logits.detach().double().cpu().numpy(), products.cpu().numpy()


def attribute_network(network: Classifier, given: Input, text: str, class_id: int) -> Attribution:
    """Return what `attribute_in_parts` returns, all at once."""
    return finish(attribute_in_parts(network, given, text, class_id))


def attribute_in_parts(
    network: Classifier, given: Input, text: str, class_id: int
) -> Generator[None, None, Attribution]:
    """Return the shares of a text's words in a class's logit, by integrated gradients.

    Yields after each batch of gradients, when the network is free for other texts.

    The share of token i is (x_i - x'_i) . integral over a in [0, 1] of dF/dx_i at x' + a (x - x'), with x the
    embeddings of the text and x' those of the baseline (Sundararajan et al. 2017, "Axiomatic attribution for deep
    networks", equation 1); all shares add up to F(x) - F(x') (completeness, proposition 1). The number of steps is
    doubled until they do, to `COMPLETE`, or it is `MOST_STEPS`. All is computed in float32.

    Args:
        network: The classifier, in evaluation mode.
        given: The tokens of the text.
        text: The text.
        class_id: The class.

    Raises:
        UserError: if memory is full, or a gradient is not finite.
    """
    with one_line_device_errors("hide the GPU with CUDA_VISIBLE_DEVICES= to compute on the processor"):
        path, steps = _Path(network, given, class_id), FIRST_STEPS
        logits, products = yield from path.at(_nodes(steps))
        while True:
            scores = clenshaw_curtis(steps) @ products
            result = _attribution(text, given, scores, float(logits[-1] - logits[0]), steps)
            if result.completeness_error <= COMPLETE or steps >= MOST_STEPS:
                return result
            steps *= 2
            _, between = yield from path.at(_nodes(steps)[1::2])
            products = np.insert(products, np.arange(1, len(products)), between, axis=0)


def _nodes(steps: int) -> np.ndarray:
    """Return the nodes of `clenshaw_curtis`, float64 [steps + 1]."""
    return (1 - np.cos(np.pi * np.arange(steps + 1) / steps)) / 2


def _attribution(text: str, given: Input, scores: np.ndarray, explained: float, steps: int) -> Attribution:
    """Return the attribution of words; special tokens are the same in the baseline, so that their share is zero."""
    pieces = [
        Stretch(start, end, score)
        for (start, end), score in zip(given.offsets, scores.tolist(), strict=True)
        if start < end
    ]
    return Attribution(by_words(text, pieces), explained, f"integrated gradients, {steps} steps")
