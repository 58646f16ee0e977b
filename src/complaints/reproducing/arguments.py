"""Arguments of the command `complaints reproduce`, parsed without anything that takes time to import."""

import argparse
from pathlib import Path
from typing import Any

from complaints import console


def _reproduce(arguments: argparse.Namespace) -> int:
    from complaints.reproducing import command

    return command.run(arguments)


def _target(argument: str) -> tuple[str, Path]:
    """Return the argument, and the path that it is if it names no revision."""
    return argument, console.user_path(argument)


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    reproduce = commands.add_parser(
        "reproduce",
        help="rebuild a commit from its source in a clean copy; exit with status 0 only if every hash is the same",
        description="TARGET is an output such as models/minilm, whose commit is found by its hash; a revision, tag, "
        "branch or DVC experiment, for all stages; or REVISION:PATH, for the stages that made one output of it.",
    )
    reproduce.add_argument("target", type=_target, metavar="TARGET", help="checkpoint, revision or REVISION:PATH")
    reproduce.add_argument(
        "--this-environment",
        action="store_true",
        help="run on the present Python and its packages, and say which pins of the commit differ",
    )
    reproduce.add_argument(
        "--keep",
        type=console.user_path,
        metavar="DIR",
        help="make the copy in DIR and keep it; the same command goes on there after an interruption",
    )
    reproduce.set_defaults(run=_reproduce)
