"""Profiles: small overlays on params.yaml that keep its comments."""

import difflib
import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from complaints import params
from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.errors import UserError
from complaints.core.files import replacing_file

FOLDER = Path("profiles")
NULL_TAG = "tag:yaml.org,2002:null"
BASE = "sample"
"""The default profile; it names every key that another profile changes, so that one can go back to it."""


WHOLE = frozenset({"split.expected"})
"""Mappings that are one value, set and unset as a whole."""


def _is_model(key: str) -> bool:
    return re.fullmatch(r"models\.[^.]+", key) is not None


def read(name: str) -> dict[str, Any]:
    """Return profiles/<name>.yaml as {dotted key: value}; `models.<entry>: null` stands for an entry to remove.

    Raises:
        UserError: if there is none, or it is not valid YAML.
    """
    known = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        raise UserError(f"no profile {name!r} in {FOLDER}/; {hint}")
    return _flatten(read_yaml(FOLDER / f"{name}.yaml") or {})


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and f"{prefix}{name}" not in WHOLE:
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _set(document: Any, key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        if section not in document and not key.startswith("models."):
            raise UserError(f"params.yaml has no section {section} for the profile's key {key}")
        document = document.setdefault(section, {})
    if value is None and _is_model(key):
        document.pop(last, None)
    else:
        document[last] = value
        if isinstance(value, dict):
            # On one line, or the comment that follows in the file would be lost.
            document[last] = CommentedMap(value)
            document[last].fa.set_flow_style()


def apply(name: str) -> list[str]:
    """Lay the default profile and then profile `name` over params.yaml, and return the keys that changed.

    Predictions of model entries that this removes are removed too, so that evaluation's input is what the pipeline
    would make from nothing; DVC's cache still has them.

    Raises:
        UserError: if the profile is missing or the result is not a valid params.yaml, which then stays as it was.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.representer.add_representer(type(None), lambda writer, _: writer.represent_scalar(NULL_TAG, "null"))
    document = yaml.load(PARAMS_FILE)
    before = _flatten(read_yaml(PARAMS_FILE))
    models = set(document["models"])
    for key, value in (read(BASE) | read(name)).items():
        _set(document, key, value)
    after = _flatten(json.loads(json.dumps(document)))
    params.parse(json.loads(json.dumps(document)))
    with replacing_file(PARAMS_FILE) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        yaml.dump(document, stream)
    for entry in models - set(document["models"]):
        (Path("predictions") / f"{entry}.parquet").unlink(missing_ok=True)
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def as_flags(name: str) -> list[str]:
    """Return the profile as arguments of `dvc exp run`: `-S key=value`, `-S +models.new={...}`, `-S ~models.old`."""
    present = params.load().models
    entries: dict[str, dict[str, Any]] = {}
    flags = []
    for key, value in read(name).items():
        entry = key.split(".")[1] if key.startswith("models.") else None
        if entry is None or entry in present:
            flags.append(f"~{key}" if value is None and _is_model(key) else f"{key}={_flag_value(value)}")
        elif not _is_model(key):
            *sections, last = key.split(".")[2:]
            node = entries.setdefault(entry, {})
            for section in sections:
                node = node.setdefault(section, {})
            node[last] = value
    flags += [f"+models.{entry}={_flag_value(tree)}" for entry, tree in entries.items()]
    return [argument for flag in flags for argument in ("-S", flag)]


def _flag_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{_flag_value(item)}" for name, item in value.items()) + "}"
    return json.dumps(value)
