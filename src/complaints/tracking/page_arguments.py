"""Arguments of the command `complaints ui`."""

import argparse
from pathlib import Path
from typing import Any


def _open(arguments: argparse.Namespace) -> int:
    from complaints.tracking.page import open_page

    return open_page(Path("."), arguments.port)


def _port(argument: str) -> int:
    if not (argument.isdecimal() and 0 < int(argument[:6]) < 2**16):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a port; take one from 1 to 65535")
    return int(argument)


def add(commands: Any) -> None:
    """Add the command to the subcommands of the command line."""
    ui = commands.add_parser("ui", help="serve MLflow's page of the logged runs")
    ui.add_argument("--port", type=_port, default=5000, help="port on this machine (default: %(default)s)")
    ui.set_defaults(run=_open)
