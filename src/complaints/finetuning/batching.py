"""Batches of as many rows as a number of tokens allows, whose order is a pure function of seed and epoch."""

import numpy as np

from complaints.engine.batches import Examples, budget_batches, epoch_batches
from complaints.finetuning.params import ModelParams
from complaints.finetuning.sampling import draw_rows


def draw_batches(examples: Examples, params: ModelParams, epoch: int, packed: bool) -> list[np.ndarray]:
    """Return the row numbers of each batch of an epoch, by number of rows or by tokens as `params` says."""
    drawn = draw_rows(examples.labels, params.sampling, params.seed, epoch)
    if params.batch_tokens is None:
        return epoch_batches(examples.lengths, params.batch_size, params.seed, epoch, drawn)
    return budget_batches(examples.lengths, params.batch_tokens, params.seed, epoch, packed, drawn)


def count_steps(examples: Examples, params: ModelParams, packed: bool) -> int:
    """Return the number of batches of all epochs."""
    if params.batch_tokens is None:
        return params.epochs * -(-len(examples) // params.batch_size)
    return sum(len(draw_batches(examples, params, epoch, packed)) for epoch in range(params.epochs))


def step_divisor(totals: np.ndarray, number: int, params: ModelParams) -> float:
    """Return what the sum of the losses of a batch's rows, each times its weight, is divided by.

    For batches of so many rows that is the sum of their weights: the loss of a step is a mean. Under a budget of tokens
    a batch of short rows holds many and one of long rows few; the mean of each would let a long row count for several
    short ones. There it is the same for all batches of an epoch, their average: each row counts as its weight says,
    and the gradient is on the scale of a mean.

    Args:
        totals: Sum of the weights of each batch's rows, [batches].
        number: Of the batch.
        params: The model's entry in params.yaml.
    """
    return float(totals[number] if params.batch_tokens is None else totals.mean())
