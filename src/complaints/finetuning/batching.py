"""The batches of a fine-tuning epoch, by number of rows or of tokens, and the normaliser of their loss."""

import numpy as np

from complaints.engine.batches import Examples, epoch_batches, token_budget_batches
from complaints.finetuning.params import FinetuneParams
from complaints.finetuning.sampling import draw_rows


def draw_batches(examples: Examples, params: FinetuneParams, seed: int, epoch: int, packed: bool) -> list[np.ndarray]:
    """Return the row numbers of each batch of an epoch.

    Args:
        examples: The training rows.
        params: Whether batches hold a number of rows or a budget of tokens, and how rows are sampled.
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

    For batches of a fixed number of rows it is the sum of the rows' weights: the loss of a step is a mean. With a token
    budget, a batch of short rows holds many rows and one of long rows few; the mean of each would let a long row count
    for several short ones. The normaliser is then the same for all batches of an epoch, their average weight: each row
    counts by its weight, and the gradient is on the scale of a mean.

    Args:
        weights: Sum of the row weights of each batch, [batches].
        index: Index of the batch.
        by_tokens: Whether batches are cut by a token budget.
    """
    return float(weights.mean() if by_tokens else weights[index])
