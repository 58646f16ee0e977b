"""The label map, and raw labels turned into the classes of the task."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from complaints.errors import UserError
from complaints.schema import LABELED_SCHEMA

BLANK_TEXT = "blank text"
NO_LABEL = "no label"
BELOW_MIN_COUNT = "class below min_count"


@dataclass(frozen=True)
class LabelMap:
    """The class names a map lists, in its order, and the raw labels it renames, as {from: to}."""

    classes: tuple[str, ...]
    merges: dict[str, str]


@dataclass(frozen=True)
class Merged:
    """What `merge` returns: rows of LABELED_SCHEMA, class names in order of their ids, and reports/labels.json."""

    table: pa.Table
    names: list[str]
    report: dict[str, Any]


def load_map(path: str | Path) -> LabelMap:
    """Read and check a label map; data/label_map.yaml says at its top what one looks like.

    Raises:
        UserError: naming file and line, for a missing or broken file, an unknown or missing key, an empty name or
            reason, a class listed twice, a source given twice, a label mapped to itself, a chain or loop (a target
            that is itself a source), and a target that is not among the classes.
    """
    top = _read(path)
    if not isinstance(top, CommentedMap) or set(top) != {"classes", "merge"}:
        raise UserError(f"{path}: the map must have the two keys classes and merge, each a list, and no others")
    classes: dict[str, int] = {}
    for line, value in _items(path, top, "classes"):
        name = _name(path, line, "a class", value)
        if name in classes:
            raise UserError(f"{path}, line {line}: class {name!r} is listed twice (first on line {classes[name]})")
        classes[name] = line
    merges: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, entry in _items(path, top, "merge"):
        if not isinstance(entry, CommentedMap) or set(entry) != {"from", "to", "reason"}:
            raise UserError(f"{path}, line {line}: an entry must have the keys from, to and reason, and no others")
        source, target = (_name(path, line, key, entry[key]) for key in ("from", "to"))
        _name(path, line, "reason", entry["reason"])
        if source == target:
            raise UserError(f"{path}, line {line}: {source!r} is mapped to itself; remove the entry")
        if source in merges:
            raise UserError(f"{path}, line {line}: {source!r} is mapped twice (first on line {lines[source]})")
        merges[source] = target
        lines[source] = line
    _check_targets(path, classes, merges, lines)
    return LabelMap(tuple(classes), merges)


def _read(path: str | Path) -> Any:
    try:
        # The round-trip loader makes nothing but plain values, as the safe one does, and knows their lines.
        return YAML(typ="rt").load(Path(path))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; set merge_labels.map in params.yaml to the label map") from None
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        where = f"{path}, line {mark.line + 1}" if mark else f"{path}"
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{where}: this is not valid YAML ({problem})") from None


def _items(path: str | Path, top: CommentedMap, key: str) -> list[tuple[int, Any]]:
    items = top[key]
    if not isinstance(items, CommentedSeq):
        raise UserError(f"{path}, line {top.lc.key(key)[0] + 1}: {key} must be a list")
    return [(items.lc.item(index)[0] + 1, item) for index, item in enumerate(items)]


def _name(path: str | Path, line: int, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{path}, line {line}: {key} must be text and not empty, not {value!r}; quote it if it is text")
    return str(value).strip()


def _check_targets(path: str | Path, classes: dict[str, int], merges: dict[str, str], lines: dict[str, int]) -> None:
    for source, target in merges.items():
        where = f"{path}, line {lines[source]}"
        if target in merges:
            if merges[target] == source:
                raise UserError(f"{where}: {source!r} and {target!r} are mapped to each other; remove one entry")
            raise UserError(
                f"{where}: {source!r} is mapped to {target!r}, which line {lines[target]} maps on to "
                f"{merges[target]!r}; name the last one directly"
            )
        if target not in classes:
            raise UserError(f"{where}: {source!r} is mapped to {target!r}, which is not listed under classes")
        if source in classes:
            raise UserError(f"{where}: {source!r} is mapped away but listed under classes on line {classes[source]}")


def merge(raw: pa.Table, label_map: LabelMap, min_count: int) -> Merged:
    """Turn raw labels into class ids, dropping blank texts, missing labels and then classes below `min_count`.

    `raw` has RAW_SCHEMA. White space around a label does not count; nothing else of a label or text is touched. Rows
    keep their order. Class ids follow the code-point order of the class names.

    Raises:
        UserError: if fewer than two classes are left.
    """
    blank = pc.or_(pc.equal(pc.binary_length(raw["text"]), 0), pc.utf8_is_space(raw["text"]))
    trimmed = pc.utf8_trim_whitespace(raw["label"])
    missing = pc.fill_null(pc.equal(trimmed, ""), True)
    usable = pc.and_(pc.invert(blank), pc.invert(missing))
    raw_counts = _counts(trimmed.filter(usable))
    counts: Counter[str] = Counter()
    for label, rows in raw_counts.items():
        counts[label_map.merges.get(label, label)] += rows
    names = sorted(name for name, rows in counts.items() if rows >= min_count)
    dropped = {name: rows for name, rows in counts.items() if rows < min_count}
    left_out = {
        BLANK_TEXT: pc.sum(blank).as_py() or 0,
        NO_LABEL: pc.sum(pc.and_(missing, pc.invert(blank))).as_py() or 0,
        BELOW_MIN_COUNT: sum(dropped.values()),
    }
    if len(names) < 2:
        raise UserError(_nothing_left(raw.num_rows, left_out, counts, min_count))

    # One dictionary look-up per distinct label; the rows go through Arrow.
    raw_names = sorted(raw_counts)
    ids = {name: index for index, name in enumerate(names)}
    id_of_raw = pa.array([ids.get(label_map.merges.get(label, label)) for label in raw_names], pa.int32())
    label_ids = id_of_raw.take(pc.index_in(trimmed, value_set=pa.array(raw_names, pa.string())))
    kept = pc.and_(usable, pc.is_valid(label_ids))
    table = raw.drop_columns("label").append_column("label_id", label_ids)
    table = table.select(LABELED_SCHEMA.names).filter(kept).cast(LABELED_SCHEMA)

    report = {
        "rows_read": raw.num_rows,
        "rows_kept": table.num_rows,
        "rows_dropped": left_out,
        "raw_labels": len(raw_counts),
        "merged_labels": len(counts),
        "classes": len(names),
        # Lists, not mappings: DVC would show every number of a mapping as a metric.
        "class_counts": [{"class": name, "rows": counts[name]} for name in names],
        "classes_dropped": [{"class": name, "rows": dropped[name]} for name in sorted(dropped)],
        "classes_absent": sorted(set(label_map.classes) - set(counts)),
        "not_in_the_list": [
            {"label": name, "rows": counts[name]} for name in sorted(set(counts) - set(label_map.classes))
        ],
        "merges": [
            {"from": source, "to": target, "rows": raw_counts.get(source, 0)}
            for source, target in sorted(label_map.merges.items())
        ],
    }
    return Merged(table, names, report)


def _counts(labels: pa.ChunkedArray) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(labels).to_pylist()}


def _nothing_left(rows: int, left_out: dict[str, int], counts: Counter[str], min_count: int) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
    large = sum(count >= min_count for count in counts.values())
    message = f"of {rows} complaints {large or 'no'} class is left, and at least two are needed (left out: {reasons})"
    if counts and large < len(counts):
        return f"{message}; the largest class has {max(counts.values())}: lower merge_labels.min_count = {min_count}"
    return f"{message}; check which columns fetch.file.columns takes the text and the label from"
