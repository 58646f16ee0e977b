"""Arguments of the command `complaints inspect`, parsed without anything that takes time to import."""

import argparse
from typing import Any

NETWORK_TEXTS, TFIDF_TEXTS = 200, 1000
"""Texts that are explained by default: integrated gradients take as long as dozens of predictions."""


def _inspect(arguments: argparse.Namespace) -> int:
    from complaints.inspecting import command

    return command.run(arguments)


def _rows(argument: str) -> int:
    if not (argument.isdecimal() and int(argument[:9]) > 0):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of rows; take one from 1")
    return int(argument[:9])


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    inspect = commands.add_parser("inspect", help="write a page on the inside of a model and on its reasons")
    inspect.add_argument(
        "model", nargs="?", metavar="MODEL", help="entry of `models:`, or tfidf (default: the first entry trained)"
    )
    inspect.add_argument(
        "--train-rows", type=_rows, default=2000, help="training rows at most, for probes (default: %(default)s)"
    )
    inspect.add_argument(
        "--validation-rows", type=_rows, default=1000, help="validation rows at most (default: %(default)s)"
    )
    inspect.add_argument(
        "--texts",
        type=_rows,
        help=f"complaints of validation to explain at most (default: {NETWORK_TEXTS}; tfidf: {TFIDF_TEXTS})",
    )
    inspect.add_argument(
        "--row",
        action="append",
        default=[],
        metavar="ROW_ID",
        help="complaint of validation to show word by word; may be repeated (default: the most confident errors)",
    )
    inspect.set_defaults(run=_inspect)
