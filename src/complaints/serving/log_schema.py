"""Columns and folder of the inference log."""

import os
from pathlib import Path

import pyarrow as pa

from complaints.core.errors import UserError

LOG_SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("text_sha256", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("unsure", pa.bool_(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("model_digest", pa.string(), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("characters", pa.int32(), nullable=False),
        pa.field("words", pa.int32(), nullable=False),
        pa.field("unknown_words", pa.int32()),
    ]
)
"""One row per text; `label` is the best one also where the text was left to a person, `latency_ms` its request's."""


def make_folder(folder: Path) -> None:
    """Make the folder of a log, if it is not there.

    Raises:
        UserError: if it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); name another folder with --log") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder} cannot be written; name another folder with --log")
