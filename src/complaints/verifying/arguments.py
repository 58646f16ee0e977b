"""Arguments of the command `complaints verify`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console


def _count(argument: str) -> int:
    if not (argument.isdecimal() and int(argument[:12]) > 0):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of rows; take one from 1")
    return int(argument)


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the subcommands of the command line, and return its own parser."""
    verify: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="recompute everything that dvc.lock records, and name each broken link, its effects and its remedy",
        description="Compares every stage of dvc.yaml with dvc.lock: command, code, parameters, inputs, outputs, the "
        "records inside outputs, the rows of predictions and splits, and the installed backbones. The exit status is 0 "
        "only if all of it holds.",
    )
    verify.add_argument("--rev", metavar="REV", help="verify a git revision or DVC experiment, not the workspace")
    verify.add_argument("--cache", action="store_true", help="also hash every object of DVC's cache that is needed")
    verify.add_argument("--remote", metavar="NAME", help="also hash every object that is needed on this DVC remote")
    verify.add_argument(
        "--predict", type=_count, metavar="N", help="also predict N held-out rows of each model again, by its files"
    )
    verify.add_argument(
        "--signatures",
        type=console.user_path,
        metavar="FILE",
        help="also check the signatures of all signed checkpoints with this public key (PEM)",
    )
    verify.add_argument("--json", action="store_true", help="print JSON")
    verify.add_argument(
        "--scored",
        type=console.user_path,
        metavar="FOLDER",
        help="verify the output of `complaints score INPUT OUTPUT` instead of the project",
    )
    return verify
