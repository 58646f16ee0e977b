"""Arguments of `complaints model add` and `complaints model remove`."""

import argparse
from typing import Any


def _add(arguments: argparse.Namespace) -> int:
    from complaints import entries

    entries.add(arguments.name, arguments.like, arguments.set)
    print(f"added models.{arguments.name}; `dvc repro` trains it and adds its row to the scoreboard")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from complaints import entries

    removed = entries.remove(arguments.name)
    print(f"removed models.{arguments.name}; deleted: {', '.join(map(str, removed)) or 'nothing'}")
    return 0


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    model = commands.add_parser("model", help="add or remove an entry of `models:` in params.yaml")
    actions = model.add_subparsers(required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="add an entry, a copy of another with some values changed")
    adding.add_argument("name", help="name of the new entry")
    adding.add_argument("--like", required=True, metavar="ENTRY", help="entry to copy")
    adding.add_argument("-S", "--set", action="append", default=[], metavar="KEY=VALUE", help="value to change")
    adding.set_defaults(run=_add)
    removing = actions.add_parser("remove", help="remove an entry and its files in the workspace")
    removing.add_argument("name", help="name of the entry")
    removing.set_defaults(run=_remove)
