"""Arguments of the command `complaints init`, parsed without anything that takes time to import."""

import argparse
import os
from pathlib import Path
from typing import Any

from complaints import console

COLUMNS = {
    "text": "the texts",
    "label": "the labels",
    "id": "unique ids",
    "date": "dates",
    "product": "products, for the hierarchy of classes",
    "split": "the source's own split",
}
"""Roles of the columns of a user's file -> words for the help of `init`."""


def _init(arguments: argparse.Namespace) -> int:
    from complaints.own_data.form import FormOptions
    from complaints.own_data.init import Options, init

    columns = {role: vars(arguments)[role] for role in COLUMNS if vars(arguments)[role] is not None}
    form = FormOptions(arguments.format, arguments.encoding, arguments.delimiter, arguments.quotes)
    options = Options(Path(os.path.abspath(arguments.file)), form, columns, frozenset(arguments.without))
    for line in init(options, arguments.dry_run):
        print(line)
    return 0


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    init = commands.add_parser("init", help="look at a file of yours and write the parameters for it to params.yaml")
    init.add_argument("file", type=console.user_path, help="CSV, TSV, Parquet or JSON-lines file")
    for role, words in COLUMNS.items():
        init.add_argument(f"--{role}", metavar="COLUMN", help=f"column of {words}")
    roles = list(COLUMNS)[2:]
    init.add_argument("--without", action="append", default=[], choices=roles, help="role that no column has")
    init.add_argument("--format", choices=("csv", "parquet", "jsonl"), help="format, if the name does not tell it")
    init.add_argument("--encoding", help="encoding of a CSV or JSON-lines file, such as cp1252")
    init.add_argument("--delimiter", choices=("comma", "tab", "semicolon", "pipe"), help="separator of a CSV file")
    init.add_argument("--quotes", action=argparse.BooleanOptionalAction, help="whether double quotes enclose fields")
    init.add_argument("--dry-run", action="store_true", help="show what was found, and write nothing")
    init.set_defaults(run=_init)
