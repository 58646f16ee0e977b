"""Profiles: overlays on params.yaml that change a few values."""

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from complaints import params
from complaints.core import config
from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.errors import UserError
from complaints.params_document import ParamsDocument, flatten
from complaints.scoring.rungs import remove_outputs
from complaints.sources.readers.lines import shown

FOLDER = Path("profiles")
BASE = "sample"
"""The default profile; it has every key that another profile changes, and so undoes it."""
VALUE_MAPPINGS = frozenset({"split.expected"})
"""Keys whose mapping is one value, set and unset as one."""
LIKE = "like"
"""Key of a profile's model entry: the entry of params.yaml whose other keys it copies."""


def _is_model(key: str) -> bool:
    return re.fullmatch(r"models\.[^.]+", key) is not None


def _file(name: str) -> Path:
    return FOLDER / f"{name}.yaml"


def _wrong(path: Path, location: Sequence[Any], problem: str) -> UserError:
    """Return the error for a key of a profile, with its line."""
    line = config.line_of(path, location)
    return UserError(f"{path}{f', line {line}' if line else ''}: {problem}")


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return the note on a name that is not known: the nearest known one, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"it has {', '.join(names) or 'no other'}"


def _check_keys(path: Path, tree: dict[Any, Any], above: tuple[str, ...] = ()) -> None:
    """Raise UserError if a key of a profile is not a text without dots, or a section changes nothing."""
    for key, value in tree.items():
        location = (*above, key)
        if not isinstance(key, str) or "." in key:
            raise _wrong(path, location, f"the key {shown(key)} must be text without dots; nest the keys")
        if ".".join(location) in VALUE_MAPPINGS or not isinstance(value, dict):
            continue
        if not value:
            raise _wrong(path, location, f"{'.'.join(location)} is empty, which changes nothing; give it keys")
        _check_keys(path, value, location)


def _check_models(path: Path, models: Any) -> None:
    """Raise UserError unless the entries of a profile have names, and are mappings, or null to remove one."""
    if not isinstance(models, dict):
        raise _wrong(path, ("models",), f"models must be a mapping of names to entries, not {shown(models)}")
    for name, entry in models.items():
        location = ("models", name)
        problem = params.name_problem(name) if isinstance(name, str) else config.ENTRY_NAME_RULE
        if problem:
            raise _wrong(path, location, f"{shown(name)} is no name of a model; it must {problem}")
        if entry is None:
            continue
        if not isinstance(entry, dict):
            rule = "must be a mapping of keys to values, or null to remove the entry"
            raise _wrong(path, location, f"models.{name} {rule}, not {shown(entry)}")
        like = entry.get(LIKE, "")
        if not isinstance(like, str) or like == name:
            raise _wrong(path, (*location, LIKE), f"models.{name}.like is {shown(like)}; name another entry to copy")


def read(name: str) -> dict[str, Any]:
    """Return profiles/<name>.yaml as {dotted key: value}; `models.<entry>: null` means an entry to remove.

    Raises:
        UserError: if it is missing or not valid YAML, or has a key or an entry that no profile may have.
    """
    known = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the profiles are {', '.join(known)}"
        raise UserError(f"no profile {name!r} in {FOLDER}/; {hint}")
    path = _file(name)
    tree = read_yaml(path)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path} must be a mapping of keys to values, as {PARAMS_FILE} is, not {shown(tree)}")
    if "models" in tree:
        _check_models(path, tree["models"])
    _check_keys(path, tree)
    return flatten(tree, VALUE_MAPPINGS)


def _split(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[str]]:
    """Return the values of existing keys, the values of each entry with `like` by key, and the entries to remove."""
    likes = {
        key.split(".")[1]: {LIKE: value} for key, value in values.items() if re.fullmatch(r"models\.[^.]+\.like", key)
    }
    removed = [key.split(".")[1] for key, value in values.items() if _is_model(key)]
    plain = {}
    for key, value in values.items():
        entry = key.split(".")[1] if key.startswith("models.") else None
        if _is_model(key) or (entry in removed and entry not in likes):
            continue
        if entry in likes:
            likes[entry][key.split(".", 2)[2]] = value
        else:
            plain[key] = value
    return plain, likes, [entry for entry in removed if entry not in likes]


