"""Every command: into any output, and with text of any bytes."""

import argparse
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from support import mini_pipeline
from support.commands import COMMANDS, LOCK, files_in, run, stdout_to

from complaints import cli

HOSTILE = "\x1b[31m\u202eFees"


@pytest.mark.parametrize("target", ["closed pipe", "/dev/full", "ascii"])
@pytest.mark.parametrize("name", [*COMMANDS, "--help", "trace --help"])
def test_an_output_that_fails_is_no_traceback_and_changes_no_work(
    root: Path, name: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = name in ("trace --verify", "track", "verify")  # nothing was built here, and the store does not work
    words = COMMANDS.get(name, name.split())
    if target == "ascii":
        with stdout_to(str(root / "out.txt"), encoding="ascii"):
            ran, _ = run(capsys, *words)
        assert ran.status == fails, ran.err
        assert ("± 0.012" not in (root / "out.txt").read_text(encoding="ascii")) or name != "show"
        return
    params = (root / "params.yaml").read_bytes()
    said = run(capsys, *words)[1]
    changed = files_in(root)
    (root / "params.yaml").write_bytes(params)
    with stdout_to(target):
        ran, _ = run(capsys, *words)
    if target == "/dev/full" and said:
        assert ran.status == 1
        assert ran.err.splitlines()[-1] == "error: standard output cannot be written (No space left on device)"
    else:
        assert ran.status == fails
        assert "error: " not in ran.err.replace("error: not logged to MLflow", "")
    assert ran.err.count("\n") <= 1 + (name == "track")  # whose store does not work
    assert files_in(root) == changed


def test_spaces_of_any_width_stay(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spaces = [chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)) == "Zs"]
    text = "".join(f"{space}±\n" for space in spaces)
    (root / "reports/evaluation/scoreboard.md").write_text(text, encoding="utf-8")
    assert run(capsys, "show")[1].startswith(text)


def test_characters_outside_the_encoding_are_replaced(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with stdout_to("out.txt", encoding="ascii"):
        assert run(capsys, "show")[0].status == 0
    assert (root / "out.txt").read_text().startswith("| minilm | 0.615 ? 0.012 |\n")


def test_json_is_read_back_from_an_output_of_any_encoding(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "dvc.lock").write_text(LOCK.replace("models/minilm", 'models/"é\u202e"'), encoding="utf-8")
    with stdout_to("out.txt", encoding="ascii"):
        assert run(capsys, "trace", 'models/"é\u202e"', "--json")[0].status == 0
    statement = json.loads((root / "out.txt").read_text())
    assert "\u202e" in json.dumps(statement, ensure_ascii=False)


@pytest.mark.parametrize("stream", ["closed pipe", "/dev/full"])
def test_errors_that_cannot_be_written_keep_the_status(root: Path, stream: str) -> None:
    with stdout_to(stream), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", sys.stdout)
        patch.setattr("sys.argv", ["complaints", "trace", "nowhere"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    assert ended.value.code == 1


def test_values_cannot_send_escape_codes_to_the_terminal(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = json.dumps(f"models/{HOSTILE}")
    (root / "dvc.lock").write_text(LOCK.replace("models/minilm", hostile))
    (root / "reports/evaluation/scoreboard.md").write_text(HOSTILE, encoding="utf-8")
    for words in (["trace", f"models/{HOSTILE}"], ["show"], ["profile", HOSTILE], ["model", "remove", HOSTILE]):
        ran, out = run(capsys, *words)
        assert "\\x1b[31m\\u202eFees" in out + ran.err
        assert (out + ran.err).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "the caf\udce9 charged me"],
        ["predict", "x", "--text-column", "\udcff"],
        ["predict", "x", "--encoding", "\udced\udca0\udc80"],
        ["profile", "tin\udce9"],
        ["model", "add", "\udce9", "--like", "minilm"],
        ["model", "add", "x", "--like", "\udce9"],
        ["model", "add", "x", "--like", "minilm", "-S", "seed=14", "-S", "weights=\udce9"],
        ["model", "remove", "\udce9"],
    ],
)
def test_text_that_is_not_utf8_is_refused(root: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ran, _ = run(capsys, *words)
    assert ran.is_one_line
    assert "is not UTF-8 (byte 0x" in ran.err


def test_names_of_files_may_have_any_bytes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran, out = run(capsys, "predict", "x", "--model", "models/\udce9")
    assert (ran.status, out) == (0, "±  models/\\udce9\n")


def test_utf8_that_the_locale_could_not_decode_is_text(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []

    def predict(arguments: argparse.Namespace) -> int:
        texts.append(arguments.text)
        return 0

    monkeypatch.setattr(cli, "_predict", predict)
    monkeypatch.setattr("sys.argv", ["complaints", "predict", "caf\udcc3\udca9"])
    with pytest.raises(SystemExit):
        cli.main()
    assert texts == ["café"]


def test_ctrl_c_is_one_line_and_status_130(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_show", interrupted)
    ran, _ = run(capsys, "show")
    assert (ran.status, ran.err) == (130, "error: interrupted\n")


@pytest.mark.parametrize("words", [["show"], ["--help"]])
def test_a_process_whose_reader_has_gone_ends_in_silence(root: Path, words: list[str]) -> None:
    command = f"{sys.executable} -m complaints {' '.join(words)} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=mini_pipeline.environment(), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_process_in_the_posix_locale_prints_and_takes_text(root: Path) -> None:
    locale = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = mini_pipeline.environment(**locale)
    show = [sys.executable, "-m", "complaints", "show"]
    done = subprocess.run(show, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"| minilm | 0.615 ? 0.012 |")
    profile = [sys.executable, "-m", "complaints", "profile", "café"]
    done = subprocess.run(profile, env=environment, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: no profile 'caf\\xe9' in profiles/")
