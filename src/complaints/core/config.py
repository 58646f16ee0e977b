"""YAML files of the project, read into frozen pydantic models: strict types, no unknown key, errors with file and line.

A stage loads its own section of params.yaml with `load`, or its part of a model's entry with `load_entry`; the other
keys are not looked at, so that they cannot make it stale. complaints/params.py knows the whole file.
"""

import difflib
import json
import re
import reprlib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import SequenceNode

from complaints.core.errors import UserError
from complaints.core.inputs import check_regular
from complaints.core.section import Section
from complaints.core.yaml_text import parse_yaml

PARAMS_FILE = Path("params.yaml")

ENTRY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
"""Names of entries of `models:`: they become parts of paths, of DVC's stage names and of shell commands."""
ENTRY_NAME_RULE = "begin with a letter and continue with at most 99 letters, digits, '_' and '-'"

_VALUES = reprlib.Repr()
"""Writes wrong values in messages; a value may be nested deep, or expand to gigabytes through aliases."""
_VALUES.maxlevel = 2
_VALUES.maxstring = _VALUES.maxother = _VALUES.maxlong = 80


S = TypeVar("S", bound=Section)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file into plain dicts and lists.

    Raises:
        UserError: if the file is missing, is not a regular file, cannot be read or is not valid YAML, naming the line.
    """
    check_regular(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path} is missing; restore it, for example with `git checkout {path}`") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None
    return parse_yaml(text, path)


def check(kind: type[S], tree: Any, path: str | Path = PARAMS_FILE, prefix: tuple[str, ...] = ()) -> S:
    """Return plain values as an instance of `kind`.

    Args:
        kind: The model to check against.
        tree: Plain dicts and lists, as from `read_yaml`.
        path: The file that they come from, named in errors; its lines are looked up there.
        prefix: Keys that lead to `tree` in the file.

    Raises:
        UserError: naming file, line and the first key that is unknown (with the nearest known one), all keys of a
            mapping that are missing, or the first value of the wrong type or out of range with what is allowed.
    """
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise UserError(_message(kind, error.errors(include_url=False), path, prefix)) from None


def load(section: str, kind: type[S]) -> S:
    """Return one section of params.yaml in the working directory.

    Raises:
        UserError: as `check` does, or if the section is missing.
    """
    return check(kind, _section(section), prefix=(section,))


def load_entry(name: str, kind: type[S]) -> S:
    """Return the part of the entry `name` of `models:` that `kind` has fields for.

    Raises:
        UserError: as `check` does, or if the entry is missing or its name is not allowed.
    """
    if not ENTRY_NAME.fullmatch(name):
        raise UserError(f"{PARAMS_FILE}: the name models.{name} must {ENTRY_NAME_RULE}")
    entries = models()
    if name not in entries:
        raise UserError(f"{PARAMS_FILE}: models.{name} is missing; there are {', '.join(map(str, entries))}")
    return check(kind, part(kind, entries[name]), prefix=("models", name))


def model_names() -> list[str]:
    """Return the names of the entries of `models:`, in their order."""
    return [str(name) for name in models()]


def models() -> dict[str, Any]:
    """Return the entries of `models:` by name, as plain values.

    Raises:
        UserError: if params.yaml cannot be read or has no such mapping.
    """
    entries = _section("models")
    if not isinstance(entries, dict):
        raise UserError(f"{PARAMS_FILE}: models must be a mapping of names to entries, not {entries!r}")
    return entries


def _section(name: str) -> Any:
    tree = read_yaml(PARAMS_FILE)
    if not isinstance(tree, dict) or name not in tree:
        raise UserError(f"{PARAMS_FILE}: {name} is missing")
    return tree[name]


def part(kind: type[Section], tree: Any) -> Any:
    """Return `tree` without the keys that `kind` has no field for, and likewise its mappings of partial kinds.

    The other mappings belong to the stage alone: a key that is unknown there stays, for `check` to refuse.
    """
    if not isinstance(tree, dict):
        return tree
    fields = {key: kind.model_fields[key].annotation for key in tree if key in kind.model_fields}
    return {key: part(inner, tree[key]) if _is_partial(inner) else tree[key] for key, inner in fields.items()}


def _is_partial(kind: Any) -> TypeGuard[type[Section]]:
    return isinstance(kind, type) and issubclass(kind, Section) and vars(kind).get("partial", False)


def _message(kind: type[Section], errors: list[ErrorDetails], path: str | Path, prefix: tuple[str, ...]) -> str:
    """Return one line on the errors: the first unknown key, else the missing keys, else the first wrong value."""
    unknown = [error for error in errors if error["type"] == "extra_forbidden"]
    missing = [error for error in errors if error["type"] == "missing"]
    first = (unknown or missing or errors)[0]
    # pydantic ends the location of a wrong key, as opposed to a wrong value, with "[key]".
    location = (*prefix, *(step for step in first["loc"] if step != "[key]"))
    value = _VALUES.repr(first["input"])
    if unknown:
        known = _known_keys(kind, first["loc"][:-1])
        problem = f"unknown key {_dotted(location)}{_nearest(str(location[-1]), known)}"
    elif missing:
        mapping = first["loc"][:-1]
        names = [str(error["loc"][-1]) for error in missing if error["loc"][:-1] == mapping]
        location = location[:-1]
        problem = f"{_dotted(location) or 'the file'} lacks {', '.join(names)}"
    elif first["type"] == "rule":
        location = (*location, *first["ctx"]["key"])
        problem = f"{_dotted(location)} {first['msg']}"
    elif first["type"] in ("model_type", "dict_type") and not location and first["input"] is None:
        problem = "the file is empty; it must be a mapping of keys to values"
    elif first["type"] in ("model_type", "dict_type"):
        problem = f"{_dotted(location) or 'the file'} must be a mapping of keys to values, not {value}"
    elif first["type"] == "string_pattern_mismatch":
        problem = f"{_dotted(location)} is empty"
    else:
        problem = f"{_dotted(location)} is {value}; it must{_requirement(first['msg'])}"
        if first["type"] == "string_type" and isinstance(first["input"], int | float):
            problem += f", so put it in quotes: '{first['input']}'"
    line = line_of(path, location)
    return f"{path}{f', line {line}' if line else ''}: {problem}"


def _requirement(message: str) -> str:
    """Return pydantic's "Input should be a valid integer" as the end of a sentence: " be a valid integer"."""
    return message.partition(" should")[2].replace("tuple", "list") or f" be {message}"


