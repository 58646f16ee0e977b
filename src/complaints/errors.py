"""The one exception that stands for a mistake the user can mend."""


class UserError(Exception):
    """A problem with the user's data, parameters or environment.

    The message is one line: what is wrong, where (file, line or key), and what to do about it.
    Stages and the command line print it without a traceback and exit with status 1.
    """
