"""Reader of inference logs: one row per distinct text, by the model that answered last."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from complaints.core.errors import UserError
from complaints.core.inputs import check_regular
from complaints.serving.log_schema import LOG_SCHEMA

COLUMNS = [
    "time",
    "text_sha256",
    "label",
    "probability",
    "model",
    "model_digest",
    "characters",
    "words",
    "unknown_words",
]
HASH_DIGITS = 16
"""Digits of a hash that tell texts apart: 64 bits."""


@dataclass(frozen=True)
class LoggedRows:
    """The distinct texts that one model answered."""

    model: str
    digest: str
    rows: int
    """Rows of the log in all."""
    repeated: int
    """Rows of this model whose text it had answered before."""
    of_others: int
    """Rows of other models."""
    first: str
    last: str
    labels: Counter[str]
    confidence: np.ndarray
    characters: np.ndarray
    words: np.ndarray
    unknown_share: np.ndarray
    """Of the texts with words and a known vocabulary."""


def log_files(path: Path) -> list[Path]:
    """Return the Parquet files of a log.

    Raises:
        UserError: if there is none.
    """
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            raise UserError(f"{path} has no file of a log; name the folder of `complaints serve --log FOLDER`")
        return files
    if not path.exists():
        raise UserError(f"{path} does not exist; name the folder of `complaints serve --log FOLDER`, or a file in it")
    check_regular(path)
    return [path]


def _read(file: Path) -> pa.Table:
    try:
        stored = pq.ParquetFile(file)
        if absent := [name for name in COLUMNS if name not in stored.schema_arrow.names]:
            raise ValueError(f"it has no column {', '.join(absent)}")
        return stored.read(columns=COLUMNS).cast(pa.schema([LOG_SCHEMA.field(name) for name in COLUMNS]))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{file} is not a file of an inference log ({reason}); remove it, or name another") from None


def read_log(path: Path) -> LoggedRows:
    """Return the rows of a log, its files one after the other.

    Raises:
        UserError: if a file is not part of a log, or there are no rows.
    """
    files = log_files(path)
    tables = [_read(file) for file in files]
    last = max(
        (table for table in tables if table.num_rows), key=lambda table: pc.max(table["time"]).as_py(), default=None
    )
    if last is None:
        raise UserError(f"{path} has no rows; send texts to the server first")
    place = int(np.argmax(last["time"].to_numpy()))
    digest, model = last["model_digest"][place].as_py(), last["model"][place].as_py()
    everything = pa.concat_tables(tables)
    own = everything.filter(pc.equal(everything["model_digest"], digest)).sort_by("time")
    keys = pc.utf8_slice_codeunits(own["text_sha256"], 0, HASH_DIGITS).to_numpy(zero_copy_only=False)
    _, firsts = np.unique(keys.astype(str), return_index=True)
    kept = own.take(pa.array(np.sort(firsts)))
    words = kept["words"].to_numpy().astype(np.float64)
    unknown = kept["unknown_words"].to_numpy(zero_copy_only=False).astype(np.float64)
    known = np.isfinite(unknown) & (words > 0)
    times = pc.min_max(own["time"]).as_py()
    return LoggedRows(
        model,
        digest,
        everything.num_rows,
        own.num_rows - kept.num_rows,
        everything.num_rows - own.num_rows,
        f"{times['min']:%Y-%m-%d %H:%M}",
        f"{times['max']:%Y-%m-%d %H:%M}",
        Counter(kept["label"].to_pylist()),
        kept["probability"].to_numpy(),
        kept["characters"].to_numpy().astype(np.float64),
        words,
        unknown[known] / words[known],
    )
