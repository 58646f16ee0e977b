"""File to label: the arguments of `complaints predict --input`, checked before a model is loaded; without torch."""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from complaints.core.errors import UserError
from complaints.output_files import check_target, same_file
from complaints.predicting.output import NEIGHBOURS, PREDICTED, UNSURE, in_format
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import file_format, read_batches
from complaints.sources.readers.chunk import KEPT
from complaints.sources.readers.lines import check_file

SUFFIXES = (".csv", ".parquet", ".jsonl")
TEXT_COLUMN = "complaint_text"
"""Default of --text-column outside a project."""

OPTIONS = {
    "set fetch.file.columns.id to null": "leave out --id-column",
    "set fetch.file.format to csv, parquet or jsonl": "name it .csv, .parquet or .jsonl",
    "fetch.file.columns.kept.": "--keep ",
    "in the kept.": "in the column ",
    "fetch.file.columns.text": "--text-column",
    "fetch.file.columns.id": "--id-column",
    "fetch.file.encoding": "--encoding",
    "set fetch.file.delimiter": "separate them by commas, or by tabs and name it .tsv",
    "if its quotes enclose no fields, set fetch.file.quotes to false": "double each quote inside a quoted field",
    "fetch.path": "--input",
}
"""Parameters named in the messages of the file readers -> the options of the command `predict`."""


@dataclass(frozen=True)
class FileRequest:
    """A file to label."""

    source: Path
    target: Path
    file: FileParams
    kept: tuple[str, ...]
    """Columns of the input that are copied to the output, in this order."""
    least_confidence: float | None = None
    """Confidence below which a row has no label; None if every row has one."""

    @property
    def suffix(self) -> str:
        """Return the format of the output: one of SUFFIXES."""
        return self.target.suffix.lower()

    @property
    def reads_json(self) -> bool:
        """Return whether the input is JSON lines."""
        return file_format(self.source, self.file.format) == "jsonl"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Return the batches of the input; the first is read and checked at once.

        Raises:
            UserError: as the readers do, in terms of the command's options, or if the format of the output cannot
                hold a kept column.
        """
        batches = self._batches()
        first = next(batches)
        for name in () if self.reads_json else self.kept:
            in_format(first[KEPT + name], name, self.suffix)
        return chain([first], batches)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from read_batches(self.source, self.file, self.kept)
        except UserError as error:
            raise UserError(in_options(str(error))) from None


def in_options(message: str) -> str:
    """Return a reader's message with the command's options for the pipeline's parameters."""
    for parameter, option in OPTIONS.items():
        message = message.replace(parameter, option)
    return message


def checked_file(
    arguments: argparse.Namespace, inputs: Iterable[Path], least_confidence: float | None = None
) -> FileRequest:
    """Return the file to label.

    Args:
        arguments: The arguments of the command.
        inputs: Files and folders that the model is read from.
        least_confidence: Confidence below which a row has no label; None if every row has one.

    Raises:
        UserError: naming the option that is missing or wrong.
    """
    if not arguments.output:
        raise UserError("predict: --input needs --output FILE (.csv, .parquet or .jsonl)")
    target, source = arguments.output, arguments.input
    if target.suffix.lower() not in SUFFIXES:
        raise UserError(f"{target}: name the output .csv, .parquet or .jsonl")
    text = TEXT_COLUMN if arguments.text_column is None else arguments.text_column
    try:
        # The reader needs a label column, but the file has none: the text column is read twice.
        columns = ColumnParams(text=text, label=text, id=arguments.id_column, date=None, product=None, split=None)
        encoding = arguments.encoding or "utf-8"
        file = FileParams(format="auto", encoding=encoding, delimiter="auto", quotes=True, columns=columns)
    except ValidationError:
        raise UserError("--text-column, --id-column and --encoding must be text that is not blank") from None
    own = ["row_id", *PREDICTED, *([] if least_confidence is None else [UNSURE])]
    own += [NEIGHBOURS] if arguments.explain else []
    request = FileRequest(source, target, file, _checked_kept(arguments.keep, own), least_confidence)
    try:
        check_file(source)
        file_format(source, file.format)
    except UserError as error:
        raise UserError(in_options(str(error))) from None
    if same_file(target, source):
        raise UserError(f"{target} is the input, and its texts would be lost; name another file with --output")
    check_target(target, "--output", SUFFIXES, inputs)
    return request


def _checked_kept(names: list[str], own: list[str]) -> tuple[str, ...]:
    """Return the names of the kept columns; `own` are those of the output itself."""
    for name, count in Counter(names).items():
        if not name.strip():
            raise UserError("--keep must name a column")
        if count > 1:
            raise UserError(f"--keep {name} is there twice; leave one out")
        if name in own:
            raise UserError(f"--keep {name}: the output has a column of its own with this name; rename the input's")
    return tuple(names)
