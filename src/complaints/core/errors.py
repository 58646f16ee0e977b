"""Exception for problems that the user can solve, and the form in which text is printed."""

import contextlib
import re
import sys
from pathlib import Path


def printable(text: str) -> str:
    """Return text on one line, with escape codes for characters that do not print.

    These are line ends, terminal escapes, marks that change the direction of writing, and undecodable bytes.
    """
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)


def without_credentials(address: str) -> str:
    """Return an address without the user name and the password in it, for messages and for records."""
    return re.sub(r"(?<=://)[^/?#]*@", "", address)


def say_error(line: str) -> None:
    """Print one line on stderr; the caller goes on where stderr is closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(printable(line), file=sys.stderr, flush=True)


def one_line(error: BaseException) -> str:
    """Return the message for an error that the user can solve: a UserError, one of the system, or Ctrl-C."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or "interrupted"


class UserError(Exception):
    """A problem with the user's data, parameters or environment.

    The message is one line: what is wrong, where (file, line or key), and what to do.
    Stages and the command line print it without a traceback and exit with status 1.
    Messages quote names and values from files, so they are stored in their printable form.
    """

    def __init__(self, message: str) -> None:
        """Store the message in its printable form."""
        super().__init__(printable(message))


def broken_output(path: str | Path, problem: str) -> UserError:
    """Return the error for an output of a stage that another stage cannot use.

    `dvc repro` alone does not replace it: DVC takes an output for good that is the same as its copy in the cache, and
    does not hash copies that nobody may write.

    Args:
        path: A file or folder that a stage wrote.
        problem: Continues the sentence that begins with the path.
    """
    return UserError(
        f"{path} {problem}; delete it and run `dvc repro`, and if it comes back like this, run "
        "`chmod -R u+w $(dvc cache dir)` before that: DVC then checks its copies"
    )
