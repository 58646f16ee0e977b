"""Arguments of `complaints rows`, `seen` and `diff-data`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console


def _seen(arguments: argparse.Namespace) -> int:
    from complaints.row_history import commands

    return commands.seen(arguments)


def _add_remote(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remote", metavar="NAME", help="remote of DVC that has old data (default: the default remote)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_seen(commands: Any) -> None:
    seen = commands.add_parser(
        "seen",
        help="list the checkpoints that had a complaint, or a near duplicate, in training, validation or test",
        description="Looks in every version of dvc.lock: those of all branches, tags, experiments and their commits, "
        "and the workspace's. Old data is read by hash from DVC's cache or the remote.",
    )
    asked = seen.add_mutually_exclusive_group(required=True)
    asked.add_argument("id", nargs="?", metavar="ID", help="id of a complaint, its row_id")
    asked.add_argument("--text", help="text of a complaint")
    asked.add_argument("--file", type=console.user_path, metavar="FILE", help="file of ids, one a line")
    _add_remote(seen)
    seen.set_defaults(run=_seen)


def add(commands: Any) -> None:
    """Add the commands to the subcommands of the command line."""
    _add_seen(commands)
