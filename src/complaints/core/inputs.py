"""Check of the files that stages and commands read."""

import os
import stat
from pathlib import Path

from complaints.core.errors import UserError


def check_regular(path: str | Path) -> None:
    """Raise UserError if something other than a file is at a path: a pipe or a device would be read without end.

    A path at which there is nothing, or a link to nothing, is left to the function that opens it.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path} cannot be read ({reason}); put a readable file there") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise UserError(f"{path} is {kind}; put a file there")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path} cannot be read (Permission denied); put a readable file there")
