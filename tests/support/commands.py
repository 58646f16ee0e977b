"""Folder with the files that the commands read, and the commands in this process."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from complaints import cli
from support.paths import ROOT

LOCK = """\
schema: '2.0'
stages:
  fetch:
    cmd: python stages/fetch.py
    deps:
    - path: params.yaml
      hash: md5
      md5: 0123456789abcdef0123456789abcdef
      size: 5
    params:
      params.yaml:
        split.seed: 13
    outs:
    - path: data/raw/source.json
      hash: md5
      md5: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      size: 1
  finetune@minilm:
    cmd: python stages/finetune.py minilm
    deps:
    - path: data/raw/source.json
      hash: md5
      md5: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      size: 1
    outs:
    - path: models/minilm
      hash: md5
      md5: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.dir
      size: 7
"""

MARKERS = "<<<<<<< HEAD\n{0}=======\n{0}>>>>>>> other\n"
"""A file with the conflict of an unfinished merge."""

COMMANDS = {
    "predict": ["predict", "I was charged twice"],
    "trace": ["trace", "models/minilm"],
    "trace --json": ["trace", "models/minilm", "--json"],
    "trace --verify": ["trace", "models/minilm", "--verify"],
    "forget": ["forget", "7", "--unseen"],
    "seen": ["seen", "1928838"],
    "diff-data": ["diff-data", "workspace"],
    "verify": ["verify"],
    "track": ["track"],
    "profile": ["profile", "tiny"],
    "profile --flags": ["profile", "tiny", "--flags"],
    "check": ["check"],
    "init": ["init", "models/mine.csv"],
    "check --write-schema": ["check", "--write-schema"],
    "model add": ["model", "add", "second", "--like", "minilm", "-S", "seed=14"],
    "model remove": ["model", "remove", "other"],
    "show": ["show"],
    "ui": ["ui"],
}
"""Each command, with arguments for the root of the folder that `make_project` makes."""


def make_project(root: Path) -> Path:
    """Make a project without results except a scoreboard, and return its root."""
    for folder in ("data/sources/synthetic", "docs", "models", "profiles", "reports/evaluation"):
        (root / folder).mkdir(parents=True)
    patterns = ("dvc.yaml", "data/no_*", "data/*.yaml", "profiles/*.yaml")
    for file in (file for pattern in patterns for file in ROOT.glob(pattern)):
        (root / file.relative_to(ROOT)).write_text(file.read_text())
    text = (ROOT / "params.yaml").read_text()
    first, last = text.index("  minilm:\n"), text.index("\n# Labels of the nearest training texts")
    other = text[first:last].replace("  minilm:", "  other:").replace("pretrained/minilm", "pretrained/other")
    (root / "params.yaml").write_text(text[:last] + other + text[last:])
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (root / "dvc.lock").write_text(LOCK)
    rows = "".join(f"text number {i} of the file,{i % 3}\n" for i in range(30))
    (root / "models/mine.csv").write_text(f"text,label\n{rows}")
    (root / "reports/evaluation/scoreboard.md").write_text("| minilm | 0.615\xa0±\xa00.012 |\n", encoding="utf-8")
    return root


@dataclass(frozen=True)
class Ran:
    """A command that has ended in this process."""

    status: int
    err: str

    @property
    def is_one_line(self) -> bool:
        """Whether the command failed with exactly one line on stderr."""
        return self.status == 1 and self.err.startswith("error: ") and self.err.count("\n") == 1


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Ran, str]:
    """Run a command and return how it ended, and its standard output."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["complaints", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    said = capsys.readouterr()
    return Ran(int(str(ended.value.code)), said.err), said.out


@contextlib.contextmanager
def stdout_to(target: str, encoding: str = "utf-8") -> Iterator[None]:
    """Replace standard output by `closed pipe` or by a file."""
    if target == "closed pipe":
        reading, descriptor = os.pipe()
        os.close(reading)
    else:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT)
    stream = os.fdopen(descriptor, "w", encoding=encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        yield
        stream.close()  # fails where Python's flush at exit would


def files_in(folder: Path) -> dict[Path, bytes]:
    """Return the files in a folder by path, without those of DVC and the working files in scratch."""
    left_out = {".dvc", "scratch"}
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not left_out & {*path.parts}}
