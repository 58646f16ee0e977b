"""Parameters of a chain that differ from the default: HEAD's params.yaml with the default profile laid over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from complaints.core.config import PARAMS_FILE
from complaints.lineage.chain import Chain
from complaints.lineage.git import git_bytes
from complaints.lineage.lock import flatten
from complaints.lineage.yaml12 import Loader

DEFAULT_PROFILE = Path("profiles/sample.yaml")
"""The profile that sets every key back that another profile changes."""


def _committed(file: Path, root: Path) -> dict[str, Any]:
    """Return a YAML file of HEAD, of the workspace where git has none; nothing for one that cannot be read."""
    content = git_bytes(root, "cat-file", "blob", f"HEAD:./{file.as_posix()}")
    try:
        value = yaml.load((root / file).read_bytes() if content is None else content, Loader)
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _lay_over(values: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values with those of an overlay in the places that both have."""
    return {
        key: _lay_over(value, overlay[key])
        if isinstance(value, dict) and isinstance(overlay.get(key), dict)
        else overlay.get(key, value)
        for key, value in values.items()
    }


def default_params(root: Path) -> dict[str, Any]:
    """Return dotted key -> value of the default, nothing if params.yaml cannot be read."""
    default = _committed(PARAMS_FILE, root)
    overlay = _committed(DEFAULT_PROFILE, root)
    overlay["models"] = {name: entry for name, entry in (overlay.get("models") or {}).items() if entry is not None}
    return flatten(_lay_over(default, overlay))


def chain_params(chain: Chain) -> dict[str, Any]:
    """Return dotted key -> value of the parameters that the stages of a chain had."""
    return {
        name: value
        for step in chain.steps
        for values in step.stage.params.values()
        for name, value in flatten(values).items()
    }


def differing(params: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return key -> value and default of the parameters that differ.

    An entry of `models:` that the default does not have is compared with the first one that it has.
    """
    entries = list(dict.fromkeys(key.split(".")[1] for key in default if key.startswith("models.")))
    found = {}
    for key, value in params.items():
        own = key
        if key.startswith("models.") and entries and (entry := key.split(".")[1]) not in entries:
            own = f"models.{entries[0]}.{key.split('.', 2)[2]}"
            expected = default.get(own)
            expected = expected.replace(f"/{entries[0]}", f"/{entry}") if isinstance(expected, str) else expected
        else:
            expected = default.get(own)
        if own in default and value != expected:
            found[key] = (value, expected)
    return found