def _check_sections(path: Path, tree: dict[str, Any], key: str) -> None:
    """Raise UserError if params.yaml, given as plain values, lacks a section or an entry that a profile's key names."""
    *sections, _ = key.split(".")
    node: Any = tree
    for depth, section in enumerate(sections):
        if not isinstance(node, dict) or not isinstance(node.get(section), dict):
            location = sections[: depth + 1]
            known = [name for name, value in node.items() if isinstance(value, dict)] if isinstance(node, dict) else []
            is_entry = depth == 1 and sections[0] == "models"
            new = f"; a new entry begins with `{LIKE}: ENTRY`" if is_entry else ""
            missing = f"{PARAMS_FILE} has no {'' if is_entry else 'section '}{'.'.join(location)}"
            raise _wrong(path, location, f"{missing} ({_nearest(section, known)}){new}")
        node = node[section]


def _lay_over(document: ParamsDocument, name: str, values: dict[str, Any]) -> None:
    """Lay values over params.yaml: those of the profile `name`, and perhaps those of BASE beside them."""
    path, own = _file(name), read(name)
    plain, likes, removed = _split(values)
    tree = document.tree()
    for key in plain:
        if key in own or key.startswith("models."):
            _check_sections(path if key in own else _file(BASE), tree, key)
    document.set(plain)
    for entry, inner in likes.items():
        _copy_entry(document, path, entry, inner)
    present = document.models()
    gone = [entry for entry in removed if entry in present]
    if len(gone) == len(present):
        raise _wrong(path, ("models", gone[0]), f"it removes every entry of {PARAMS_FILE}; keep one, or add another")
    for entry in gone:
        document.remove_entry(entry)


def _copy_entry(document: ParamsDocument, path: Path, entry: str, values: dict[str, Any]) -> None:
    """Add the entry of a profile that is a copy of another one, in the place of the present one of its name."""
    like = values[LIKE]
    others = [name for name in document.models() if name != entry]
    if like not in others:
        missing = f"models.{entry}.like is {shown(like)}, which {PARAMS_FILE} lacks ({_nearest(like, others)})"
        raise _wrong(path, ("models", entry, LIKE), missing)
    own = {key: value for key, value in values.items() if key != LIKE}
    for key in own:
        if problem := document.key_problem(like, key):
            raise _wrong(path, ("models", entry, *key.split(".")), f"models.{entry}.{key}: {problem}")
    if entry in document.models():
        document.remove_entry(entry)
    document.add_entry(entry, like, own)


def apply(name: str) -> list[str]:
    """Lay the default profile and then profile `name` over params.yaml, and return the keys that changed.

    Outputs of removed entries are removed too, so that what stages read is that of a build from scratch; DVC's cache
    keeps them.

    Raises:
        UserError: if the profile is missing or the result is not a valid params.yaml, which then stays unchanged.
    """
    document = ParamsDocument()
    before = set(document.models())
    _lay_over(document, name, read(BASE) | read(name))
    changed = document.write(_result(name))
    for entry in before - set(document.models()):
        remove_outputs(entry)
    return changed


def _result(name: str) -> str:
    """Return the name of params.yaml with a profile in errors."""
    return f"{PARAMS_FILE} with {_file(name)}"


def as_flags(name: str) -> list[str]:
    """Return the profile as arguments of `dvc exp run`: `-S key=value`, `-S +models.new={...}`, `-S ~models.old`.

    Raises:
        UserError: if the profile is missing or the result would not be a valid params.yaml.
    """
    document = ParamsDocument()
    present = set(document.models())
    values = read(name)
    plain, likes, removed = _split(values)
    _lay_over(document, name, values)
    tree = document.tree()
    params.parse(tree, _result(name))
    models = tree["models"]
    flags = [f"{key}={_flag_value(value)}" for key, value in plain.items()]
    flags += [f"~models.{entry}" for entry in removed if entry in present]
    flags += [f"{'' if entry in present else '+'}models.{entry}={_flag_value(models[entry])}" for entry in likes]
    return [argument for flag in flags for argument in ("-S", flag)]


def _flag_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_flag_value(item)}" for name, item in value.items()) + "}"
    return json.dumps(value)
