"""Plain values from YAML, checked into frozen dataclasses by their annotations."""

import dataclasses
import difflib
import math
import types
import typing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError

from complaints.core.errors import UserError

PARAMS_FILE = Path("params.yaml")

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """Bounds of a number, `low` and `high` included; `above` excludes `low` itself."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"more than {self.low:g}" if self.above else f"at least {self.low:g}"
        return f"between {self.low:g} and {self.high:g}" + (f", {self.low:g} excluded" if self.above else "")


@dataclass(frozen=True)
class IsoDay:
    """A day as YYYY-MM-DD; as strings, days have the order that they have in time."""

    def __contains__(self, value: str) -> bool:
        try:
            return date.fromisoformat(value).isoformat() == value
        except ValueError:
            return False

    def __str__(self) -> str:
        return "a day, as 'YYYY-MM-DD'"


Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Day = Annotated[str, IsoDay()]


class PlainConstructor(SafeConstructor):
    """Makes plain values of YAML and refuses dates, as DVC does: in quotes a date is a string."""

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        """Raise ConstructorError, with the line."""
        raise ConstructorError(None, None, f"{node.value} is a date to YAML; put it in quotes", node.start_mark)


PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", PlainConstructor.construct_yaml_timestamp)


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(known)}"


class _Mismatch(ValueError):
    """A value that does not fit; the message begins with its key."""


def build(kind: Any, value: Any, key: str, where: str = "params") -> Any:
    """Return `value` as an instance of `kind`: a dataclass, Annotated[value, bounds], Literal, X | None, tuple or dict.

    Raises:
        UserError: naming `where` the value stands and `key`, or the first key below it that is unknown, missing, of the
            wrong type or out of range.
    """
    try:
        return _build(kind, value, key)
    except _Mismatch as error:
        raise UserError(f"{where}: {error}") from None


def _build(kind: Any, value: Any, key: str) -> Any:
    if typing.get_origin(kind) is Annotated:
        base, bounds = typing.get_args(kind)
        value = _build(base, value, key)
        if value not in bounds:
            raise _Mismatch(f"{key} is {value!r}; it must be {bounds}")
        return value
    if dataclasses.is_dataclass(kind):
        return _build_section(typing.cast(type, kind), value, key)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments:
            raise _Mismatch(f"{key} is {value!r}; it must be one of {', '.join(map(str, arguments))}")
        return value
    if origin in (types.UnionType, typing.Union):  # Annotated[...] | None is the latter
        return None if value is None else _build(arguments[0], value, key)
    if origin is tuple:
        if not isinstance(value, list) or not value:
            raise _Mismatch(f"{key} is {value!r}; it must be a list with at least one entry")
        return tuple(_build(arguments[0], item, f"{key}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict) or not value:
            raise _Mismatch(f"{key} must hold at least one named entry")
        return {str(name): _build(arguments[1], item, f"{key}.{name}") for name, item in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _Mismatch(f"{key} is {value!r}; it must be of type {kind.__name__}")
    if kind is float and not math.isfinite(value):
        raise _Mismatch(f"{key} is {value!r}; it must be finite")
    if kind is str and not value.strip():
        raise _Mismatch(f"{key} is empty")
    return value


def _build_section(kind: type, value: Any, key: str) -> Any:
    if not isinstance(value, dict):
        raise _Mismatch(f"{key or 'the file'} must be a mapping of keys to values, not {value!r}")
    kinds = typing.get_type_hints(kind, include_extras=True)
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in kinds:
            raise _Mismatch(f"unknown key {prefix}{name}{_suggest(str(name), list(kinds))}")
    for name in kinds:
        if name not in value:
            raise _Mismatch(f"{prefix}{name} is missing")
    return kind(**{name: _build(kinds[name], value[name], f"{prefix}{name}") for name in kinds})


def read_yaml(path: str | Path) -> Any:
    """Read YAML 1.2 (where 5e-5 is a number) into plain dicts and lists.

    Raises:
        UserError: if the file is missing or not valid YAML, naming file and line.
    """
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = PlainConstructor
        return yaml.load(Path(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this at the root of the project") from None
    except (MarkedYAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UserError(f"{path}{line}: {problem}") from None


def section_of(tree: Any, name: str) -> Any:
    """Return the section `name` of params.yaml as plain values.

    Raises:
        UserError: if it is missing.
    """
    if not isinstance(tree, dict) or name not in tree:
        raise UserError(f"params: {name} is missing")
    return tree[name]


def load(section: str, kind: type[T]) -> T:
    """Return one section of params.yaml in the working directory, checked; the other sections are not looked at.

    Raises:
        UserError: naming the first key that is unknown, missing, of the wrong type or impossible.
    """
    checked: T = build(kind, section_of(read_yaml(PARAMS_FILE), section), section)
    return checked


def load_entry(name: str, kind: type[T]) -> T:
    """Return the part of the entry `name` of `models:` that `kind` has fields for, checked.

    Raises:
        UserError: if there is no such entry, or as `load` does.
    """
    models = section_of(read_yaml(PARAMS_FILE), "models")
    if name not in models:
        raise UserError(f"params: models.{name} is missing; there are {', '.join(models)}")
    entry, fields = models[name], {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    part = {key: value for key, value in entry.items() if key in fields} if isinstance(entry, dict) else entry
    checked: T = build(kind, part, f"models.{name}")
    return checked


def model_names() -> list[str]:
    """Return the names of the entries of `models:`, in their order."""
    return [str(name) for name in section_of(read_yaml(PARAMS_FILE), "models")]
