"""Lock and exit of stage scripts."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import stdout_to

from complaints.core import stage
from complaints.core.errors import UserError


def run_stage(body: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a stage script with this `main` and return the finished process."""
    script = folder / "probe.py"
    script.write_text(
        f"from complaints.core import stage\nfrom complaints.core.errors import UserError\n{body}\nstage.run(main)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    return subprocess.run([sys.executable, script], cwd=folder, env=environment, capture_output=True, text=True)


def test_a_user_error_becomes_one_line_and_status_1(tmp_path: Path) -> None:
    result = run_stage("def main():\n    raise UserError('a.csv, line 3: broken; correct it')", tmp_path)
    assert result.returncode == 1
    assert result.stderr == "error: probe: a.csv, line 3: broken; correct it\n"


@pytest.mark.parametrize("stderr", ["closed pipe", "/dev/full"])
def test_outputs_are_restored_where_the_error_cannot_be_printed(
    stderr: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "probe")
    monkeypatch.setattr(stage, "die_with_dvc", lambda: None)
    monkeypatch.setattr(stage, "check_inputs", lambda name: None)
    monkeypatch.setattr(stage, "_restore_outputs", restored.append)

    def main() -> None:
        raise UserError("a.csv, line 3: broken")

    with stdout_to(stderr), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", sys.stdout)
        with pytest.raises(SystemExit) as ended:
            stage.run(main)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    assert (ended.value.code, restored) == (1, ["probe"])


def test_an_error_is_printed_in_any_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    result = run_stage("def main():\n    raise UserError('caf\\xe9 \\x1b[31m')", tmp_path)
    assert (result.returncode, result.stderr) == (1, "error: probe: caf\\xe9 \\x1b[31m\n")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("open('nothere/a.csv', 'w')", "nothere/a.csv: No such file or directory"),
        ("open('.', 'w')", ".: Is a directory"),
        ("open('/dev/full', 'wb', buffering=0).write(b'x')", "[Errno 28] No space left on device"),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
def test_errors_of_the_system_and_interruptions_are_one_line(body: str, line: str, tmp_path: Path) -> None:
    result = run_stage(f"def main():\n    {body}", tmp_path)
    assert (result.returncode, result.stderr) == (1, f"error: probe: {line}\n")


def test_an_error_in_the_code_keeps_its_traceback(tmp_path: Path) -> None:
    result = run_stage("def main():\n    raise ValueError('a bug')", tmp_path)
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "ValueError: a bug" in result.stderr


def test_a_stage_does_not_run_twice_at_once(tmp_path: Path) -> None:
    (tmp_path / "scratch/locks").mkdir(parents=True)
    with open(tmp_path / "scratch/locks/probe", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run_stage("def main():\n    print('ran')", tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "probe is already running in this folder" in result.stderr
    assert run_stage("def main():\n    print('ran')", tmp_path).stdout == "ran\n"
