"""Arguments of the command `complaints score`, parsed without anything that takes time to import."""

import argparse
import re
from typing import Any

from complaints import console
from complaints.predicting.arguments import PRECISIONS, model_argument

SHARD_ROWS = 10_000
"""Default rows of a shard, the most that a batch of `complaints predict` has."""
MAX_CHARACTERS = 2**20


def _count(argument: str) -> int:
    if not (argument.isdecimal() and 0 < int(argument[:12]) <= 10**9):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a whole number from 1")
    return int(argument)


def _share(argument: str) -> tuple[int, int]:
    """Return the number of a share, from 1, and the number of shares."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", argument)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{argument!r} is not I/N with I from 1 to N")
    return int(match[1]), int(match[2])


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the subcommands of the command line, and return its parser; the caller sets what it runs."""
    score: argparse.ArgumentParser = commands.add_parser(
        "score",
        help="label files that do not fit in memory, in several processes or on a Ray cluster",
        description="Labels every row of INPUT into Parquet parts in the folder OUTPUT. Run the same command again "
        "after any interruption: it goes on where it was, and the output has the same bytes. "
        "`complaints verify --scored OUTPUT` checks the result.",
    )
    score.add_argument("input", type=console.user_path, help="file, folder or glob of CSV, Parquet or JSON-lines files")
    score.add_argument("output", type=console.user_path, help="folder for the parts, the rejects and the manifest")
    score.add_argument(
        "--model",
        type=model_argument,
        help="row of the scoreboard or folder, as for `complaints predict` (default: the first int8 model of "
        "models/compressed, else the default of `complaints predict`)",
    )
    score.add_argument("--text-column", help="column of the texts (default: as for `complaints predict`)")
    score.add_argument("--id-column", help="column to copy to row_id (default: the number of the row in its file)")
    score.add_argument("--encoding", default="utf-8", help="encoding of CSV and JSON-lines files (default: utf-8)")
    score.add_argument("--precision", choices=PRECISIONS, default="auto", help="as for `complaints predict`")
    score.add_argument("--abstain-below", metavar="P", help="as for `complaints predict`: adds the column unsure")
    score.add_argument("--workers", type=_count, metavar="N", help="processes or actors of Ray (default: one per core)")
    score.add_argument(
        "--shard-rows", type=_count, default=SHARD_ROWS, metavar="N", help="most rows of a shard (default: %(default)s)"
    )
    score.add_argument(
        "--max-characters",
        type=_count,
        default=MAX_CHARACTERS,
        metavar="N",
        help="longer texts are set aside (default: %(default)s)",
    )
    score.add_argument(
        "--shard",
        type=_share,
        metavar="I/N",
        help="score the I-th of N shares alone, for array jobs; the same command without --shard finishes",
    )
    score.add_argument("--plan-only", action="store_true", help="write the plan of the shards, and stop")
    score.add_argument("--ray", action="store_true", help="compute with Ray Data, by default on this machine")
    score.add_argument("--address", metavar="ADDRESS", help="address of a Ray cluster, such as auto; implies --ray")
    return score
