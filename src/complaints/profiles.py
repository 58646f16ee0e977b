"""Profiles: overlays on params.yaml that change a few values."""

import difflib
import json
import re
from pathlib import Path
from typing import Any

from complaints import params
from complaints.core import paths
from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.errors import UserError
from complaints.params_document import ParamsDocument, flatten

FOLDER = Path("profiles")
BASE = "sample"
"""The default profile; it has every key that another profile changes, and so undoes it."""
VALUE_MAPPINGS = frozenset({"split.expected"})
"""Keys whose mapping is one value, set and unset as one."""
LIKE = "like"
"""Key of a profile's model entry: the entry of params.yaml whose other keys it copies."""


def _is_model(key: str) -> bool:
    return re.fullmatch(r"models\.[^.]+", key) is not None


def read(name: str) -> dict[str, Any]:
    """Return profiles/<name>.yaml as {dotted key: value}; `models.<entry>: null` means an entry to remove.

    Raises:
        UserError: if it is missing or not valid YAML.
    """
    known = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the profiles are {', '.join(known)}"
        raise UserError(f"no profile {name!r} in {FOLDER}/; {hint}")
    path = FOLDER / f"{name}.yaml"
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise UserError(f"{path} must be a mapping of keys to values, as params.yaml is")
    _check_mappings(tree, path)
    if "models" in tree:
        _check_models(tree["models"], path)
    return flatten(tree, VALUE_MAPPINGS)


def _check_mappings(tree: dict[Any, Any], path: Path, prefix: str = "") -> None:
    """Raise UserError for a key that is not text, and for an empty mapping, which would change nothing."""
    for key, value in tree.items():
        if not isinstance(key, str):
            raise UserError(f"{path}: the key {prefix}{key} must be text; write it in quotes")
        if value == {}:
            raise UserError(f"{path}: {prefix}{key} has no keys; write some, or remove it")
        if isinstance(value, dict):
            _check_mappings(value, path, f"{prefix}{key}.")


def _check_models(models: Any, path: Path) -> None:
    """Raise UserError for entries of a profile that cannot be laid over params.yaml."""
    if not isinstance(models, dict):
        raise UserError(f"{path}: models must be a mapping of names to entries")
    for name, entry in models.items():
        if problem := params.name_problem(name):
            raise UserError(f"{path}: the name models.{name} must {problem}")
        if entry is not None and not isinstance(entry, dict):
            raise UserError(f"{path}: models.{name} must be a mapping of keys to values, or null to remove the entry")
        if entry and LIKE in entry and (not isinstance(entry[LIKE], str) or entry[LIKE] == name):
            raise UserError(f"{path}: models.{name}.like must be the name of another entry")


def _check_known(document: ParamsDocument, plain: dict[str, Any], path: Path) -> None:
    """Raise UserError for keys of an entry that params.yaml does not have."""
    known = list(document.models())
    for key in plain:
        section, _, rest = key.partition(".")
        entry = rest.partition(".")[0]
        if section == "models" and entry not in known:
            close = difflib.get_close_matches(entry, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "begin a new entry with `like: NAME` of another"
            raise UserError(f"{path}: {PARAMS_FILE} has no models.{entry}; {hint}")


def _split(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]], list[str]]:
    """Return the values of existing keys, the values of each entry with `like` by key, and the entries to remove."""
    likes = {
        key.split(".")[1]: {LIKE: value} for key, value in values.items() if re.fullmatch(r"models\.[^.]+\.like", key)
    }
    removed = [key.split(".")[1] for key, value in values.items() if _is_model(key) and value is None]
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


def _lay_over(document: ParamsDocument, values: dict[str, Any], path: Path) -> None:
    plain, likes, removed = _split(values)
    _check_known(document, plain, path)
    if not (set(document.models()) | set(likes)) - set(removed):
        raise UserError(f"{path} removes all models; keep one, or add another with `like:`")
    document.set(plain)
    for entry, own in likes.items():
        if entry in document.models():
            document.remove_entry(entry)
        document.add_entry(entry, str(own[LIKE]), {key: value for key, value in own.items() if key != LIKE})
    for entry in removed:
        if entry in document.models():
            document.remove_entry(entry)


def apply(name: str) -> list[str]:
    """Lay the default profile and then profile `name` over params.yaml, and return the keys that changed.

    Predictions of removed model entries are removed too, so that the input of the stage evaluate is that of a build
    from scratch; DVC's cache keeps them.

    Raises:
        UserError: if the profile is missing or the result is not a valid params.yaml, which then stays unchanged.
    """
    document = ParamsDocument()
    before = set(document.models())
    _lay_over(document, read(BASE) | read(name), FOLDER / f"{name}.yaml")
    changed = document.write()
    for entry in before - set(document.models()):
        (paths.PREDICTIONS / f"{entry}.parquet").unlink(missing_ok=True)
    return changed


def as_flags(name: str) -> list[str]:
    """Return the profile as arguments of `dvc exp run`: `-S key=value`, `-S +models.new={...}`, `-S ~models.old`.

    Raises:
        UserError: if the profile is missing or the result would not be a valid params.yaml.
    """
    document = ParamsDocument()
    present = set(document.models())
    values = read(name)
    plain, likes, removed = _split(values)
    _lay_over(document, values, FOLDER / f"{name}.yaml")
    tree = document.tree()
    params.parse(tree, f"{PARAMS_FILE} with the profile {name}")
    models = tree["models"]
    flags = [f"{key}={_flag_value(value)}" for key, value in plain.items()]
    flags += [f"~models.{entry}" for entry in removed if entry in present]
    flags += [f"{'' if entry in present else '+'}models.{entry}={_flag_value(models[entry])}" for entry in likes]
    return [argument for flag in flags for argument in ("-S", flag)]


def _flag_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_flag_value(item)}" for name, item in value.items()) + "}"
    return json.dumps(value)
