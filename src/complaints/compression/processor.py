"""Instructions of this processor that decide how it multiplies integers; without torch."""

import platform
from pathlib import Path

from complaints.core.section import Section

INTEGER_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
"""Flags of /proc/cpuinfo: vector and matrix instructions of x86-64, and dot products of ARM."""
WIDE_SUMS = frozenset({"avx_vnni", "avx512_vnni", "amx_int8"})
"""Those of x86-64 that add products of bytes in 32 bits."""


class Processor(Section):
    """The processor that quantised a model."""

    architecture: str
    flags: list[str]
    """Those of INTEGER_FLAGS that it has."""


def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """Return the architecture and the flags of this processor; no flags where the system has no such file."""
    try:
        words = set(cpuinfo.read_text().split())
    except OSError:
        words = set()
    return Processor(architecture=platform.machine(), flags=[flag for flag in INTEGER_FLAGS if flag in words])


def saturates(processor: Processor) -> bool:
    """Return whether sums of two products of bytes saturate at 16 bits.

    x86-64 without VNNI multiplies unsigned by signed bytes with vpmaddubsw, which does so silently; weights of 7 bits
    cannot (ONNX Runtime, "Quantize ONNX models", on reduce_range).
    """
    return processor.architecture in ("x86_64", "AMD64") and not WIDE_SUMS & set(processor.flags)
