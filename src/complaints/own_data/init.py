"""Parameters for a file of the user's own: proposed, described in a report, and written to params.yaml."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_token_counter
from complaints.core import config, paths
from complaints.core.errors import UserError
from complaints.labels.label_map import load_map
from complaints.own_data.columns import Columns, read_columns
from complaints.own_data.form import Form, FormOptions, find_form
from complaints.own_data.report import report_lines
from complaints.own_data.roles import Roles, propose
from complaints.own_data.summary import Summary, measure_lengths, summarise
from complaints.params_document import ParamsDocument
from complaints.sources.params import ColumnParams, FileParams
from complaints.sources.readers.batches import read_batches
from complaints.sources.readers.csv import Dialect
from complaints.sources.readers.lines import shown

OPTIONS = {
    "give it one, or set fetch.file.columns.id to null": "give it one, or add --without id",
    "or set fetch.file.columns.id to null": "or add --without id",
    "set fetch.file.format to csv, parquet or jsonl": "name it with --format",
    "set fetch.file.encoding": "name its encoding with --encoding, such as cp1252",
    "set fetch.file.delimiter": "name it with --delimiter",
    "set fetch.file.quotes to false": "add --no-quotes",
    "fetch.file.encoding": "--encoding",
    "fetch.file.columns.": "--",
    "set fetch.path to the file with the complaints": "name another file",
    "set fetch.path to a readable file": "name a readable file",
    "fetch.path must name a file": "name a file",
}
"""Parts of the readers' messages that name parameters -> the options of the command `init`."""

KNOWN_SHARE = 0.5
"""The label map of params.yaml stays where it knows the labels of at least this share of the rows."""


@dataclass(frozen=True)
class Options:
    """A user's file, and what the user stated about it."""

    path: Path
    """Relative to the project, or absolute outside of it."""
    form: FormOptions = field(default_factory=FormOptions)
    columns: Mapping[str, str] = field(default_factory=dict)
    """Role -> column."""
    without: frozenset[str] = frozenset()
    """Roles that no column has."""


def init(options: Options, dry_run: bool) -> list[str]:
    """Write the parameters for a user's file to params.yaml unless `dry_run`, and return a report, line by line.

    Raises:
        UserError: if the file cannot be read, or is unclear; the message names the options that make it clear.
    """
    document = ParamsDocument()
    before = document.tree()
    options = replace(options, path=_stored_path(options.path))
    try:
        form, roles, file, summary = _read(options)
    except UserError as error:
        raise UserError(_in_options(str(error))) from None
    lengths = measure_lengths(summary.sample, load_token_counter(resolve(before["audit"]["tokenizer"]).folder))
    values = {
        **_source_values(options.path, file),
        "merge_labels.corrections": _corrections(before, options.path),
        "merge_labels.map": _label_map(before["merge_labels"]["map"], summary),
        "merge_labels.only_listed": False,
        "merge_labels.min_count": summary.min_count(),
        "split.method": summary.split_method(),
        "split.expected": None,
        **{f"models.{name}.max_length": lengths.max_length for name in before["models"]},
        **{f"models.{name}.numerics": "fast" for name in before["models"]},
    }
    document.set(values)
    changed = document.changes() if dry_run else document.write()
    report = report_lines(options.path, form, roles, summary, lengths, values)
    return [*report, *_next_steps(values, changed, dry_run)]


def _read(options: Options) -> tuple[Form, Roles, FileParams, Summary]:
    """Return the form of a file, the roles of its columns, the parameters of its reader, and its summary."""
    form, columns = _form_and_columns(options)
    roles = propose(options.path, columns, options.columns, options.without)
    file = form.params(options.path, config.check(ColumnParams, roles.columns))
    return form, roles, file, summarise(read_batches(options.path, file))


def _form_and_columns(options: Options) -> tuple[Form, Columns]:
    form = find_form(options.path, options.form)
    try:
        return form, read_columns(options.path, form)
    except UserError as error:
        if form.dialect.delimiter == "comma" or options.form.quotes is not None:
            raise
        # In many files with tabs, quotes are characters like any other.
        form = replace(form, dialect=Dialect(form.dialect.delimiter, quotes=False))
        try:
            return form, read_columns(options.path, form)
        except UserError:
            raise error from None


def _in_options(message: str) -> str:
    for parameter, option in OPTIONS.items():
        message = message.replace(parameter, option)
    return message


def _stored_path(path: Path) -> Path:
    """Return a path relative to the project, or absolute outside of it, as DVC depends on it."""
    absolute, root = Path(os.path.abspath(path)), Path.cwd()
    return absolute.relative_to(root) if absolute.is_relative_to(root) else absolute


def _source_values(path: Path, file: FileParams) -> dict[str, Any]:
    return {
        "fetch.source": "file",
        "fetch.path": path.as_posix(),
        **{f"fetch.file.{key}": value for key, value in vars(file).items() if key != "columns"},
        **{f"fetch.file.columns.{role}": name for role, name in vars(file.columns).items()},
    }


def _corrections(before: Mapping[str, Any], path: Path) -> str:
    """Return the present corrections if they are of the same file, else none: they name rows by their ids."""
    same = before["fetch"]["path"] == path.as_posix()
    return str(before["merge_labels"]["corrections"] if same else paths.NO_CORRECTIONS)


def _label_map(present: str, summary: Summary) -> str:
    """Return the present label map if it knows the labels, else the map for no map."""
    try:
        label_map = load_map(present)
    except UserError:
        return str(paths.NO_MAP)
    known = set(label_map.classes) | set(label_map.merges)
    rows = sum(count for label, count in summary.labels.items() if label in known)
    return present if rows >= KNOWN_SHARE * max(summary.labels.total(), 1) else str(paths.NO_MAP)


def _next_steps(values: Mapping[str, Any], changed: list[str], dry_run: bool) -> Iterator[str]:
    yield ""
    yield f"{'would change' if dry_run else 'changed'} in params.yaml:{'' if changed else ' nothing'}"
    for key in changed:
        value = values.get(key)
        yield f"  {key}: {shown(value) if isinstance(value, str) else json.dumps(value)}"
    if Path(values["fetch.path"]).is_absolute():
        yield ""
        yield "The file is outside of the project: DVC depends on it by its absolute path, which other machines lack."
    yield ""
    if dry_run:
        yield "Nothing was written (--dry-run)."
    else:
        yield "Next: `make repro`, or `complaints check` and `dvc repro`. `complaints profile sample` undoes this."
