"""The device that computes, its precision, and its failures."""

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
    """Return `cuda` if a GPU can be used, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def is_fast_in_bf16(cpuinfo: str) -> bool:
    """Return whether a processor trains faster in bf16 than in fp32: one with AMX, or AMD's with avx512_bf16.

    Intel's avx512_bf16 without AMX does not count: a step takes 1.96 times as long as in fp32; on AMD's it takes 0.56
    times as long (measured by benchmarks/precision.py).

    Args:
        cpuinfo: Content of /proc/cpuinfo.
    """
    return "amx_bf16" in cpuinfo or ("AuthenticAMD" in cpuinfo and "avx512_bf16" in cpuinfo)


def _cpu_info() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def resolve_precision(precision: str, device: str) -> str:
    """Return `fp32`, `bf16` or `fp16` for the parameter precision.

    `auto` is bf16 on GPUs of compute capability 8 and up, fp16 on older ones (a T4, 7.5, reports support for bf16 but
    runs it several times slower), bf16 on processors that are fast in it, and fp32 on the others.

    Args:
        precision: The parameter.
        device: `cuda` or `cpu`.

    Raises:
        UserError: if `precision` is fp16 on a processor.
    """
    if precision == "fp16" and device == "cpu":
        raise UserError("precision: fp16 needs a GPU; take auto, bf16 or fp32 on a processor")
    if precision != "auto":
        return precision
    if device == "cpu":
        return "bf16" if is_fast_in_bf16(_cpu_info()) else "fp32"
    return "bf16" if torch.cuda.get_device_capability()[0] >= 8 else "fp16"


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next tensor of the same size; other C libraries are not changed.

    By default glibc returns large blocks to the system immediately (mallopt(3)), and every training step spends a tenth
    of its time on a processor on new pages (benchmarks/precision.py).
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(M_MMAP_MAX, 0)
    set_option(M_TRIM_THRESHOLD, 2**31 - 1)


def be_deterministic() -> None:
    """Make a GPU compute the same bits for the same step (torch, notes on reproducibility).

    From then on torch uses the deterministic form of each operation, and raises RuntimeError for one without such a
    form. A step of ModernBERT-base takes 8 % longer on an H200 (docs/LOG.md). Call this before the first operation on
    the GPU: cuBLAS reads its setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling new tensors, which this mode does by default, finds reads of uninitialised memory only, and takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def one_line_device_errors(remedy: str) -> Iterator[None]:
    """Turn a device's failures into errors of one line.

    Args:
        remedy: Changes of parameters that lower the use of memory, for the message.

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
                f"torch has no deterministic form of {name}, which this model needs, on this GPU; take another "
                "backbone, or hide the GPU with CUDA_VISIBLE_DEVICES= to compute on the processor"
            ) from None
        raise


def describe_device(device: str) -> str:
    """Return the name of the device, as far as results depend on it: `cpu`, or the GPU's name."""
    return "cpu" if device == "cpu" else torch.cuda.get_device_name()
