"""Distributed training and inference: the rows of each process, and the exchange of results.

`torchrun` or `accelerate launch` starts the processes and sets the rank of each in its environment.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs, gather_object

from complaints.engine.device import be_deterministic, keep_freed_memory

# The other ranks wait while rank 0 fits a linear probe or writes a checkpoint.
TIMEOUT = timedelta(hours=2)


def make_accelerator(device: str, precision: str) -> Accelerator:
    """Return the link to device, precision and the other processes.

    Args:
        device: `cuda` or `cpu`.
        precision: `fp32`, `bf16` or `fp16`.
    """
    if device == "cpu":
        keep_freed_memory()
    else:
        be_deterministic()
    return Accelerator(
        cpu=device == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
        # Buffers are not broadcast: training changes none of them.
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=TIMEOUT),
            DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True),
        ],
    )


@dataclass(frozen=True)
class MicroBatch:
    """The rows of a batch in one forward and backward pass of one process."""

    index: int
    """Index among the micro-batches of all processes."""
    positions: np.ndarray
    """Positions of the rows in the batch, int64."""
    counts: bool
    """False for a stand-in without a share in the loss: small batches have fewer rows than there are micro-batches,
    but every process must take part in every exchange of gradients."""


def micro_batches(rows: int, process: int, processes: int, accumulation: int) -> list[MicroBatch]:
    """Return the micro-batches of one process, of a batch cut into `processes` x `accumulation` of them.

    The cut depends on the number of micro-batches alone: two processes compute the same micro-batches as one process
    with twice the accumulation. Rows are dealt out in turn, so that the micro-batches of a batch sorted by length have
    similar lengths.

    Args:
        rows: Number of rows of the batch.
        process: Rank of this process, from 0.
        processes: Number of processes.
        accumulation: Micro-batches per process.
    """
    count = processes * accumulation
    positions = np.arange(rows)
    mine = []
    for index in range(process, count, processes):
        dealt = positions[index::count]
        mine.append(MicroBatch(index, dealt if len(dealt) else positions[:1], len(dealt) > 0))
    return mine


def share_batches(accelerator: Accelerator, batches: list[np.ndarray]) -> list[np.ndarray]:
    """Return the batches of this process in inference; with fewer batches than processes, some are computed twice."""
    return batches[accelerator.process_index :: accelerator.num_processes] or batches[:1]


def fill_rows(accelerator: Accelerator, result: np.ndarray, batches: list[np.ndarray]) -> None:
    """Fill in place the rows of `result` that other processes computed; `batches` are those of this process."""
    if accelerator.num_processes > 1:
        mine = np.concatenate(batches)
        for rows, values in gather_object([(mine, result[mine])]):
            result[rows] = values
