"""Every command: from any folder, with broken files, and with wrong arguments."""

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support import mini_pipeline
from support.commands import COMMANDS, LOCK, MARKERS, files_in, run

from complaints import cli

HEAVY = ("torch", "transformers", "pandas", "mlflow", "pyarrow.dataset", "sklearn", "matplotlib", "dvc")


NOT_READING_PARAMS = {"predict", "trace", "trace --json", "seen", "diff-data", "show", "ui"}


READING_LOCK = {
    "check",
    "check --write-schema",
    "diff-data",
    "forget",
    "seen",
    "trace",
    "trace --json",
    "trace --verify",
    "track",
    "verify",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_works_from_a_subfolder(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root / "docs")
    ran, out = run(capsys, *[word.replace("models/", "../models/") for word in COMMANDS[name]])
    if name in ("trace --verify", "verify"):  # nothing was built here
        assert (ran.status, ran.err) == (1, "")
        assert "Verification failed" in out or "broken links." in out
    elif name == "track":
        assert ran.is_one_line
        assert "no store in this test" in ran.err
    else:
        assert ran.status == 0, ran.err
    assert list((root / "docs").iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_outside_a_project_says_so_and_makes_no_file(
    root: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ran, _ = run(capsys, *COMMANDS[name])
    if name == "predict":
        assert ran.status == 0
    else:
        assert ran.is_one_line, ran.err
        assert f"neither {tmp_path / 'elsewhere'} nor a folder above it has a dvc.yaml" in ran.err
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_in_a_removed_folder_is_one_line(
    root: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    ran, _ = run(capsys, *COMMANDS[name])
    assert ran.is_one_line
    assert "the working directory was removed" in ran.err


PARAMS = {
    "missing": (None, "is missing; restore it, for example with `git checkout params.yaml`"),
    "empty": ("", "must be a mapping"),
    "cut": ("fetch: {source: [sample", "line "),
    "with conflict markers": (MARKERS.format("split: {seed: 1}\n"), "line 1: conflict markers"),
    "a list": ("- fetch\n", "must be a mapping"),
    "without models": ("fetch: {}\n", ""),
    "with a list of models": ("models: [minilm]\n", ""),
    "with an entry that is a number": ("models: {minilm: 3}\n", ""),
    "with numbers as names": ("models: {1: {weights: []}}\n", ""),
    "of aliases": ("a: &a [*a]\n", "an alias contains itself"),
    "deep": ("[" * 1200, "nested too deeply"),
    "Latin-1": ("é", "byte 0xe9 is not UTF-8"),
}


@pytest.mark.parametrize("state", PARAMS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_broken_params_yaml_is_one_line_of_the_commands_that_read_it(
    root: Path, name: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, message = PARAMS[state]
    (root / "params.yaml").unlink()
    if content is not None:
        (root / "params.yaml").write_text(content, encoding="latin-1")
    before = files_in(root)
    ran, out = run(capsys, *COMMANDS[name])
    if name.startswith("trace") and state == "with numbers as names":
        assert ran.is_one_line  # the entry was removed
    elif name in NOT_READING_PARAMS:
        assert ran.status == 0, ran.err
    elif name in ("trace --verify", "verify"):
        assert ran.status == 1
        assert "params.yaml" in ran.err or "dvc.yaml" in ran.err + out
    else:
        assert ran.is_one_line, ran.err
        assert "params.yaml" in ran.err
        # forget reads the section fetch alone
        assert message in ran.err or (name == "forget" and "fetch is missing" in ran.err)
    assert {path: data for path, data in files_in(root).items() if path.name != "params.schema.json"} == before


LOCKS = {
    "missing": None,
    "empty": "",
    "cut in a word": LOCK[:-90],
    "cut in a key": LOCK[: LOCK.index("md5: bb")],
    "with conflict markers": MARKERS.format("schema: '2.0'\n"),
    "a list": "- 1\n",
    "of DVC 2": LOCK.replace("'2.0'", "'1.0'"),
    "of numbers": "schema: '2.0'\nstages: 3\n",
    "of a stage that is a number": "schema: '2.0'\nstages: {fetch: 3}\n",
    "of deps that are a number": "schema: '2.0'\nstages: {fetch: {cmd: x, deps: 3}}\n",
    "of params that are a list": "schema: '2.0'\nstages: {fetch: {cmd: x, params: {params.yaml: [a]}}}\n",
    "of an md5 that is a number": "schema: '2.0'\nstages: {fetch: {cmd: x, outs: [{path: a, hash: md5, md5: 1}]}}\n",
}


@pytest.mark.parametrize("state", LOCKS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_broken_dvc_lock_is_one_line_with_the_way_out_of_the_commands_that_read_it(
    root: Path, name: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "dvc.lock").unlink()
    if (content := LOCKS[state]) is not None:
        (root / "dvc.lock").write_text(content)
    ran, _ = run(capsys, *COMMANDS[name])
    if name not in READING_LOCK:
        assert ran.status == 0, ran.err
    elif state == "missing" and name.startswith("check"):
        assert ran.status == 0, ran.err  # nothing was built yet
    elif state == "cut in a word" and ran.status == 0:
        pass  # what is left is a valid dvc.lock
    else:
        assert ran.is_one_line, ran.err
        assert "dvc.lock" in ran.err
        assert ("run `git checkout dvc.lock`, or `rm dvc.lock`" in ran.err) == (
            state != "missing" and "markers" not in state
        )
        assert ("git checkout --ours dvc.lock" in ran.err) == ("markers" in state)


def test_dvc_lock_cut_anywhere_is_read_or_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for size in range(0, len(LOCK), 11):
        (root / "dvc.lock").write_text(LOCK[:size])
        ran, _ = run(capsys, "trace", "models/minilm")
        assert ran.status == 0 or ran.is_one_line, LOCK[:size]


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to itself"])
@pytest.mark.parametrize(
    ("name", "file"), [("show", "reports/evaluation/scoreboard.md"), ("trace", "dvc.lock"), ("check", "dvc.lock")]
)
def test_something_else_in_the_place_of_a_file_is_not_called_missing(
    root: Path, name: str, file: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / file).unlink()
    make = {"pipe": os.mkfifo, "folder": os.mkdir, "link to itself": lambda path: path.symlink_to(path.name)}
    make[kind](root / file)
    ran, _ = run(capsys, *COMMANDS[name])
    assert ran.is_one_line
    assert file in ran.err
    assert "missing" not in ran.err


@pytest.mark.parametrize("kind", ["folder", "junk", "in memory", "of a folder that does not exist"])
def test_ui_says_what_is_wrong_with_a_store(
    root: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "folder":
        (root / "mlflow.db").mkdir()
    elif kind == "junk":
        (root / "mlflow.db").write_text("junk, not a database, for more than a hundred bytes\n" * 9)
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite://" if kind == "in memory" else f"sqlite:///{root}/no/x.db")
    ran, _ = run(capsys, "ui")
    assert ran.is_one_line
    assert "MLflow's page cannot show the store at sqlite" in ran.err
    assert not (root / "no").exists()


def test_ui_on_a_port_in_use_is_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ran, _ = run(capsys, "ui", "--port", str(port))
    assert (ran.status, ran.err) == (1, f"error: port {port} is in use; name another with --port\n")


def test_advice_names_the_root_to_users_who_stand_elsewhere(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "dvc.lock").unlink()
    at_root = run(capsys, "trace", "models/minilm")[0].err
    monkeypatch.chdir(root / "docs")
    assert run(capsys, "trace", "../models/minilm")[0].err == f"{at_root.rstrip()} (in {root})\n"


def test_paths_are_relative_to_where_the_user_stands(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Path] = {}

    def predict(arguments: argparse.Namespace) -> int:
        paths = {"model": arguments.model.path, "input": arguments.input, "output": arguments.output}
        seen.update({name: Path(path).resolve() for name, path in paths.items()})
        return 0

    monkeypatch.setattr(cli, "_predict", predict)

    def given(folder: Path, *options: str) -> dict[str, Path]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["complaints", "predict", *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return seen

    found = given(root / "docs", "--input", "x.csv", "--output", str(tmp_path / "y.csv"), "--model", "../models/other")
    assert found == {"model": root / "models/other", "input": root / "docs/x.csv", "output": tmp_path / "y.csv"}
    found = given(root / "docs", "--input", "../x.csv", "--output", "y.csv", "--model", "../models/other")
    assert found == {"model": root / "models/other", "input": root / "x.csv", "output": root / "docs/y.csv"}
    found = given(tmp_path, "--input", "x.csv", "--output", "y.csv", "--model", str(root / "models/other"))
    assert found == {"model": root / "models/other", "input": tmp_path / "x.csv", "output": tmp_path / "y.csv"}


@pytest.mark.parametrize("path", ["reports/evaluation/scoreboard.md", "params.yaml", "dvc.lock"])
def test_a_folder_in_the_place_of_a_file_is_one_line(root: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    (root / path).unlink()
    (root / path).mkdir()
    for words in (["show"], ["check"], ["profile", "tiny"], ["trace", "models/minilm"]):
        ran, _ = run(capsys, *words)
        assert ran.status == 0 or ran.is_one_line, ran.err


USAGES = [
    [],
    ["nothing"],
    ["trace"],
    ["trace", "nowhere"],
    ["trace", "../outside"],
    ["trace", "models/minilm", "--jsn"],
    ["compare"],
    ["compare", "nothing"],
    ["compare", "minilm", "minlm"],
    ["compare", "minilm", "minilm", "--model", "minilm"],
    ["compare", "minilm", "tfidf", "--subset", "train"],
    ["compare", "minilm", "tfidf", "--fail-if-worse", "macro_f1"],
    ["compare", "minilm", "tfidf", "--texts", "x"],
    ["track", "x"],
    ["profile"],
    ["profile", "tinny"],
    ["check", "x"],
    ["model"],
    ["model", "add", "x"],
    ["model", "add", "a b", "--like", "minilm"],
    ["model", "add", "x", "--like", "bert"],
    ["model", "add", "x", "--like", "minilm", "-S", "seed"],
    ["model", "add", "x", "--like", "minilm", "-S", "seed=-1"],
    ["model", "remove", "bert"],
    ["show", "x"],
    ["ui", "--port", "x"],
    ["ui", "--port", "70000"],
    ["ui", "x"],
    ["predict", "\udce9"],
    ["predict", "--jsn"],
]


def test_wrong_usage_is_answered_before_anything_heavy_is_imported(root: Path) -> None:
    script = """
import json, sys
from complaints import cli
heavy, usages = json.loads(sys.argv[1])
for words in usages:
    sys.argv = ["complaints", *words]
    try:
        cli.main()
    except SystemExit as ended:
        assert ended.code in (1, 2), words
    else:
        raise AssertionError(words)
    loaded = [name for name in heavy if name in sys.modules]
    assert not loaded, (words, loaded)
"""
    given = json.dumps([HEAVY, USAGES])
    done = subprocess.run(
        [sys.executable, "-c", script, given], env=mini_pipeline.environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["trace", ""],
        ["trace", " "],
        ["trace", "models/minilm", "--rev", ""],
        ["trace", "models/minilm", "--repo", ""],
        ["verify", "--rev", ""],
        ["verify", "--remote", ""],
        ["seen", ""],
        ["seen", "--text", ""],
        ["seen", "--file", ""],
        ["rows", ""],
        ["rows", "models/minilm", "--output", ""],
        ["diff-data", ""],
        ["forget", ""],
        ["forget", "7", "", "--unseen"],
        ["forget", "--certificate", ""],
        ["reproduce", ""],
        ["card", "", "--output", "x"],
        ["card", "minilm", "--output", ""],
        ["sign", "", "--key", "x"],
        ["compare", ""],
        ["profile", ""],
    ],
)
def test_an_empty_argument_is_not_taken_for_one_that_was_left_out(
    words: list[str], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_in(root)
    ran, _ = run(capsys, *words)
    if ran.status == 2:  # argparse has a list of choices
        assert words[0] == "profile"
    else:
        assert ran.is_one_line, ran.err
        assert "an argument is empty" in ran.err
    assert files_in(root) == before
