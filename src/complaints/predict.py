"""Labels of new texts, predicted by a fine-tuned checkpoint."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import torch
from pydantic import ValidationError

from complaints.backbones.tokens import encode_texts
from complaints.core.errors import UserError
from complaints.core.files import replacing_file
from complaints.engine.inference import infer
from complaints.engine.setup import open_device
from complaints.modeling import classifier
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import read_batches

TOP = 3

OPTIONS = {
    "set fetch.file.columns.id to null": "leave out --id-column",
    "set fetch.file.format to csv, parquet or jsonl": "name it .csv, .parquet or .jsonl",
    "fetch.file.columns.text": "--text-column",
    "fetch.file.columns.id": "--id-column",
    "fetch.file.encoding": "--encoding",
    "fetch.path": "--input",
}
"""Parameters named in the messages of the file readers -> the options of the command `predict`."""


class Predictor:
    """A checkpoint, loaded for prediction."""

    def __init__(self, folder: Path) -> None:
        """Load the checkpoint in `folder`.

        Raises:
            UserError: as `classifier.load` does.
        """
        loaded = classifier.load(folder)
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.labels, self.max_length = loaded.labels, loaded.max_length
        self.accelerator, _ = open_device("fp32")
        self.model.to(self.accelerator.device)

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits, float32 [texts, classes]; blank texts are allowed."""
        rows = encode_texts(self.tokenizer, texts, self.max_length)
        return infer(self.accelerator, self.model, rows, self.tokenizer.pad_token_id, "predict")

    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        """Return the three most probable labels of each text: label, probability, label_2, probability_2, and so on."""
        probabilities = torch.softmax(torch.from_numpy(self.logits(texts)), dim=1)
        values, ids = probabilities.topk(min(TOP, len(self.labels)), dim=1)
        rows = []
        for row_values, row_ids in zip(values.tolist(), ids.tolist(), strict=True):
            row: dict[str, Any] = {}
            for rank, (value, label_id) in enumerate(zip(row_values, row_ids, strict=True), start=1):
                suffix = "" if rank == 1 else f"_{rank}"
                row |= {f"label{suffix}": self.labels[label_id], f"probability{suffix}": round(value, 6)}
            rows.append(row)
        return rows


def _write(path: Path, suffix: str, tables: Iterator[pa.Table]) -> int:
    """Write tables one by one in the format of `suffix`, and return the number of rows."""
    rows = 0
    first = next(tables)
    with replacing_file(path) as temporary, ExitStack() as stack:
        stream = stack.enter_context(open(temporary, "wb"))
        writer: Any = None
        if suffix == ".csv":
            writer = stack.enter_context(pacsv.CSVWriter(stream, first.schema))
        elif suffix == ".parquet":
            writer = stack.enter_context(pq.ParquetWriter(stream, first.schema))
        for table in chain([first], tables):
            rows += table.num_rows
            if writer is not None:
                writer.write_table(table)
            else:
                lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
                stream.write("".join(lines).encode())
    return rows


def _in_options(message: str) -> str:
    """Return a reader's message with the command's options for the pipeline's parameters."""
    for parameter, option in OPTIONS.items():
        message = message.replace(parameter, option)
    return message


def predict_file(
    predictor: Predictor, source: Path, target: Path, columns: dict[str, str | None], encoding: str = "utf-8"
) -> int:
    """Label every row of a CSV, Parquet or JSON-lines file and write row_id, labels and probabilities to another.

    Rows are read and written in batches, so the files may be larger than memory; `target` is replaced atomically.

    Args:
        predictor: The checkpoint.
        source: The file to read.
        target: The file to write; its suffix is its format.
        columns: `text`: column with the text; `id`: column for row_id, or None for row numbers.
        encoding: Encoding of a CSV or JSON-lines file.

    Returns:
        The number of rows.

    Raises:
        UserError: if a file cannot be read or written; the message names file, line or column.
    """
    suffix = target.suffix.lower()
    if suffix not in {".csv", ".parquet", ".jsonl"}:
        raise UserError(f"{target}: name the output .csv, .parquet or .jsonl")
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError(f"{target} is the input, and its texts would be lost; name another file with --output")
    text = str(columns["text"])
    try:
        # The reader needs a label column, but the file has none: the text column is read twice.
        mapping = ColumnParams(text=text, label=text, id=columns["id"], date=None, product=None, split=None)
        file = FileParams(format="auto", encoding=encoding, columns=mapping)
    except ValidationError:
        raise UserError("--text-column, --id-column and --encoding must be text that is not blank") from None
    batches = read_batches(source, file)

    def tables() -> Iterator[pa.Table]:
        for batch in batches:
            rows = predictor.predict(batch["text"].to_pylist())
            yield pa.Table.from_pylist(rows).add_column(0, "row_id", batch["row_id"])

    try:
        return _write(target, suffix, tables())
    except UserError as error:
        raise UserError(_in_options(str(error))) from None
    except OSError as error:
        # The reader raises UserError for problems with `source`, so this one is with `target`.
        raise UserError(f"{target} cannot be written ({error.strerror}); name another with --output") from None
