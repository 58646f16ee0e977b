"""Batches of a fine-tuning epoch, by number of rows or by token budget, and their loss normalisers."""

import numpy as np

from complaints.engine.batches import Examples, epoch_batches, token_budget_batches
from complaints.finetuning.params import FinetuneParams
from complaints.finetuning.sampling import draw_rows


def draw_batches(examples: Examples, params: FinetuneParams, seed: int, epoch: int, packed: bool) -> list[np.ndarray]:
    """Return the row numbers of each batch of an epoch.

    Args:
        examples: The training rows.
        params: `batch_size`, `batch_tokens` and `sampling` are used.
        seed: Seed of the run.
        epoch: Number of the epoch, from 0.
        packed: Whether batches are computed without padding.
    """
    drawn = draw_rows(examples.labels, params.sampling, seed, epoch)
    if params.batch_tokens is None:
        return epoch_batches(examples.lengths, params.batch_size, seed, epoch, drawn)
    return token_budget_batches(examples.lengths, params.batch_tokens, seed, epoch, packed, drawn)


def count_steps(examples: Examples, params: FinetuneParams, seed: int, packed: bool) -> int:
    """Return the number of batches of all epochs."""
    if params.batch_tokens is None:
        return params.epochs * -(-len(examples) // params.batch_size)
    return sum(len(draw_batches(examples, params, seed, epoch, packed)) for epoch in range(params.epochs))


def loss_normaliser(weights: np.ndarray, index: int, by_tokens: bool) -> float:
    """Return the loss normaliser of a batch: the weighted sum of its rows' losses is divided by it.

    For batches of a fixed number of rows it is the sum of the rows' weights: the loss of a step is a mean. Token-budget
    batches have many short rows or few long ones, and a mean over each batch would give a long row the weight of
    several short ones. Their normaliser is therefore the same for all batches of an epoch, the batches' mean weight:
    each row counts by its weight, and the gradient has the scale of a mean.

    Args:
        weights: Sum of the row weights of each batch, [batches].
        index: Index of the batch.
        by_tokens: Whether these are token-budget batches.
    """
    return float(weights.mean() if by_tokens else weights[index])
