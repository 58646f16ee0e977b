"""Arguments of the command `complaints inspect`, parsed without anything that takes time to import."""

import argparse
from typing import Any


def _inspect(arguments: argparse.Namespace) -> int:
    from complaints.inspecting import command

    return command.run(arguments)


def _rows(argument: str) -> int:
    if not (argument.isdecimal() and int(argument[:9]) > 0):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of rows; take one from 1")
    return int(argument[:9])


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    inspect = commands.add_parser("inspect", help="write a page on the inside of a fine-tuned model")
    inspect.add_argument(
        "entry", nargs="?", metavar="ENTRY", help="entry of `models:` (default: the first that was trained)"
    )
    inspect.add_argument(
        "--train-rows", type=_rows, default=2000, help="training rows at most, for probes (default: %(default)s)"
    )
    inspect.add_argument(
        "--validation-rows", type=_rows, default=1000, help="validation rows at most (default: %(default)s)"
    )
    inspect.set_defaults(run=_inspect)
