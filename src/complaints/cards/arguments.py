"""Arguments of the command `complaints card`, parsed without anything that takes time to import."""

import argparse
import math
from typing import Any

from complaints import console


def _card(arguments: argparse.Namespace) -> int:
    from complaints.cards import command

    return command.run(arguments.model, arguments.output, arguments.watts)


def _watts(argument: str) -> float:
    try:
        value = float(argument)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{argument!r} is not a power; take a number of watts above 0")
    return value


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    card = commands.add_parser("card", help="copy a model with its card, decision rule and lineage, ready for the hub")
    card.add_argument("model", metavar="MODEL", help="tfidf, an entry of `models:` or ensemble")
    card.add_argument("--output", type=console.user_path, required=True, metavar="FOLDER", help="folder to make")
    card.add_argument(
        "--watts", type=_watts, help="mean power of the machine, for an estimate of the training's energy"
    )
    card.set_defaults(run=_card)
