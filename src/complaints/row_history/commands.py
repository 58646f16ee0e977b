"""The commands `complaints rows`, `complaints seen` and `complaints diff-data`."""

import argparse
import json
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.parquet import write_parquet
from complaints.lineage.history import WORKSPACE, history, version_at
from complaints.lineage.objects import ROW_INDEX, Objects
from complaints.output_files import check_target
from complaints.row_history import differences, seen_report
from complaints.row_history.index import with_index
from complaints.row_history.rows import SCHEMA, find, md5_of, rows_of, summary
from complaints.row_history.seen import Query, search
from complaints.row_history.seen_report import places_in_words

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
    print(_json(seen_report.as_dict(found)) if arguments.json else seen_report.render(found))
    return 0


def rows(arguments: argparse.Namespace) -> int:
    """Write or count the rows that a checkpoint was trained on.

    Raises:
        UserError: if no version of dvc.lock has the checkpoint, its data is neither in the cache nor on the remote, or
            the file to write would replace another one.
    """
    if arguments.output is not None:
        check_target(arguments.output, "--output", (".parquet",))
    past = history(ROOT)
    version = past.versions[0] if arguments.rev is None else version_at(ROOT, arguments.rev)
    if arguments.rev is None:  # the workspace's, or the newest if dvc.lock was removed
        version = next((v for v in past.versions if WORKSPACE in v.names), version)
    found = find(md5_of(arguments.checkpoint, ROOT, version, is_past=arguments.rev is not None), past)
    found.sort(key=lambda pair: all(v.lock_blob != version.lock_blob for v in pair[1]))
    (checkpoint, versions), *others = found
    table = rows_of(checkpoint, Objects(ROOT, arguments.remote))
    counted = summary(checkpoint, table)
    if arguments.output is not None:
        write_parquet(arguments.output, SCHEMA, [table], {"checkpoint_md5": checkpoint.md5})
    if arguments.json:
        print(_json({**counted, "versions": seen_report.places(versions)}))
        return 0
    print(f"{checkpoint.path} {checkpoint.md5[:12]}  {places_in_words(versions)}")
    for split, part in counted["rows"].items():
        print(f"  {split:<16}{part['rows']:>10,} rows, sha256 of their sorted ids {part['row_ids_sha256'][:12]}")
    if others:
        print(f"The same bytes were made from other data too ({places_in_words(others[0][1])}); --rev chooses.")
    print(f"Wrote {arguments.output}." if arguments.output else "--output FILE.parquet writes the rows.")
    return 0


def diff_data(arguments: argparse.Namespace) -> int:
    """Print the differences between the complaints of two revisions.

    Raises:
        UserError: if a revision has no dvc.lock that can be read.
    """
    before, after = version_at(ROOT, arguments.a).lock, version_at(ROOT, arguments.b).lock
    found = with_index(ROW_INDEX, lambda index: differences.difference(index, ROOT, arguments.remote, before, after))
    names = (arguments.a, arguments.b)
    if arguments.json:
        print(_json({"a": names[0], "b": names[1], **differences.as_dict(found, arguments.ids)}))
    else:
        print(differences.render(found, names, arguments.ids))
    return 0


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
