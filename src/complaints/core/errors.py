"""Exception for problems that the user can solve."""


class UserError(Exception):
    """A problem with the user's data, parameters or environment.

    The message is one line: what is wrong, where (file, line or key), and what to do.
    Stages and the command line print it without a traceback and exit with status 1.
    Messages quote names and values from files. Characters in them that do not print (line ends, terminal escapes,
    marks that change the direction of writing, undecodable bytes) are replaced by their escape codes.
    """

    def __init__(self, message: str) -> None:
        """Store the message with escape codes for characters that do not print."""
        super().__init__("".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in message))
