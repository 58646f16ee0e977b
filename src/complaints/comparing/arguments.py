"""Arguments of the command `complaints compare`, parsed without anything that takes time to import."""

import argparse
from typing import Any

from complaints import console


def _compare(arguments: argparse.Namespace) -> int:
    from complaints.comparing import command

    return command.run(arguments)


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    compare = commands.add_parser(
        "compare",
        help="compare two systems: what changed, by how much, on which classes, and whether it is more than noise",
        description="A side is one or more systems, separated by commas: [REVISION:]ROW, where ROW is a row of the "
        "scoreboard such as minilm-adjusted, and REVISION a git revision, tag, branch, DVC experiment or `workspace`. "
        "Several systems are seeds of one recipe. Revisions alone compare every row that they have in common.",
    )
    compare.add_argument("a", metavar="A", help="side to start from, such as main or main:minilm")
    compare.add_argument("b", metavar="B", nargs="?", default="workspace", help="other side (default: the workspace)")
    compare.add_argument("--model", action="append", default=[], metavar="ROW", help="row to compare at revisions")
    compare.add_argument(
        "--subset",
        choices=("test", "validation", "test_never_seen", "validation_never_seen"),
        default="test",
        help="rows to compare on; never seen: without a near duplicate in train (default: test)",
    )
    compare.add_argument(
        "--common-rows", action="store_true", help="leave out rows and classes that one side lacks, and say how many"
    )
    compare.add_argument(
        "--fail-if-worse",
        action="append",
        default=[],
        metavar="METRIC=MARGIN",
        help="exit with status 1 if B is really worse by more than the margin: if the 95%% interval excludes less",
    )
    compare.add_argument(
        "--strict",
        action="store_true",
        help="let --fail-if-worse fail unless the interval excludes more than the margin",
    )
    compare.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="form of the report")
    compare.add_argument(
        "--texts",
        type=int,
        nargs="?",
        const=5,
        default=0,
        metavar="N",
        help="show the texts of the first N complaints fixed and broken (default: 5)",
    )
    compare.add_argument("--ids", type=console.user_path, metavar="FILE", help="CSV of all complaints fixed and broken")
    compare.add_argument(
        "--resamples", type=int, default=10_000, metavar="N", help="resamples of the bootstrap (default: %(default)s)"
    )
    compare.set_defaults(run=_compare)
