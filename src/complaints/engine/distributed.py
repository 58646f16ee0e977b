"""One training run in several processes: who computes which rows, and how all come to know the results.

The processes are started by `torchrun` or `accelerate launch`, which tell each its number in the environment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs, gather_object

from complaints.engine.device import be_deterministic, keep_freed_memory

# The others wait while the first one fits a probe or writes a checkpoint.
PATIENCE = timedelta(hours=2)


def make_accelerator(device: str, precision: str) -> Accelerator:
    """Return the link to device, precision and the other processes."""
    if device == "cpu":
        keep_freed_memory()
    else:
        be_deterministic()
    return Accelerator(
        cpu=device == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
        # No model here has buffers that training changes.
        kwargs_handlers=[
            InitProcessGroupKwargs(timeout=PATIENCE),
            DistributedDataParallelKwargs(broadcast_buffers=False, gradient_as_bucket_view=True),
        ],
    )


@dataclass(frozen=True)
class Piece:
    """A part of a batch that one process computes at one go."""

    number: int
    rows: np.ndarray
    counts: bool
    """False for a stand-in: the batch has no row for this piece, yet all processes must take part in its step."""


def pieces(rows: np.ndarray, process: int, processes: int, accumulation: int) -> Iterator[Piece]:
    """Yield what process `process` computes of a batch that is cut into `processes` x `accumulation` pieces.

    The cut depends on the number of pieces alone: two processes compute what one does in twice as many pieces. Rows
    are dealt out in turn, so that pieces of a batch in order of length are alike.
    """
    count = processes * accumulation
    for number in range(process, count, processes):
        dealt = rows[number::count]
        yield Piece(number, dealt if len(dealt) else rows[:1], len(dealt) > 0)


def share_batches(accelerator: Accelerator, batches: list[np.ndarray]) -> list[np.ndarray]:
    """Return the batches that this process infers; where there are fewer than processes, some are done twice."""
    return batches[accelerator.process_index :: accelerator.num_processes] or batches[:1]


def fill_rows(accelerator: Accelerator, result: np.ndarray, batches: list[np.ndarray]) -> None:
    """Fill in place the rows of `result` that other processes have; `batches` are those that this one has."""
    if accelerator.num_processes > 1:
        mine = np.concatenate(batches)
        for rows, values in gather_object([(mine, result[mine])]):
            result[rows] = values
