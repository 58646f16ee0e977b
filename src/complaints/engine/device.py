"""Which device trains, and in which precision."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from complaints.core.errors import UserError

# Options of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def device_name() -> str:
    """Return `cuda` when there is a usable GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def is_fast_in_bf16(cpuinfo: str) -> bool:
    """Tell from /proc/cpuinfo whether a processor trains faster in bf16: it has AMX, or is AMD's with avx512_bf16.

    On Intel's without AMX, avx512_bf16 does not count: a step was measured to take 1.96 times as long as in fp32. On
    AMD's it takes 0.56 times as long (benchmarks/precision.py).
    """
    return "amx_bf16" in cpuinfo or ("AuthenticAMD" in cpuinfo and "avx512_bf16" in cpuinfo)


def _cpu_info() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def resolve_precision(asked: str, device: str) -> str:
    """Return `fp32`, `bf16` or `fp16` for a `precision` parameter.

    `auto` takes bf16 on GPUs of compute capability 8 and up (a T4, 7.5, says that it supports bf16 and runs it
    several times slower), fp16 on older ones, bf16 on processors that are fast in it, and fp32 on the others.

    Raises:
        UserError: if fp16 is asked for on a processor.
    """
    if asked == "fp16" and device == "cpu":
        raise UserError("params: precision fp16 needs a GPU; take auto, bf16 or fp32 on a processor")
    if asked != "auto":
        return asked
    if device == "cpu":
        return "bf16" if is_fast_in_bf16(_cpu_info()) else "fp32"
    return "bf16" if torch.cuda.get_device_capability()[0] >= 8 else "fp16"


def keep_freed_memory() -> None:
    """Let the C library keep the memory that it is given back, for the next tensor of the size.

    By default glibc returns large blocks to the system at once (mallopt(3)), and every step of training pays for all
    its pages anew: a tenth of its time on a processor (benchmarks/precision.py). Other C libraries stay as they are.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(M_MMAP_MAX, 0)
    set_option(M_TRIM_THRESHOLD, 2**31 - 1)


def be_deterministic() -> None:
    """Let a GPU give the same bits for the same step, at a little cost (torch, notes on reproducibility).

    From here on torch takes the deterministic form of each operation, and raises RuntimeError at one that has none. A
    step of ModernBERT-base took 8 % longer on an H200 (docs/LOG.md). Call it before the first operation on the GPU:
    cuBLAS reads its setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # By default new tensors are then filled, to show reads of memory that nothing has written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def explaining(remedy: str) -> Iterator[None]:
    """Turn what the hardware cannot do into one line.

    Args:
        remedy: What asks for less memory.

    Raises:
        UserError: if memory is full, or an operation has no deterministic form (see `be_deterministic`).
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise UserError(f"the GPU's memory is full; {remedy}, then run this again") from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error):
            raise UserError(f"memory is full; {remedy}, then run this again") from None
        if "does not have a deterministic implementation" in str(error):
            name = str(error).split()[0]
            raise UserError(
                f"torch has no form of {name} on this GPU that gives the same bits each time, and this model needs it; "
                "take another backbone, or hide the GPU with CUDA_VISIBLE_DEVICES= to compute on the processor"
            ) from None
        raise


def describe_device(device: str) -> str:
    """Name the device as far as it decides bits: `cpu`, or the GPU's name."""
    return "cpu" if device == "cpu" else torch.cuda.get_device_name()
