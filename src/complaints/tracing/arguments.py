"""Arguments of the command `complaints trace`, parsed without anything that takes time to import."""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

from complaints import console


class Named(NamedTuple):
    """The target as the user names it."""

    text: str
    path: Path
    """The text as a path, relative to the root of the project."""


def _target(argument: str) -> Named:
    return Named(argument, console.user_path(argument))


def _trace(arguments: argparse.Namespace) -> int:
    from complaints.tracing import command

    return command.run(arguments)


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    trace = commands.add_parser(
        "trace",
        help="show the data, code and parameters that made an output",
        description="TARGET is an output of the pipeline such as models/minilm, a file in one, a copy of one anywhere, "
        "or the first 8 or more digits of its md5 or sha256.",
    )
    trace.add_argument("target", type=_target, metavar="TARGET", help="output, copy of an output, or hash")
    trace.add_argument("--rev", metavar="REV", help="read dvc.lock of a git revision, tag, branch or DVC experiment")
    trace.add_argument("--repo", type=console.user_path, metavar="PATH", help="project to look in (default: here)")
    trace.add_argument("--full", action="store_true", help="show every stage with its dependencies and parameters")
    trace.add_argument("--verify", action="store_true", help="recompute every hash; exit with status 1 if one differs")
    trace.add_argument("--json", action="store_true", help="print an in-toto statement with SLSA provenance")
    trace.set_defaults(run=_trace, anywhere=True)
