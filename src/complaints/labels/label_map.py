"""The label map: which raw labels are one class, for which reason and on what evidence."""

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from complaints.core.errors import UserError
from complaints.text.label_names import normalize_label_names

ENTRY_KEYS = ("from", "to", "reason")
"""What an entry must have; `evidence` may follow."""

DAYS = ("from_first_seen", "from_last_seen", "to_first_seen", "to_last_seen")
ROWS = ("from_rows", "to_rows")
SHARES = ("name_similarity", "text_similarity", "date_overlap", "product_overlap")
EVIDENCE_KEYS = DAYS + ROWS + SHARES
"""What an entry's evidence may hold: days as YYYY-MM-DD, numbers of complaints, and shares between 0 and 1."""


@dataclass(frozen=True)
class LabelMap:
    """The class names a map lists, in its order, the raw labels it renames, as {from: to}, and evidence by from.

    `products` renames products likewise; it decides which products count as one in data/interim/hierarchy.json.
    """

    classes: tuple[str, ...]
    merges: dict[str, str]
    evidence: dict[str, dict[str, str | int | float]] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)


def load_map(path: str | Path) -> LabelMap:
    """Read and check a label map; data/label_map.yaml says at its top what one looks like.

    Raises:
        UserError: naming file and line, for a missing or broken file, an unknown or missing key, an empty name or
            reason, evidence that EVIDENCE_KEYS does not allow, a class listed twice, a source given twice, a label
            mapped to itself, a chain or loop (a target that is itself a source), a target that is no class, and a
            product that is renamed to one that is renamed itself.
    """
    top = _read(path)
    if not isinstance(top, CommentedMap) or set(top) - {"products"} != {"classes", "merge"}:
        raise UserError(
            f"{path}: the map must have the two keys classes and merge, each a list, may have products, and no other"
        )
    classes: dict[str, int] = {}
    for line, value in _items(path, top, "classes"):
        name = _name(path, line, "a class", value)
        if name in classes:
            raise UserError(f"{path}, line {line}: class {name!r} is listed twice (first on line {classes[name]})")
        classes[name] = line
    merges: dict[str, str] = {}
    evidence: dict[str, dict[str, str | int | float]] = {}
    lines: dict[str, int] = {}
    for line, entry in _items(path, top, "merge"):
        if not isinstance(entry, CommentedMap) or set(entry) - {"evidence"} != set(ENTRY_KEYS):
            raise UserError(
                f"{path}, line {line}: an entry must have the keys from, to and reason, may have evidence, and no other"
            )
        source, target = (_name(path, line, key, entry[key]) for key in ("from", "to"))
        _name(path, line, "reason", entry["reason"])
        if source == target:
            raise UserError(f"{path}, line {line}: {source!r} is mapped to itself; remove the entry")
        if source in merges:
            raise UserError(f"{path}, line {line}: {source!r} is mapped twice (first on line {lines[source]})")
        merges[source] = target
        lines[source] = line
        if "evidence" in entry:
            evidence[source] = _evidence(path, entry.lc.key("evidence")[0] + 1, entry["evidence"])
    _check_targets(path, classes, merges, lines)
    return LabelMap(tuple(classes), merges, evidence, _products(path, top) if "products" in top else {})


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
    # Spelt as fetch spells the labels, or an entry with an invisible difference would match none.
    name = normalize_label_names(pa.array([value]))[0].as_py() if isinstance(value, str) else None
    if not name:
        raise UserError(f"{path}, line {line}: {key} must be text and not empty, not {value!r}; quote it if it is text")
    return name


def _evidence(path: str | Path, line: int, value: Any) -> dict[str, str | int | float]:
    if not isinstance(value, CommentedMap) or not value:
        raise UserError(f"{path}, line {line}: evidence must have one or more of the keys {', '.join(EVIDENCE_KEYS)}")
    evidence: dict[str, str | int | float] = {}
    for key, item in value.items():
        where = f"{path}, line {value.lc.key(key)[0] + 1}: evidence"
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if key not in EVIDENCE_KEYS:
            raise UserError(f"{where} has the unknown key {key!r}; it may have {', '.join(EVIDENCE_KEYS)}")
        if key in DAYS:
            if not _is_day(item):
                raise UserError(f'{where} {key} must be a day in quotes, "YYYY-MM-DD", not {item!s}')
            evidence[key] = str(item)
        elif key in ROWS:
            if not number or not isinstance(item, int) or item < 0:
                raise UserError(f"{where} {key} must be a number of complaints, not {item!r}")
            evidence[key] = int(item)
        else:
            if not number or not 0 <= item <= 1:
                raise UserError(f"{where} {key} must be a number between 0 and 1, not {item!r}")
            evidence[key] = float(item)
    return evidence


def _products(path: str | Path, top: CommentedMap) -> dict[str, str]:
    names = top["products"]
    if not isinstance(names, CommentedMap):
        raise UserError(f"{path}, line {top.lc.key('products')[0] + 1}: products must be keys with values, old: new")
    products = {}
    for name, target in names.items():
        line = names.lc.key(name)[0] + 1
        products[_name(path, line, "a product", name)] = _name(path, line, "a product", target)
        if target in names:
            raise UserError(f"{path}, line {line}: {name!r} is renamed to {target!r}, which is renamed itself")
    return products


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


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
