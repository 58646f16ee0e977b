"""Portable numerics against other settings, other numbers of cores and other processors."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT, SRC
from support.project import Project

from complaints.core.dvc_lock import read_lock

pytestmark = pytest.mark.slow

# What a user's shell, a cluster or a container may set, all against portable numerics.
HOSTILE = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_NUM_THREADS": "5",
    "NPY_DISABLE_CPU_FEATURES": "",
    "OMP_DYNAMIC": "TRUE",
    "OMP_THREAD_LIMIT": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "7",
}
SETTINGS = {
    "1 thread": {"OMP_NUM_THREADS": "1"},
    "2 threads": {"OMP_NUM_THREADS": "2", "MKL_CBWR": "AVX2"},
    "3 threads": {"OMP_NUM_THREADS": "3", "OPENBLAS_CORETYPE": "SkylakeX"},
    "8 threads": {"OMP_NUM_THREADS": "8", **HOSTILE},
}
PROCESSORS = ("Haswell", "EPYC-Rome")
"""One of Intel and one of AMD, both without AVX-512, as an emulator knows them."""


def results(*before: str, **settings: str) -> dict[str, str]:
    """Return the digests that support/portable_results.py prints in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "OPENBLAS_", "MKL_"))}
    path = os.pathsep.join([str(SRC), str(ROOT / "tests")])
    command = [*before, sys.executable, "-m", "support.portable_results"]
    done = subprocess.run(command, env=kept | {"PYTHONPATH": path} | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    digests: dict[str, str] = json.loads(done.stdout)
    return digests


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    return [name for name in wanted if found.get(name) != wanted[name]]


@pytest.fixture(scope="module")
def usual() -> dict[str, str]:
    return results()


@pytest.mark.parametrize("name", SETTINGS)
def test_other_settings_give_the_same_bits(name: str, usual: dict[str, str]) -> None:
    assert differences(results(**SETTINGS[name]), usual) == []


@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset of util-linux")
def test_one_core_gives_the_same_bits(usual: dict[str, str]) -> None:
    assert differences(results("taskset", "--cpu-list", "0"), usual) == []


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64 of the package qemu-user")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_other_processors_give_the_same_bits(processor: str, usual: dict[str, str]) -> None:
    assert differences(results("qemu-x86_64", "-cpu", processor), usual) == []


def outputs(lock: Path) -> dict[str, str]:
    return {out.path: out.md5 for stage in read_lock(lock).values() for out in stage.outs}


def test_the_tiny_profile_has_the_committed_bytes(built: Project) -> None:
    committed = outputs(ROOT / "tests" / "locks" / "tiny.lock")
    assert differences(outputs(built.root / "dvc.lock"), committed) == []


def test_the_tiny_profile_has_them_under_hostile_settings(project: Project) -> None:
    before = outputs(project.root / "dvc.lock")
    settings = [f"{name}={value}" for name, value in HOSTILE.items()]
    project.run("env", "OMP_NUM_THREADS=3", *settings, "dvc", "repro", "--force", "--no-run-cache")
    assert differences(outputs(project.root / "dvc.lock"), before) == []
