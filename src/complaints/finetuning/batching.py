"""Batches of as many rows as a number of tokens allows, whose order is a pure function of seed and epoch."""

import itertools

import numpy as np

from complaints.engine.batches import POOL_BATCHES, Examples, epoch_batches
from complaints.finetuning.params import ModelParams
from complaints.finetuning.sampling import draw_rows

# Padded batches are as wide as the next multiple of this: few shapes to compile for, and good ones for tensor cores.
WIDTH_MULTIPLE = 8


def _cut_padded(lengths: np.ndarray, batch_tokens: int) -> list[int]:
    """Return where batches of rows in ascending length begin, so that rows x width stays within the budget."""
    widths = -(-lengths // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
    starts = [0]
    while starts[-1] < len(widths):
        ahead = widths[starts[-1] : starts[-1] + batch_tokens // int(widths[starts[-1]]) + 1]
        fits = np.arange(1, len(ahead) + 1) * ahead <= batch_tokens
        starts.append(starts[-1] + max(1, int(fits.sum())))
    return starts


def _cut_packed(lengths: np.ndarray, batch_tokens: int) -> list[int]:
    """Return where batches of rows in any order begin, so that their tokens stay within the budget."""
    ends = np.cumsum(lengths)
    starts = [0]
    while starts[-1] < len(lengths):
        before = int(ends[starts[-1] - 1]) if starts[-1] else 0
        starts.append(max(starts[-1] + 1, int(np.searchsorted(ends, before + batch_tokens, side="right"))))
    return starts


def budget_batches(
    lengths: np.ndarray, batch_tokens: int, seed: int, epoch: int, packed: bool, drawn: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the row numbers of each batch of an epoch; every row occurs exactly once, or as often as in `drawn`.

    The result depends on the arguments alone. Padded batches hold rows of like length, from pools as in
    `batches.epoch_batches`; packed ones have no padding to save and are cut from the shuffled rows as they come.

    Args:
        lengths: Number of tokens of each row, int [rows].
        batch_tokens: Most tokens of a batch, padding included where there is any; a row that is longer stands alone.
        seed: Seed of the run.
        epoch: Number of the epoch.
        packed: Whether batches are computed without padding.
        drawn: Row numbers of the epoch, int, in any order; None for all rows.
    """
    random = np.random.Generator(np.random.Philox([seed, epoch]))
    order = random.permutation(len(lengths) if drawn is None else drawn)
    if packed:
        starts = _cut_packed(lengths[order], batch_tokens)
        return [order[start:end] for start, end in itertools.pairwise(starts)]
    pool = POOL_BATCHES * max(1, int(batch_tokens / lengths[order].mean()))
    batches = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        starts = _cut_padded(lengths[rows], batch_tokens)
        batches += [rows[first:end] for first, end in itertools.pairwise(starts)]
    return [batches[i] for i in random.permutation(len(batches))]


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
