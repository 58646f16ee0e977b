"""Labels of every row of a file."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from complaints.core.columns import blank_texts
from complaints.core.errors import UserError
from complaints.predicting.labels import label_columns
from complaints.predicting.output import NEIGHBOURS, UNSURE, from_json, in_format, write_tables
from complaints.predicting.predictors import Decider, Done, ignore
from complaints.predicting.request import FileRequest
from complaints.sources.readers.chunk import KEPT

SHOWN_BLANKS = 5


@dataclass
class Labelled:
    """The rows of a labelled file."""

    rows: int = 0
    blank: int = 0
    """Rows whose text is blank; they have no label."""
    first_blank: list[int] = field(default_factory=list)
    """Row numbers of the first of them, from 1."""
    unsure: int = 0
    """Rows whose label is left to a person."""

    @property
    def blank_note(self) -> str:
        """Return the number of blank texts and the first of their rows, as a sentence."""
        shown = ", ".join(map(str, self.first_blank)) + (", ..." if self.blank > len(self.first_blank) else "")
        one = "text is blank and has no label: row" if self.blank == 1 else "texts are blank and have no label: rows"
        return f"{self.blank} of {self.rows} {one} {shown}"

    def add(self, blank: np.ndarray) -> None:
        """Count the rows of a batch; `blank`, bool [rows], is whether a text is blank."""
        found = np.flatnonzero(blank)
        self.first_blank += (found[: SHOWN_BLANKS - len(self.first_blank)] + self.rows + 1).tolist()
        self.blank += len(found)
        self.rows += len(blank)


Neighbours = Callable[[list[str]], list[Any]]
"""The nearest training complaints of texts, as JSON values."""


def label_file(
    model: Decider,
    request: FileRequest,
    batches: Iterator[pa.RecordBatch],
    done: Done = ignore,
    neighbours: Neighbours | None = None,
) -> Labelled:
    """Label every row of a file and write row_id, the kept columns, labels and probabilities to another.

    Rows are read, labelled and written in batches, so the files may be larger than memory; the output is replaced
    atomically.

    Args:
        model: The model.
        request: The files and columns.
        batches: The rows, from `request.batches()`.
        done: Called with the number of rows that were labelled since its last call.
        neighbours: The explanation of --explain; None for none.

    Raises:
        UserError: if a file cannot be read or written; the message names file, line or column.
    """
    labelled = Labelled()
    json_columns = frozenset(request.kept if request.reads_json and request.suffix == ".jsonl" else ())
    json_columns |= {NEIGHBOURS} if neighbours else set()

    def tables() -> Iterator[pa.Table]:
        for batch in batches:
            blank = blank_texts(batch["text"]).to_numpy(zero_copy_only=False)
            done(int(blank.sum()))
            labelled.add(blank)
            texts = batch["text"].filter(pa.array(~blank)).to_pylist()
            decisions = model.decide(texts, done)
            columns = {"row_id": batch["row_id"]} | {name: _kept(batch, name, request) for name in request.kept}
            predicted = label_columns(model.labels, decisions, blank, request.least_confidence)
            if UNSURE in predicted.column_names:
                labelled.unsure += pc.sum(predicted[UNSURE]).as_py() or 0
            columns |= dict(zip(predicted.column_names, predicted.columns, strict=True))
            if neighbours:
                columns[NEIGHBOURS] = _explained(blank, neighbours(texts))
            yield pa.table(columns)

    try:
        write_tables(request.target, request.suffix, tables(), json_columns)
    except OSError as error:
        # The readers raise UserError for problems with the input, so this one is with the output.
        reason = error.strerror or error
        raise UserError(f"{request.target} cannot be written ({reason}); name another with --output") from None
    return labelled


def _explained(blank: np.ndarray, found: list[Any]) -> pa.Array:
    """Return the neighbours of each row as JSON, null where the text is blank."""
    each = iter(found)
    return pa.array([None if is_blank else json.dumps(next(each), ensure_ascii=False) for is_blank in blank])


def _kept(batch: pa.RecordBatch, name: str, request: FileRequest) -> pa.Array:
    """Return a kept column of a batch, as the output holds it."""
    values = batch[KEPT + name]
    if request.reads_json:
        return values if request.suffix == ".jsonl" else from_json(values)
    return in_format(values, name, request.suffix)
