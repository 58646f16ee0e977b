"""Files of row ids that users give to commands: an id a line, as a text file or the single column of a CSV."""

import csv
from pathlib import Path

from complaints.core.errors import UserError
from complaints.core.inputs import check_regular


def _id(line: str, place: str) -> str:
    """Return the id on a line, "" for a blank one; quotation marks of a CSV do not belong to it."""
    try:
        fields = next(csv.reader([line.strip()], strict=True), [])
    except csv.Error as error:
        raise UserError(f"{place} is no id ({error}); give an id a line") from None
    if len(fields) > 1:
        raise UserError(f"{place} has {len(fields)} fields; give an id a line, in quotation marks if it has a comma")
    return "".join(fields).strip()


def read_ids(file: Path) -> list[str]:
    """Return the distinct ids of a file, in its order; a byte order mark and blank lines are passed over.

    Raises:
        UserError: if the file is missing, no regular file, not UTF-8 or without ids, or a line has several fields.
    """
    check_regular(file)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{file} cannot be read ({error.strerror}); name a file of ids, one a line") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not UTF-8 text; name a file of ids, one a line") from None
    ids = [_id(line, f"{file}, line {number},") for number, line in enumerate(text.splitlines(), 1)]
    found = list(dict.fromkeys(row_id for row_id in ids if row_id))
    if not found:
        raise UserError(f"{file} has no ids; put one on each line")
    return found
