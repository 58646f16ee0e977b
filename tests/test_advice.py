"""Commands that messages name exist, take the arguments that they are named with, and help."""

import argparse
import ast
import contextlib
import io
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from support import mini_pipeline
from support.commands import MARKERS
from support.paths import ROOT

from complaints.backbones.published import INSTALL_ARCHIVES
from complaints.cli import _parser
from complaints.core.dvc_lock import read_lock
from complaints.core.errors import UserError, broken_output
from complaints.core.files import read_json

TOOLS = ("chmod", "complaints", "dvc", "git", "make", "mlflow", "pip", "python", "rm")
QUOTED = re.compile(r"`([^`]+)`")
LISTED = re.compile(r"^  ((?:complaints|dvc|make) [\w/ -]+?)  ")
"""A command in a list with explanations, as `complaints show` prints one."""
WHOLE = re.compile(r"^pip install .+")
"""A command that is a constant of its own, which several messages name."""


def texts(file: Path) -> Iterator[str]:
    """Yield the strings of a module except docstrings; `X` stands for values that are filled in."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | parts:
            yield node.value


FILES = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]
COMMANDS = sorted(
    {
        command
        for file in FILES
        for text in texts(file)
        for command in QUOTED.findall(text) + LISTED.findall(text) + WHOLE.findall(text)
        if command.split()[:1] and command.split()[0] in TOOLS
    }
)


def parses(parser: argparse.ArgumentParser, arguments: list[str]) -> bool:
    """Return whether a parser takes these arguments."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            parser.parse_args(arguments)
        except (SystemExit, DvcParserError):
            return False
    return True


def exists(tool: str, *arguments: str) -> bool:
    """Return whether a command exists and, for the tools of the project, takes these arguments."""
    if tool == "complaints":
        return parses(_parser(), list(arguments))
    if tool == "dvc":
        return parses(get_main_parser(), list(arguments))
    if tool == "make":
        return set(arguments) <= set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    if tool == "git":
        listed = subprocess.run(["git", "--list-cmds=main"], capture_output=True, text=True, check=True).stdout
        return arguments[0] in listed.split()
    if tool == "pip":
        files = [name for option, name in itertools.pairwise(arguments) if option in ("-r", "-c")]
        return arguments[0] == "install" and all((ROOT / name).is_file() for name in files)
    return shutil.which(tool) is not None


def test_the_commands_of_messages_are_found() -> None:
    assert {"complaints track", "dvc repro", "git checkout --ours X", "make ui", INSTALL_ARCHIVES} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_message_exists(command: str) -> None:
    assert exists(*shlex.split(command))


@pytest.mark.parametrize("tool", ["complaints", "dvc", "git", "make", "pip"])
def test_a_command_that_does_not_exist_is_noticed(tool: str) -> None:
    assert not exists(tool, "nothing")


def advised(error: UserError) -> list[str]:
    return QUOTED.findall(str(error))


def run(command: str, root: Path) -> str:
    """Run a command of a message in a shell, as a user would, and return its output."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = mini_pipeline.environment(PATH=path)
    done = subprocess.run(command, shell=True, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_advice_on_a_broken_output_whose_cached_copy_is_broken_too_mends_both(mini: Path) -> None:
    output = mini / "models/a/training.json"
    good = output.read_bytes()
    cached = next(
        path for path in (mini / ".dvc/cache/files").rglob("*") if path.is_file() and path.read_bytes() == good
    )
    cached.chmod(0o644)
    cached.write_text("{")
    cached.chmod(0o444)
    shutil.rmtree(output.parent)
    run("dvc repro", mini)
    with pytest.raises(UserError) as error:
        read_json(output)
    repro, check = advised(error.value)
    assert repro == "dvc repro"
    run(repro, mini)
    assert output.read_text() == "{", "DVC trusts copies now that nobody may write: simplify the advice"
    output.unlink()
    run(check, mini)
    run(repro, mini)
    assert (output.read_bytes(), cached.read_bytes()) == (good, good)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["empty", "half", "markers"])
def test_advice_on_a_broken_dvc_lock_restores_it_from_the_cache(mini: Path, state: str) -> None:
    lock = mini / "dvc.lock"
    good = lock.read_text()
    content = {"empty": "", "half": good[: good.index("size:")] + "siz", "markers": MARKERS.format(good)}[state]
    lock.write_text(content)
    with pytest.raises(UserError, match="git checkout --ours dvc.lock" if state == "markers" else r"`rm dvc\.lock`"):
        read_lock(lock)
    lock.unlink()
    said = run("dvc repro", mini)
    assert sorted(lock.read_text().splitlines()) == sorted(good.splitlines())
    # DVC's cache has no outputs with `cache: false`, so their stages may run.
    assert set(re.findall(r"Running stage '([^']+)'", said)) <= {"fetch", "evaluate"}


def test_advice_on_a_broken_output_names_the_file_first() -> None:
    assert str(broken_output("a.json", "is empty")).startswith("a.json is empty; delete it and run `dvc repro`")
