"""Corrections: reviewed labels that replace those of single complaints, before the label map is applied."""

import csv
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Strict, model_validator

from complaints.core.columns import trimmed_labels
from complaints.core.config import check, line_of, read_yaml
from complaints.core.csv_files import unescape_formula
from complaints.core.errors import UserError
from complaints.core.inputs import check_regular
from complaints.core.section import Section, Text, rule
from complaints.labels.label_map import LabelMap, Name

REQUIRED = ("row_id", "label", "who", "why")
OPTIONAL = ("old",)


class Correction(Section):
    """The right label of a complaint, who decided on it and why, and the label that it must have had."""

    row_id: Text
    label: Name
    who: Text
    why: Text
    old: Name | None = None


class CorrectionList(Section):
    """A list of corrections, one for a complaint."""

    corrections: Annotated[tuple[Correction, ...], Strict(False)]

    @model_validator(mode="after")
    def _rows_are_distinct(self) -> Self:
        first: dict[str, int] = {}
        for index, entry in enumerate(self.corrections):
            if entry.row_id in first:
                key = ("corrections", index, "row_id")
                raise rule(key, f"is {entry.row_id!r}, which corrections[{first[entry.row_id]}] has; remove one entry")
            first[entry.row_id] = index
        return self


@dataclass(frozen=True)
class Corrections:
    """The corrections of a file."""

    path: Path
    entries: tuple[Correction, ...]
    lines: tuple[int, ...] | None
    """The line of each entry of a CSV file; lines of a YAML file are looked up when they are needed."""

    def refused(self, index: int, problem: str) -> UserError:
        """Return the error for an entry, with its line; `problem` begins with what is wrong."""
        line = self.lines[index] if self.lines else line_of(self.path, ("corrections", index))
        return UserError(f"{self.path}, line {line}: {problem}")

    def apply(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches with the columns row_id and label of RAW_SCHEMA, with corrected labels."""
        ids = pa.array([entry.row_id for entry in self.entries], pa.string())
        labels = pa.array([entry.label for entry in self.entries], pa.string())
        for batch in batches:
            column = batch.schema.get_field_index("label")
            found = labels.take(pc.index_in(batch["row_id"], value_set=ids))
            yield batch.set_column(column, batch.schema.field(column), pc.coalesce(found, batch["label"]))


def load_corrections(path: str | Path) -> Corrections:
    """Read a file of corrections; the comments of data/no_corrections.yaml describe both forms.

    Raises:
        UserError: naming file and line, if the file is missing, is neither valid YAML nor, with the suffix .csv, valid
            CSV, lacks something, or has two corrections of one complaint.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file; set merge_labels.corrections in params.yaml to the list of corrections")
    if path.suffix.lower() != ".csv":
        return Corrections(path, check(CorrectionList, read_yaml(path), path).corrections, None)
    rows = list(_csv_rows(path))
    lines = tuple(line for line, _ in rows)
    first: dict[str, int] = {}
    for line, row in rows:
        if row["row_id"] in first:
            raise UserError(
                f"{path}, line {line}: row_id {row['row_id']!r} is also on line {first[row['row_id']]}; remove one"
            )
        first[row["row_id"]] = line
    return Corrections(path, check(CorrectionList, {"corrections": [row for _, row in rows]}, path).corrections, lines)


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the last line of each row and its cells by column; a blank optional cell is None."""
    check_regular(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            _check_header(path, header)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    problem = f"{len(cells)} fields where the header has {len(header)}"
                    raise UserError(f"{path}, line {reader.line_num}: {problem}")
                row = {name: unescape_formula(cell).strip() for name, cell in zip(header, cells, strict=True)}
                if blank := [name for name in REQUIRED if not row[name]]:
                    raise UserError(f"{path}, line {reader.line_num}: {blank[0]} is empty")
                yield reader.line_num, {name: cell for name, cell in row.items() if cell}
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8; save the file as UTF-8") from None
    except csv.Error as error:
        raise UserError(f"{path} is not valid CSV ({error})") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None


def _check_header(path: Path, header: Sequence[str]) -> None:
    known = [*REQUIRED, *OPTIONAL]
    if missing := [name for name in REQUIRED if name not in header]:
        commas = "; separate the columns by commas" if len(header) == 1 and re.search("[;\t|]", header[0]) else ""
        raise UserError(f"{path}, line 1: no column {', '.join(missing)}; the columns are {', '.join(known)}{commas}")
    if unknown := [name for name in header if name not in known]:
        raise UserError(f"{path}, line 1: unknown column {unknown[0]!r}; the columns are {', '.join(known)}")
    if len(set(header)) < len(header):
        raise UserError(f"{path}, line 1: two columns with the same name")


def check_corrections(
    corrections: Corrections, batches: Iterable[pa.RecordBatch], label_map: LabelMap
) -> dict[str, Any]:
    """Check corrections against the complaints, and return their report.

    Args:
        corrections: The corrections.
        batches: The complaints with the columns row_id and label of RAW_SCHEMA, as the source has them.
        label_map: The label map, which is applied after the corrections.

    Returns:
        The number of corrected complaints, and a list of (from, to, number) for the report of labels.

    Raises:
        UserError: if no complaint has a correction's row_id, its label is neither `old` nor of the class `old`, it is
            of the right class already, or the right label is unknown to the complaints and the map.
    """
    current, raw_labels = _current_labels(corrections, batches)
    known = raw_labels | set(label_map.classes) | set(label_map.merges)
    changes: Counter[tuple[str, str]] = Counter()
    for index, entry in enumerate(corrections.entries):
        if entry.row_id not in current:
            raise corrections.refused(index, f"no complaint has the row_id {entry.row_id!r}; remove the correction")
        label = current[entry.row_id]
        own, right = label_map.merges.get(label or "", label), label_map.merges.get(entry.label, entry.label)
        if entry.old is not None and entry.old not in (label, own):
            shown = "no label" if label is None else f"the label {label!r}"
            problem = f"row {entry.row_id!r} has {shown}, not {entry.old!r}; review the correction"
            raise corrections.refused(index, problem)
        if own == right:
            raise corrections.refused(
                index, f"row {entry.row_id!r} is of the class {right!r} already; remove the correction"
            )
        if entry.label not in known:
            close = difflib.get_close_matches(entry.label, sorted(known), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "; correct its spelling, or list it in the label map"
            raise corrections.refused(index, f"no complaint and no class has the label {entry.label!r}{hint}")
        changes[label or "", entry.label] += 1
    return {
        "rows_corrected": changes.total(),
        "corrections": [{"from": old, "to": new, "rows": rows} for (old, new), rows in sorted(changes.items())],
    }


def _current_labels(
    corrections: Corrections, batches: Iterable[pa.RecordBatch]
) -> tuple[dict[str, str | None], set[str]]:
    """Return the present labels of the complaints to correct, and all raw labels."""
    current: dict[str, str | None] = {}
    raw_labels: set[str] = set()
    if not corrections.entries:
        return current, raw_labels
    ids = pa.array([entry.row_id for entry in corrections.entries], pa.string())
    for batch in batches:
        labels = trimmed_labels(batch["label"])
        raw_labels |= set(pc.unique(labels).drop_null().to_pylist())
        wanted = pc.is_in(batch["row_id"], value_set=ids)
        current |= zip(batch["row_id"].filter(wanted).to_pylist(), labels.filter(wanted).to_pylist(), strict=True)
    return current, raw_labels
