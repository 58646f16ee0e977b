"""Settings under which numpy and scipy compute the same bits on every x86-64 processor with AVX2.

Both choose code by the processor: numpy among its own loops, OpenBLAS among its matrix kernels, and it divides sums by
the number of cores. They read these settings when they are loaded, so `complaints` makes them before anything else.
"""

import os
import platform
import sys

PINNED = {
    # The kernels for processors with AVX2, and no division of one product among threads.
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    # numpy's loops and sorts for newer processors than x86-64-v2: they round and order ties otherwise.
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    # OpenMP has as many threads as torch asks for.
    "OMP_DYNAMIC": "FALSE",
}
THREAD_SPINS = "1000"
"""Rounds that a thread of OpenMP waits for more work before it sleeps; by default it keeps a core busy for longer than
a matrix product of numpy takes. No result depends on it."""


def is_x86() -> bool:
    """Return whether this is an x86-64 processor."""
    return platform.machine().lower() in ("x86_64", "amd64")


def pin_numpy() -> None:
    """Make the settings of PINNED for this process and those that it starts.

    They have no effect on a numpy that is loaded already: `check_pinned` finds that.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", THREAD_SPINS)
    if is_x86():
        os.environ.pop("OMP_THREAD_LIMIT", None)
        if "numpy" in sys.modules and any(os.environ.get(name) != value for name, value in PINNED.items()):
            _LOADED_BEFORE.append("numpy")
        os.environ.update(PINNED)


def check_pinned() -> None:
    """Check that numpy was loaded after `pin_numpy`, as portable results need it.

    Raises:
        RuntimeError: if it was loaded before: the script imports it before `complaints`.
    """
    if _LOADED_BEFORE:
        raise RuntimeError("numpy was imported before complaints, which pins its arithmetic; import complaints first")


_LOADED_BEFORE: list[str] = []
"""numpy, if it was loaded before it was pinned."""