def _dotted(location: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(known)}"


def _known_keys(kind: Any, location: Sequence[str | int]) -> list[str]:
    """Return the keys that are allowed where `location` leads to from a mapping of type `kind`."""
    for step in location:
        models = list(_sections_in(kind))
        field = next((model.model_fields[str(step)] for model in models if step in model.model_fields), None)
        kind = field.annotation if field else kind
    return [field.alias or name for model in _sections_in(kind) for name, field in model.model_fields.items()]


def _sections_in(kind: Any) -> Iterator[type[Section]]:
    """Yield the models that a type is or holds."""
    if isinstance(kind, type) and issubclass(kind, Section):
        yield kind
    else:
        for argument in typing.get_args(kind):
            yield from _sections_in(argument)


def line_of(path: str | Path, location: Sequence[str | int]) -> int | None:
    """Return the line, from 1, of the deepest key or item of `location` that a YAML file has; None without the file."""
    try:
        node = YAML(typ="rt").compose(Path(path))
    except (OSError, YAMLError, UnicodeDecodeError, RecursionError):
        return None
    line = None
    for step in location:
        children: Sequence[Any] = node.value if node is not None and not isinstance(node.value, str) else ()
        if isinstance(node, SequenceNode):
            found: Sequence[Any] = [(item, item) for item in children[step : step + 1]] if isinstance(step, int) else ()
        else:
            found = [(key, value) for key, value in children if key.value == str(step)]
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line


def schema(kind: type[Section]) -> str:
    """Return the JSON schema of a file, for editors that complete and check YAML."""
    return json.dumps(kind.model_json_schema(), indent=2) + "\n"


def changed(params: S, changes: Mapping[str, Any]) -> S:
    """Return a copy with some keys changed, checked like the file itself.

    Args:
        params: The content of the file.
        changes: New values by dotted key, such as `finetune.optimizer.learning_rate`.

    Raises:
        UserError: as `check` does.
    """
    tree = params.model_dump()
    for key, value in changes.items():
        *sections, last = key.split(".")
        node = tree
        for step in (*sections, last):
            if not isinstance(node, dict) or step not in node:
                raise UserError(f"unknown key {key}{_nearest(step, list(node) if isinstance(node, dict) else [])}")
            parent, node = node, node[step]
        parent[last] = value
    return check(type(params), tree)
