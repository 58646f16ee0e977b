"""Arguments of `complaints rows`, `seen` and `diff-data`, parsed without anything that takes time to import."""

import argparse
import re
from pathlib import Path
from typing import Any

from complaints import console


def _seen(arguments: argparse.Namespace) -> int:
    from complaints.row_history import commands

    return commands.seen(arguments)


def _rows(arguments: argparse.Namespace) -> int:
    from complaints.row_history import commands

    return commands.rows(arguments)


def _diff_data(arguments: argparse.Namespace) -> int:
    from complaints.row_history import commands

    return commands.diff_data(arguments)


def _checkpoint(argument: str) -> str:
    """Return an md5, or its first digits, as it is, and the path of a folder relative to the root of the project."""
    is_md5 = re.fullmatch(r"[0-9a-f]{8,32}(\.dir)?", argument.lower()) and not Path(argument).exists()
    return argument.lower() if is_md5 else str(console.user_path(argument))


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


def _add_rows(commands: Any) -> None:
    rows = commands.add_parser(
        "rows",
        help="count or write the exact rows that a checkpoint was trained on",
        description="The checkpoint is recognised by the hash of its bytes, wherever it lies. The rows are those of "
        "train, as far as train_fraction took them, and of validation, which chose the epoch.",
    )
    rows.add_argument(
        "checkpoint", type=_checkpoint, metavar="CHECKPOINT", help="folder, such as models/minilm or a copy, or an md5"
    )
    rows.add_argument("--rev", metavar="REV", help="revision, tag, branch or experiment whose dvc.lock has the path")
    rows.add_argument("--output", type=console.user_path, metavar="FILE.parquet", help="file to write the rows to")
    _add_remote(rows)
    rows.set_defaults(run=_rows)


def _add_diff_data(commands: Any) -> None:
    diff = commands.add_parser(
        "diff-data",
        help="count the rows added, removed, relabelled, rewritten and moved between two revisions",
        description="Compares raw, labeled and split data by the hashes in dvc.lock; nothing is checked out.",
    )
    diff.add_argument("a", metavar="A", help="revision, tag, branch or experiment to start from")
    diff.add_argument("b", metavar="B", nargs="?", default="workspace", help="other revision (default: the workspace)")
    diff.add_argument("--ids", action="store_true", help="list the ids of the rows too, with both values")
    _add_remote(diff)
    diff.set_defaults(run=_diff_data)


def add(commands: Any) -> None:
    """Add the commands to the subcommands of the command line."""
    for add_command in (_add_rows, _add_seen, _add_diff_data):
        add_command(commands)
