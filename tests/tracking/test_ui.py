"""`complaints ui`: MLflow's page on the project's own store, ended by a signal."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support import mini_pipeline
from support.mlflow_runs import free_port

from complaints import cli

SECONDS = 60.0


def processes_with(mark: str) -> set[int]:
    """Return the ids of the processes whose environment has a variable MARK of this value."""
    found = set()
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and f"\0MARK={mark}\0".encode() in b"\0" + (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def wait_for(address: str) -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < end, f"{address} does not answer"
            time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the test lists the processes of Linux")
def test_sigterm_ends_every_server(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    port = free_port()
    command = [sys.executable, "-m", "complaints", "ui", "--port", str(port)]
    environment = mini_pipeline.environment(MARK=tmp_path.name, HOME=str(tmp_path))
    process = subprocess.Popen(
        command, cwd=tmp_path / "docs", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/")
        assert len(processes_with(tmp_path.name)) > 1
        assert (tmp_path / "mlflow.db").is_file()
        process.terminate()
        process.wait(SECONDS)
        end = time.monotonic() + SECONDS
        while processes_with(tmp_path.name) and time.monotonic() < end:
            time.sleep(0.2)
        assert processes_with(tmp_path.name) == set()
    finally:
        for left in processes_with(tmp_path.name):
            os.kill(left, signal.SIGKILL)
        process.wait()
    assert list((tmp_path / "docs").iterdir()) == []


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("http://user:secret@127.0.0.1:9/x", 0, "open http://127.0.0.1:9/x"),
        ("http://[::1", 0, "open http://[::1"),
        ("foo://x", 1, "MLflow has no store of this kind; set MLFLOW_TRACKING_URI"),
        ("folder", 1, "MLflow no longer writes to a folder; set MLFLOW_TRACKING_URI"),
        ("postgresql://127.0.0.1:9/x", 1, "MLFLOW_TRACKING_URI"),
    ],
)
def test_a_store_that_has_no_page_is_one_line(
    in_mini: Path,
    address: str,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path("folder").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setattr("sys.argv", ["complaints", "ui", "--port", str(free_port())])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    printed = "".join(capfd.readouterr())
    assert words in printed
    assert "secret" not in printed
    assert printed.count("\n") == 1
