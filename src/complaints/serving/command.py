"""Command `complaints serve`; imports that take long come after the checks of the arguments."""

import argparse
import contextlib
import os
import resource
import signal
from importlib.util import find_spec

from complaints.core.errors import UserError, say_error
from complaints.output_files import check_folder
from complaints.predicting.choice import choose
from complaints.serving.choosing import default_model, threshold
from complaints.serving.log_schema import make_folder
from complaints.serving.settings import TOKEN_VARIABLE, Limits, Settings

OPEN_FILES = 16_384
PACKAGES = ("fastapi", "uvicorn", "prometheus_client")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings of a command line.

    Raises:
        UserError: if the token is blank or not ASCII.
    """
    token = os.environ.get(TOKEN_VARIABLE)
    if token is not None and (not token.strip() or not token.isascii() or token != token.strip()):
        raise UserError(f"{TOKEN_VARIABLE} is blank, or has characters other than ASCII; set another, or unset it")
    texts = min(arguments.max_texts, arguments.queue)
    return Settings(
        model=arguments.model,
        precision=arguments.precision,
        abstain_below=arguments.abstain_below,
        host=arguments.host,
        port=arguments.port,
        queue_texts=arguments.queue,
        limits=Limits(texts, arguments.max_bytes, arguments.max_file_bytes, arguments.timeout),
        log=arguments.log,
        token=token,
    )


def _raise_file_limit() -> None:
    """Allow as many connections as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run(arguments: argparse.Namespace) -> int:
    """Run the command until a signal ends it.

    Raises:
        UserError: naming the argument or the file of the model that is missing or wrong.
    """
    settings = settings_of(arguments)
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise UserError(
            f"{missing[0]} is not installed; run `pip install -r requirements-serve.txt -c constraints.txt`"
        )
    if not settings.is_local and settings.token is None:
        say_error(f"note: {settings.host} is open to others, and no {TOKEN_VARIABLE} is set: all may ask")
    if settings.log is not None:
        check_folder(settings.log, "--log")
    threshold(settings.abstain_below, choose(settings.model or default_model()))
    if settings.log is not None:
        make_folder(settings.log)
    _raise_file_limit()

    from complaints.serving.server import listen, serve

    bound = listen(settings)

    from complaints.serving.served import load_served
    from complaints.serving.service import Service

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the server takes it; it would end the process
    try:
        serve(Service(settings, load_served(settings)), bound)
    finally:
        signal.signal(signal.SIGHUP, before)
    return 0
