"""Arguments of the command `complaints forget`, parsed without anything that takes time to import."""

import argparse
import datetime
from pathlib import Path
from typing import Any

from complaints import console


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the subcommands of the command line."""
    forget: argparse.ArgumentParser = commands.add_parser(
        "forget",
        help="withdraw complaints: leave them out from now on, list what still holds them, purge old objects",
        description="Records salted digests of complaints in data/withdrawn.json, which fetch leaves out, and lists "
        "what still holds them. Then: `dvc repro`, and `complaints forget --purge`. Without ids it lists again.",
    )
    forget.add_argument("ids", metavar="ID", nargs="*", help="row id of a complaint")
    forget.add_argument("--ids-from", type=console.user_path, metavar="FILE", help="text file with an id a line")
    forget.add_argument(
        "--near-duplicates", action="store_true", help="withdraw the near duplicates in data/raw/complaints.parquet too"
    )
    forget.add_argument("--unseen", action="store_true", help="record ids that no data here has")
    forget.add_argument("--purge", action="store_true", help="remove cached objects that only old versions need")
    forget.add_argument("--yes", action="store_true", help="purge without asking")
    forget.add_argument(
        "--remote",
        action="append",
        default=[],
        metavar="NAME",
        help="search a DVC remote too, which downloads what the cache lacks; with --purge remove from it",
    )
    forget.add_argument(
        "--certificate",
        type=console.user_path,
        nargs="?",
        const=Path(f"withdrawal-{datetime.date.today().isoformat()}.md"),
        metavar="FILE",
        help="write a Markdown certificate (default: withdrawal-<date>.md; a purge always writes one)",
    )
    return forget
