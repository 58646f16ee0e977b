"""Arguments of the command `complaints promote`, parsed without anything that takes time to import."""

import argparse
import re
from typing import Any

CHAMPION = "champion"
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""Names that every part of MLflow takes, for models and for aliases."""
RESERVED = r"latest|v\d+"
"""Aliases that MLflow keeps for itself."""


def registry_name(argument: str) -> str:
    """Return the name of a registered model."""
    if not re.fullmatch(NAME, argument):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a name; take letters, digits, - and _")
    return argument


def alias_name(argument: str) -> str:
    """Return an alias."""
    if re.fullmatch(RESERVED, argument, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{argument!r} is reserved by MLflow; take another alias, such as {CHAMPION}")
    return registry_name(argument)


def _number(argument: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", argument):
        raise argparse.ArgumentTypeError(f"{argument!r} is not the number of a version; take one from 1 up")
    return int(argument)


def _margin(argument: str) -> float:
    try:
        value = float(argument)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a margin; take a number from 0 up, such as 0.01")
    return value


def _promote(arguments: argparse.Namespace) -> int:
    from complaints.promoting import command

    return command.run(arguments)


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    promote = commands.add_parser(
        "promote",
        help="let an alias of a registered model name another version, if that is not worse than the present one",
        description="Both versions label the same held-out rows of this project, and are compared as `complaints "
        "compare A B` does. The alias moves if the 95 % interval of the difference excludes a loss beyond the margin; "
        "else it stays, and the exit status is 1.",
    )
    promote.add_argument("name", type=registry_name, metavar="NAME", help="registered model")
    promote.add_argument("version", type=_number, metavar="VERSION", help="number of the version to promote")
    promote.add_argument("--alias", type=alias_name, default=CHAMPION, help="alias to move (default: %(default)s)")
    promote.add_argument(
        "--metric", default="macro_f1", help="metric of `complaints compare A B` that decides (default: %(default)s)"
    )
    promote.add_argument(
        "--margin",
        type=_margin,
        default=0.0,
        help="loss of the metric that is still allowed, from 0 up (default: %(default)g)",
    )
    promote.add_argument(
        "--subset",
        choices=("validation", "test"),
        default="validation",
        help="rows to compare on (default: %(default)s)",
    )
    promote.set_defaults(run=_promote)
