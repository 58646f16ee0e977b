"""Arguments of the command `complaints cost`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints.predicting.arguments import PRECISIONS


def _cost(arguments: argparse.Namespace) -> int:
    from complaints.costs import command

    return command.run(arguments)


def _count(argument: str) -> int:
    if not (argument.isdecimal() and int(argument[:9]) > 0):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of texts; take one from 1")
    return int(argument[:9])


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    cost = commands.add_parser("cost", help="measure time, memory and size of models on this machine")
    cost.add_argument(
        "models", nargs="*", metavar="MODEL", help="tfidf or an entry of `models:` (default: all that were trained)"
    )
    cost.add_argument(
        "--texts", type=_count, default=1000, help="texts of the test split to label at once (default: %(default)s)"
    )
    cost.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="precision of checkpoints, as for `complaints predict`"
    )
    cost.add_argument("--json", action="store_true", help="print JSON")
    cost.set_defaults(run=_cost)
