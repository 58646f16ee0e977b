"""Score of one shard: its rows read, labelled and written atomically; the same bytes by whatever process."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from complaints.batch_scoring.plan import REJECTS, SCORED, Input, Shard
from complaints.batch_scoring.rows import Block, Columns, read_blocks
from complaints.core.errors import UserError
from complaints.core.files import replacing_file
from complaints.predicting.choice import ModelChoice
from complaints.predicting.labels import label_columns
from complaints.predicting.predictors import Decider, load

MODEL_KEY, DIGEST_KEY = "complaints.model", "complaints.model_sha256"
REJECT_SCHEMA = pa.schema({"file": pa.string(), "row": pa.int64(), "row_id": pa.string(), "reason": pa.string()})


@dataclass(frozen=True)
class Job:
    """All that a worker needs to score any shard."""

    output: Path
    inputs: list[Input]
    columns: Columns
    shard_rows: int
    choice: ModelChoice
    model: str
    """Name of the model."""
    digest: str
    precision: str
    least: float | None
    """Confidence below which a row has no label; None if every row has one."""


class Scorer:
    """A worker: the model, and the input file at the place where the last shard ended."""

    def __init__(self, job: Job) -> None:
        """Take a job; the model is loaded for the first shard."""
        self.job = job
        self._place: tuple[int, int] = (-1, 0)
        self._blocks: Iterator[Block] = iter(())

    @cached_property
    def _model(self) -> Decider:
        return load(self.job.choice, self.job.precision)

    def _block(self, shard: Shard) -> Block:
        """Return the rows of a shard; the reader goes forward only, and is opened again for an earlier one."""
        file, following = self._place
        if file != shard.file or following > shard.index:
            source = self.job.inputs[shard.file]
            self._blocks, following = read_blocks(source.path, self.job.columns, self.job.shard_rows), 0
        block = None
        for _ in range(shard.index - following + 1):
            block = next(self._blocks, None)
        self._place = shard.file, shard.index + 1
        if block is None or (block.start, len(block)) != (shard.start, shard.rows):
            raise UserError(f"{self.job.inputs[shard.file].path} changed while it was scored; use a new output folder")
        return block

    def score(self, shard: Shard) -> int:
        """Score a shard, and return the number of its rows.

        Rejects are written first: the part says that the shard is done.

        Raises:
            UserError: if the input changed, or a file cannot be read or written.
        """
        block = self._block(shard)
        name = self.job.inputs[shard.file].name
        if block.rejected:
            rows, ids, reasons = zip(*block.rejected, strict=True)
            # Without a column of ids the id of a row, good or bad, is its number.
            named = list(map(str, rows)) if self.job.columns.id is None else list(ids)
            columns = [[name] * len(rows), list(rows), named, list(reasons)]
            table = pa.table([pa.array(c, f.type) for c, f in zip(columns, REJECT_SCHEMA, strict=True)], REJECT_SCHEMA)
            _write(self.job.output / REJECTS / shard.part, table)
        _write(self.job.output / SCORED / shard.part, self._labelled(name, block))
        return shard.rows

    def _labelled(self, name: str, block: Block) -> pa.Table:
        decisions = self._model.decide(block.texts)
        labels = label_columns(self._model.labels, decisions, np.zeros(len(block.rows), bool), self.job.least)
        columns = {
            "file": pa.array([name] * len(block.rows), pa.string()),
            "row": pa.array(block.rows, pa.int64()),
            "row_id": pa.array(block.ids, pa.string()),
        }
        columns |= dict(zip(labels.column_names, labels.columns, strict=True))
        return pa.table(columns).replace_schema_metadata({MODEL_KEY: self.job.model, DIGEST_KEY: self.job.digest})


def _write(path: Path, table: pa.Table) -> None:
    try:
        with replacing_file(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{path} cannot be written ({reason}); free some space, and run the same command again"
        ) from None
