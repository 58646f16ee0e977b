"""The commands `complaints rows`, `complaints seen` and `complaints diff-data`."""

import argparse
import json
from pathlib import Path

from complaints.core.errors import UserError
from complaints.lineage.history import history
from complaints.lineage.objects import ROW_INDEX
from complaints.row_history import seen_report
from complaints.row_history.index import with_index
from complaints.row_history.seen import Query, search

ROOT = Path(".")


def _queries(arguments: argparse.Namespace) -> list[Query]:
    """Return the complaints that the arguments name."""
    if arguments.file is not None:
        try:
            lines = arguments.file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise UserError(
                f"{arguments.file} cannot be read ({error.strerror}); name a file of ids, one a line"
            ) from None
        except UnicodeDecodeError:
            raise UserError(f"{arguments.file} is not UTF-8 text; name a file of ids, one a line") from None
        ids = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
        if not ids:
            raise UserError(f"{arguments.file} has no ids; put one on each line")
        return [Query(row_id) for row_id in ids]
    return [Query(arguments.id) if arguments.id is not None else Query(None, arguments.text)]


def seen(arguments: argparse.Namespace) -> int:
    """Print the checkpoints that saw complaints.

    Raises:
        UserError: if the file of ids cannot be read, or data in the cache is damaged.
    """
    queries, past = _queries(arguments), history(ROOT)
    found = with_index(ROW_INDEX, lambda index: search(index, ROOT, arguments.remote, past, queries))
    as_json = json.dumps(seen_report.as_dict(found), indent=2, ensure_ascii=False)
    print(as_json if arguments.json else seen_report.render(found))
    return 0
