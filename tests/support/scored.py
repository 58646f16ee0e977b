"""Inputs of `complaints score`, and the command in a process of its own."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from support.paths import SRC

WORDS = ("fee", "loan", "card", "debt", "call", "bank", "report", "late")


def texts(rows: int) -> list[str]:
    """Return different texts of one to twelve words."""
    return [" ".join(WORDS[(row * 7 + place * place) % 8] for place in range(1 + row % 12)) for row in range(rows)]


def write_rows(path: Path, rows: list[str]) -> None:
    """Write texts as a CSV file with ids."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "complaint_text"])
        writer.writerows([f"id{number}", text] for number, text in enumerate(rows))


def start(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    """Start a command of `complaints` in a folder."""
    command = [sys.executable, "-m", "complaints", *map(str, arguments)]
    path = os.pathsep.join(filter(None, [str(SRC), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(folder: Path, *arguments: object) -> tuple[int, str, str]:
    """Run a command of `complaints`, and return its status and what it printed on stdout and stderr."""
    process = start(folder, *arguments)
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a folder by name; temporary ones are among them."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
