"""The one exception that stands for a mistake the user can mend."""


class UserError(Exception):
    """A problem with the user's data, parameters or environment.

    The message is one line: what is wrong, where (file, line or key), and what to do about it.
    Stages and the command line print it without a traceback and exit with status 1.
    Messages quote names and values that others wrote, so whatever does not print in them (line ends, terminal escapes,
    marks that turn the direction of writing, undecodable bytes) is shown by its code.
    """

    def __init__(self, message: str) -> None:
        """Take a message and make sure that it prints as one line."""
        super().__init__("".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in message))
