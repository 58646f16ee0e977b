"""Frame of every command: the root of the project, text arguments, printed output, and errors of one line."""

import argparse
import contextlib
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from complaints.core.errors import UserError, one_line, printable, say_error

INTERRUPTED = 130
"""Exit status of a command that SIGINT ended, as shells have it."""


EMPTY = "an argument is empty; give it a value or leave it out, and look at the shell's variables in the command"

SPACES = "([\n\xa0\u1680\u2000-\u200a\u202f\u205f\u3000])"
"""Line ends, and the spaces that Python counts among the characters that do not print."""


def _here() -> Path | None:
    """Return the working directory, None if it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def find_root() -> Path | None:
    """Return the nearest folder with a dvc.yaml, from the working directory upwards.

    Raises:
        UserError: if the working directory was removed.
    """
    here = _here()
    if here is None:
        raise UserError("the working directory was removed; change to another one")
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file()), None)


def enter_root(required: bool) -> None:
    """Enter the root of the project.

    Raises:
        UserError: if there is no project here and one is required.
    """
    root = find_root()
    if root is not None:
        os.chdir(root)
    elif required:
        raise UserError(
            f"this is not a project: neither {Path.cwd()} nor a folder above it has a dvc.yaml; change to the folder "
            "of a project"
        )


def user_path(argument: str) -> Path:
    """Return a path argument, which is relative to where the user stands, relative to the root of the project.

    Raises:
        UserError: if it is empty, which would be the working directory.
    """
    if not argument.strip():
        raise UserError(EMPTY)
    root = find_root()
    return Path(argument) if root is None else Path(os.path.relpath(Path.cwd(), root)) / argument


def _decoded(argument: str) -> str:
    """Return a text argument; bytes that the locale's encoding could not decode are read as UTF-8."""
    if not re.search("[\udc80-\udcff]", argument):  # surrogates of undecodable bytes (PEP 383)
        return argument
    encoded = os.fsencode(argument)
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        byte = encoded[error.start]
        raise UserError(
            f"the argument {str(encoded)[1:]} is not UTF-8 (byte 0x{byte:02x}); write it in UTF-8"
        ) from None


def with_text(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments with all text decoded; paths stay, since names of files may have any bytes.

    Raises:
        UserError: if a text is not UTF-8, or is empty and the command has no message of its own for that
            (`checks_empty`): it would be taken for an argument that was left out.
    """
    checks_empty = getattr(arguments, "checks_empty", False)

    def decoded(value: Any) -> Any:
        if isinstance(value, list):
            return [decoded(item) for item in value]
        texts = value if isinstance(value, tuple) else [value]
        if not checks_empty and any(isinstance(text, str) and not text.strip() for text in texts):
            raise UserError(EMPTY)
        return _decoded(value) if isinstance(value, str) else value

    return argparse.Namespace(**{name: decoded(value) for name, value in vars(arguments).items()})


def _shown(text: str, encoding: str) -> str:
    """Return text without characters that could change the terminal or that are outside `encoding`.

    Unlike `printable`, it keeps lines, and spaces of every width: the scoreboard has no-break spaces.
    """
    parts = re.split(SPACES, text)
    shown = "".join(part if re.fullmatch(SPACES, part) else printable(part) for part in parts)
    try:
        shown.encode(encoding)
        return shown
    except UnicodeEncodeError:
        lines = (re.sub(SPACES, " ", line) for line in shown.split("\n"))
        return "\n".join(lines).encode(encoding, "replace").decode(encoding)


def _write(text: str) -> None:
    """Write to standard output, in its encoding.

    A closed pipe is not an error: the reader has all that it wanted.

    Raises:
        UserError: if standard output cannot be written.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(_shown(text, sys.stdout.encoding or "utf-8"))
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise UserError(f"standard output cannot be written ({error.strerror})") from None


def run(command: Callable[[], int]) -> int:
    """Run a command and return its exit status; what it prints is written when it ends.

    So a failing standard output cannot change what the command does, and its status stays the command's own after a
    closed pipe. A UserError or an OSError is one line on stderr and status 1; it names the root to users who stand
    elsewhere, since paths and advice are relative to it.
    """
    said = io.StringIO()
    start = _here()
    status: Any = 1
    try:
        try:
            with contextlib.redirect_stdout(said):
                status = command()
        except SystemExit as ended:  # of argparse
            status = ended.code
        finally:
            _write(said.getvalue())
    except (UserError, OSError, KeyboardInterrupt) as error:
        root = _here()
        say_error(f"error: {one_line(error)}" + (f" (in {root})" if start not in (None, root) else ""))
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return int(status or 0)
