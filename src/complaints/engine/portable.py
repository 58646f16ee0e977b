"""Portable numerics: torch computes the same bits on every x86-64 processor with AVX2, with any number of cores.

Three causes make torch's bits depend on the processor, and each has its remedy here:

- Its loops have a version for each instruction set: it gets the ones for AVX2. oneDNN, which compiles its own, is left
  out.
- Sums over rows are divided by the number of threads: it gets THREADS, whatever the number of cores.
- Matrix products and some functions come from MKL, which chooses code by vendor and model: they are replaced by those
  of numpy, whose code complaints/core/numerics.py pins. Large products are cut into parts by their shape alone.
"""

import functools
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import special

from complaints.core.errors import UserError
from complaints.core.numerics import is_x86

THREADS = 2
ROWS_OF_A_PART = 128
"""A product with fewer rows than two parts of this size is not cut."""
PARTS = 4
"""A product is cut into at most this many parts, so more cores than this do not help."""
VALUES_OF_A_PART = 1 << 14
"""Batches of products with fewer values than this in all are not cut."""

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "cos": np.cos,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Functions of torch that come from MKL for one floating dtype at least, with those that replace them."""


def _cut(size: int, parts: int) -> list[slice]:
    return [slice(size * part // parts, size * (part + 1) // parts) for part in range(parts)]


def _parts(left: np.ndarray) -> int:
    """Return the number of parts of a product, a function of the left factor's shape."""
    if left.ndim == 2:
        return next(parts for parts in (PARTS, 2, 1) if parts == 1 or left.shape[0] >= parts * ROWS_OF_A_PART)
    return min(PARTS, len(left)) if left.size >= VALUES_OF_A_PART else 1


@functools.cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(PARTS, os.cpu_count() or 1), thread_name_prefix="product")


def _multiply(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the product of two matrices, or of two batches of them."""
    result = torch.empty(*left.shape[:-1], right.shape[-1], dtype=left.dtype)
    a, b, out = left.detach().numpy(), right.detach().numpy(), result.numpy()
    parts = _cut(len(a), _parts(a)) if len(a) else []
    if len(parts) == 1:
        np.matmul(a, b, out=out)
    elif parts:
        factors = [b if b.ndim == 2 else b[part] for part in parts]
        list(_workers().map(lambda part, factor: np.matmul(a[part], factor, out=out[part]), parts, factors))
    return result


def _multiply_add(
    term: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *, beta: float = 1, alpha: float = 1
) -> torch.Tensor:
    """Return beta x term + alpha x (left x right)."""
    result = _multiply(left, right)
    if alpha != 1:
        result.mul_(alpha)
    # As in torch, values of the term that are not finite do not count with beta 0.
    return result.add_(term, alpha=beta) if beta != 0 else result


def _multiply_vector(matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
    return _multiply(matrix, vector[:, None])[:, 0]


def _dot(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return _multiply(left[None], right[:, None])[0, 0]


def _elementwise(function: Callable[..., Any]) -> Callable[[torch.Tensor], torch.Tensor]:
    def compute(values: torch.Tensor) -> torch.Tensor:
        floats = values if values.is_floating_point() else values.to(torch.get_default_dtype())
        result = torch.empty_like(floats)
        function(floats.detach().numpy(), out=result.numpy())
        return result

    return compute


def _into(compute: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return the form of an operation that writes its result into the argument `out`."""

    def write(*arguments: Any, out: torch.Tensor, **named: Any) -> torch.Tensor:
        result = compute(*arguments, **named)
        return out.resize_(result.shape).copy_(result)

    return write


def _in_place(compute: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return the form of an operation that writes its result into its first argument."""
    return lambda first, *others, **named: first.copy_(compute(first, *others, **named))


def _replacements() -> dict[str, Callable[..., torch.Tensor]]:
    """Return the operations of torch to replace, by name, in all of their forms."""
    products = {"mm": _multiply, "bmm": _multiply, "mv": _multiply_vector, "dot": _dot}
    sums = {"addmm": _multiply_add, "baddbmm": _multiply_add}
    functions = {name: _elementwise(function) for name, function in FUNCTIONS.items()}
    functional = products | sums | functions
    return (
        functional
        | {f"{name}.out": _into(compute) for name, compute in functional.items()}
        | {f"{name}_": _in_place(compute) for name, compute in (sums | functions).items()}
    )


def check_processor(cpuinfo: str) -> None:
    """Raise if the processor lacks an instruction set that portable numerics need.

    Args:
        cpuinfo: Content of /proc/cpuinfo.

    Raises:
        UserError: if it is an x86-64 processor without AVX2 or FMA.
    """
    missing = sorted({"avx2", "fma"} - set(cpuinfo.split()))
    if cpuinfo and missing:
        raise UserError(f"numerics: portable needs a processor with {' and '.join(missing)}; set numerics: fast")


@functools.cache
def _replace_operations() -> torch.library.Library:
    """Replace torch's operations; they are its own again when the returned library is gone."""
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of each replaced operation
        for name, compute in _replacements().items():
            library.impl(name, compute, "CPU")
    return library


def compute_portably() -> None:
    """Make torch compute portably in this process, from now on; call this before torch computes anything.

    On processors other than x86-64 the products are the same code, but the bits are those of this kind of processor.

    Raises:
        UserError: if the processor lacks AVX2 or FMA, or torch has computed with other instructions before.
    """
    if is_x86():
        info = Path("/proc/cpuinfo")
        check_processor(info.read_text() if info.exists() else "")
        os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
        if torch.backends.cpu.get_cpu_capability() != "AVX2":
            raise UserError("numerics: portable needs a process in which torch has not computed yet; start a new one")
    torch.set_num_threads(THREADS)
    torch.backends.mkldnn.set_flags(False)
    # The fused attention calls MKL inside; the plain one is made of the products above.
    torch.backends.cuda.enable_flash_sdp(False)
    _replace_operations()
