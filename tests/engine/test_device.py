"""Precision, memory and failures of a device."""

import platform
import subprocess
import sys
from typing import Any

import pytest
import torch

from complaints.core.errors import UserError
from complaints.engine import device
from complaints.engine.device import one_line_device_errors, resolve_precision


def test_other_errors_are_raised_unchanged() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), one_line_device_errors("lower it"):
        torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.mark.parametrize(("asked", "device", "expected"), [("fp32", "cpu", "fp32"), ("bf16", "cuda", "bf16")])
def test_explicit_precision_is_taken(asked: str, device: str, expected: str) -> None:
    assert resolve_precision(asked, device) == expected


def test_half_precision_on_a_processor_is_refused() -> None:
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        resolve_precision("fp16", "cpu")


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_auto_is_bf16_on_gpus_of_capability_8_and_up_only(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: Any
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_precision("auto", "cuda") == expected


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16", False),
        ("vendor_id : AuthenticAMD\nflags : avx512f avx512_bf16", True),
        ("vendor_id : AuthenticAMD\nflags : avx2", False),
        ("", False),
    ],
)
def test_processors_that_are_faster_in_bf16_train_in_it(cpuinfo: str, expected: bool) -> None:
    assert device.is_fast_in_bf16(cpuinfo) is expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this option")
@pytest.mark.parametrize("kept", [False, True])
def test_freed_memory_is_kept_for_the_next_tensor(kept: bool) -> None:
    program = f"""
import torch
from pathlib import Path
from complaints.engine import device

def pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

if {kept}:
    device.keep_freed_memory()
before = pages()
block = torch.ones(50_000_000)
held = pages() - before
del block
print((pages() - before) / held)
"""
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True)
    assert (float(done.stdout) > 0.9) == kept
