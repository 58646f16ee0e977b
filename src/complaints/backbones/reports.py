"""Errors and reports of the libraries that load models: errors on one line, silence where the checks are ours."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from complaints.backbones.model_files import first_line
from complaints.core.errors import UserError


@contextmanager
def without_reports() -> Iterator[None]:
    """Silence warnings, such as transformers' report on missing tensors, and from now on its progress bars."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def one_line_problems(what: str) -> Iterator[None]:
    """Turn any exception into a UserError: libraries raise exceptions of every type on files that they do not expect.

    Args:
        what: The model or tokenizer with its folder, as the subject of "cannot be loaded".

    Raises:
        UserError: in place of the exception.
    """
    try:
        yield
    except UserError:
        raise
    except BaseException as error:
        # A panic of the tokenizers' Rust code is a BaseException of a type that cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UserError(f"{what} cannot be loaded: {first_line(error)}; take a complete copy of the folder") from None
