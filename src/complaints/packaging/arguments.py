"""Arguments of the command `complaints package`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console
from complaints.predicting.arguments import model_argument


def _package(arguments: argparse.Namespace) -> int:
    from complaints.packaging import command

    return command.run(arguments)


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    package = commands.add_parser(
        "package", help="write a model as an MLflow pyfunc that needs nothing of this project"
    )
    package.add_argument(
        "model",
        type=model_argument,
        metavar="MODEL",
        help="row of the scoreboard or a checkpoint's folder, as --model of `complaints predict`",
    )
    package.add_argument("--output", type=console.user_path, required=True, metavar="FOLDER", help="folder to make")
    package.add_argument(
        "--abstain-below",
        metavar="P",
        help="default of the package's parameter abstain_below, as for `complaints serve`",
    )
    package.set_defaults(run=_package, anywhere=True)
