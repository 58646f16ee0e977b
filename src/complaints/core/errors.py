"""Exception for problems that the user can solve, and the form of text that is printed."""


def printable(text: str) -> str:
    """Return text on one line, with escape codes for characters that do not print.

    These are line ends, terminal escapes, marks that change the direction of writing, and undecodable bytes.
    """
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)


class UserError(Exception):
    """A problem with the user's data, parameters or environment.

    The message is one line: what is wrong, where (file, line or key), and what to do.
    Stages and the command line print it without a traceback and exit with status 1.
    Messages quote names and values from files, so they are stored in their printable form.
    """

    def __init__(self, message: str) -> None:
        """Store the message in its printable form."""
        super().__init__(printable(message))
