"""Arguments of the command `complaints package`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console
from complaints.predicting.arguments import model_argument
from complaints.promoting.arguments import alias_name, registry_name


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the subcommands of the command line, and return its own parser."""
    package: argparse.ArgumentParser = commands.add_parser(
        "package", help="write a model as an MLflow pyfunc that needs nothing of this project"
    )
    package.add_argument(
        "model",
        type=model_argument,
        metavar="MODEL",
        help="row of the scoreboard or a checkpoint's folder, as --model of `complaints predict`",
    )
    package.add_argument("--output", type=console.user_path, metavar="FOLDER", help="folder to make")
    package.add_argument(
        "--register",
        type=registry_name,
        metavar="NAME",
        help="log the package to MLflow, as the next version of the registered model NAME",
    )
    package.add_argument(
        "--alias",
        type=alias_name,
        help="name the version by an alias, such as champion, that names no other version yet",
    )
    package.add_argument(
        "--abstain-below",
        metavar="P",
        help="default of the package's parameter abstain_below, as for `complaints serve`",
    )
    return package
