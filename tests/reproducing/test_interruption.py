"""Reproductions that are interrupted: nothing is left running, git is as before, and the same command goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.compared_project import git

from complaints.core.dvc_lock import Stage
from complaints.reproducing import rebuild
from complaints.reproducing.differences import StageResult

from .conftest import Reproduce

LIMIT = 30.0


def _start(*arguments: str) -> subprocess.Popen[str]:
    """Start a reproduction whose second stage sleeps, and wait until it does."""
    command = [sys.executable, "-m", "complaints", "reproduce", "first", "--this-environment", *arguments]
    environment = os.environ | {"PLANTED": "slow"}
    return subprocess.Popen(
        command,
        env=environment,
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A shell without job control starts tests in the background with SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _wait_for(file: Path) -> None:
    end = time.monotonic() + LIMIT
    while not file.exists():
        assert time.monotonic() < end, f"{file} was not made"
        time.sleep(0.05)


def _processes_in(folder: Path) -> list[str]:
    """Return the processes whose working directory is in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(folder):
                found.append(process.name)
        except OSError:
            continue
    return found


def _wait_for_none_in(folder: Path) -> None:
    end = time.monotonic() + LIMIT
    while _processes_in(folder):
        assert time.monotonic() < end, "a process is left"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_reproduction_removes_its_copy(reproduced: Path, number: signal.Signals) -> None:
    copy = reproduced / "scratch/reproduction"
    child = _start()
    _wait_for(copy / "started")
    child.send_signal(number)
    _, said = child.communicate(timeout=LIMIT)
    assert child.returncode == 130
    assert said.splitlines()[-1] == "error: interrupted"
    assert not copy.exists()
    assert not _processes_in(copy)
    assert git(reproduced, "status", "--porcelain") == ""
    git(reproduced, "fsck")


def test_an_interruption_between_two_lines_ends_the_processes(
    reproduced: Path, reproduce: Reproduce, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(stage: Stage, root: Path) -> StageResult:
        raise KeyboardInterrupt

    monkeypatch.setenv("PLANTED", "slow")
    monkeypatch.setattr(rebuild, "compare_stage", interrupted)
    copy, left, remove = reproduced / "scratch/reproduction", [], shutil.rmtree

    def removing(folder: str | Path, **options: Any) -> None:
        left.extend(_processes_in(copy))
        remove(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", removing)
    ran, _ = reproduce("first")
    assert ran.status == 130
    assert left == []
    assert not _processes_in(copy)
    assert not copy.exists()


@pytest.mark.slow
def test_a_killed_reproduction_goes_on_and_a_second_one_is_refused_meanwhile(
    reproduced: Path, reproduce: Reproduce
) -> None:
    copy = reproduced / "scratch/reproduction"
    child = _start()
    _wait_for(copy / "started")
    ran, _ = reproduce("first")
    assert ran.is_one_line
    assert "a reproduction is running in this project" in ran.err
    child.kill()
    child.communicate()
    _wait_for_none_in(copy)
    assert git(reproduced, "status", "--porcelain") == ""
    git(reproduced, "gc", "--quiet")
    (copy / "started").unlink()
    split = (copy / "data/splits/train.parquet").stat().st_mtime_ns
    ran, out = reproduce("first", "--keep", str(copy))
    assert (ran.status, out[:9]) == (0, "identical"), ran.err
    assert "an interrupted reproduction of it goes on there" in ran.err
    assert (copy / "data/splits/train.parquet").stat().st_mtime_ns == split
    assert reproduce("first")[0].status == 0
    assert not copy.exists()


@pytest.mark.slow
def test_a_copy_of_another_commit_is_not_gone_on_with(reproduced: Path, reproduce: Reproduce) -> None:
    copy = reproduced / "scratch/reproduction"
    child = _start()
    _wait_for(copy / "started")
    child.kill()
    child.communicate()
    _wait_for_none_in(copy)
    ran, _ = reproduce("first:models/net")
    assert ran.status == 0, ran.err
    assert "goes on there" not in ran.err
