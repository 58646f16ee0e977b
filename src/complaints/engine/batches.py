"""Batches of rows of similar length as functions of seed and epoch, and a model's arguments for them."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from complaints.backbones.tokens import TokenSet

WIDTH_MULTIPLE = 8
"""Padded widths are rounded up to a multiple of this: few shapes to compile for, and fast ones on tensor cores."""

POOL_BATCHES = 32
"""Rows are shuffled, cut into pools of this many batches and sorted by length within a pool. Batches then have rows of
similar length (little padding), and still change from epoch to epoch."""


@dataclass(frozen=True)
class FeatureSet:
    """One split as features of a frozen encoder, float32 [rows, width], and class ids, int64 [rows]."""

    features: np.ndarray
    labels: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Ones, int64 [rows]: all rows cost the same."""
        return np.ones(len(self), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> "FeatureSet":
        """Return the rows at these indices, int64, in their order."""
        return FeatureSet(self.features[rows], self.labels[rows])


Examples = TokenSet | FeatureSet


def epoch_batches(
    lengths: np.ndarray, batch_size: int, seed: int, epoch: int, drawn: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the row numbers of each batch of an epoch; every row occurs exactly once, or as often as in `drawn`.

    The result depends on the arguments alone, so a resumed run has the batches of an uninterrupted one.

    Args:
        lengths: Number of tokens of each row, int [rows].
        batch_size: Rows per batch; the last one may be smaller.
        seed: Seed of the run.
        epoch: Number of the epoch.
        drawn: Row numbers of the epoch, int, in any order; None for all rows.
    """
    random = np.random.Generator(np.random.Philox([seed, epoch]))
    order = random.permutation(len(lengths) if drawn is None else drawn)
    pool = batch_size * POOL_BATCHES
    batches = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def step_seed(seed: int, epoch: int, batch: int, micro_batch: int = 0) -> int:
    """Return the seed of a micro-batch's dropout, a function of its position in the run."""
    return int(np.random.SeedSequence([seed, epoch, batch, micro_batch]).generate_state(1, np.uint64)[0] >> 1)


def inference_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return the row numbers of each batch, longest rows first: memory then runs out in the first batch or never."""
    order = np.argsort(-lengths, kind="stable")
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def padded(
    tokens: TokenSet, rows: np.ndarray, pad_id: int, device: torch.device, multiple: int = 1
) -> dict[str, torch.Tensor]:
    """Return `input_ids` and `attention_mask`, int64 [rows, width], padded on the right.

    The width is the length of the longest row, rounded up to a multiple of `multiple`.
    """
    starts = tokens.offsets[rows]
    lengths = tokens.offsets[rows + 1] - starts
    positions = np.arange(-(-lengths.max() // multiple) * multiple)
    mask = positions < lengths[:, None]
    ids = np.full(mask.shape, pad_id, dtype=np.int64)
    ids[mask] = tokens.ids[(starts[:, None] + positions)[mask]]
    return {
        "input_ids": torch.from_numpy(ids).to(device),
        "attention_mask": torch.from_numpy(mask.astype(np.int64)).to(device),
    }


def model_inputs(
    examples: Examples, rows: np.ndarray, pad_id: int, device: torch.device, multiple: int = 1
) -> dict[str, torch.Tensor]:
    """Return a model's arguments for some rows: `features`, float32 [rows, width], or the result of `padded`."""
    if isinstance(examples, FeatureSet):
        return {"features": torch.from_numpy(np.array(examples.features[rows])).to(device)}
    return padded(examples, rows, pad_id, device, multiple)


def _cut_padded(lengths: np.ndarray, batch_tokens: int) -> list[int]:
    """Return the start of each batch and the end of the last: rows x width fits the token budget.

    Args:
        lengths: Number of tokens of each row, ascending, int [rows].
        batch_tokens: Tokens of a batch at most, padding included.
    """
    widths = -(-lengths // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
    starts = [0]
    while starts[-1] < len(widths):
        ahead = widths[starts[-1] : starts[-1] + batch_tokens // int(widths[starts[-1]]) + 1]
        fits = np.arange(1, len(ahead) + 1) * ahead <= batch_tokens
        starts.append(starts[-1] + max(1, int(fits.sum())))
    return starts


def _cut_packed(lengths: np.ndarray, batch_tokens: int) -> list[int]:
    """Return the start of each batch and the end of the last: its tokens fit the token budget.

    Args:
        lengths: Number of tokens of each row, in any order, int [rows].
        batch_tokens: Tokens of a batch at most.
    """
    ends = np.cumsum(lengths)
    starts = [0]
    while starts[-1] < len(lengths):
        before = int(ends[starts[-1] - 1]) if starts[-1] else 0
        starts.append(max(starts[-1] + 1, int(np.searchsorted(ends, before + batch_tokens, side="right"))))
    return starts


def token_budget_inference_batches(lengths: np.ndarray, batch_tokens: int) -> list[np.ndarray]:
    """Return the row numbers of each batch, longest rows first; a batch has rows of similar length.

    Args:
        lengths: Number of tokens of each row, int [rows].
        batch_tokens: Tokens of a batch at most, padding included; a longer row is a batch of its own.
    """
    order = np.argsort(lengths, kind="stable")
    starts = _cut_padded(lengths[order], batch_tokens)
    return [order[first:end] for first, end in itertools.pairwise(starts)][::-1]


def token_budget_batches(
    lengths: np.ndarray, batch_tokens: int, seed: int, epoch: int, packed: bool, drawn: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the row numbers of each batch of an epoch; every row occurs exactly once, or as often as in `drawn`.

    The result depends on the arguments alone. Padded batches have rows of similar length, from pools as in
    `epoch_batches`; packed batches have no padding and are cut from the shuffled rows.

    Args:
        lengths: Number of tokens of each row, int [rows].
        batch_tokens: The token budget: tokens of a batch at most, padding included; a longer row is a batch of its own.
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
