"""Facts about stages of dvc.lock: hash of the inputs, kind of a dependency, the entry of a stage that runs now."""

import hashlib
import json
from pathlib import Path
from typing import Any

from complaints.core.dvc_lock import Entry, Stage, command, hash_path, is_inside
from complaints.core.errors import UserError


def is_code(path: str) -> bool:
    """Return whether a dependency that no stage makes is code: Python, a folder of it or the list of packages."""
    name = path.rpartition("/")[2]
    return name.endswith(".py") or name.startswith("requirements") or is_inside(path, "src")


def stage_inputs_hash(stage: Stage) -> str:
    """Return a sha256 over a stage's command, dependencies (path, md5) and parameters."""
    inputs = {
        "cmd": stage.cmd,
        "deps": sorted([dep.path, dep.md5] for dep in stage.deps),
        "params": stage.params,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one with dotted keys."""
    if not isinstance(values, dict):
        return {prefix: values}
    return {k: v for name, value in values.items() for k, v in flatten(value, f"{prefix}.{name}".lstrip(".")).items()}


def stage_now(name: str, root: Path) -> Stage:
    """Return the entry that DVC would write to dvc.lock if the stage ended now.

    DVC itself resolves the templates of dvc.yaml, which takes about half a second. Missing outputs are left out.

    Raises:
        UserError: if the stage or a dependency is missing.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.stage.exceptions import StageNotFound
    from dvc.stage.utils import split_params_deps

    try:
        with Repo(str(root)) as repo:
            stage = repo.stage.load_one(str(root / "dvc.yaml"), name)
            params, deps = split_params_deps(stage)
            values = {param.def_path: dict(param.read_params()) for param in params}
    except StageNotFound:
        raise UserError(f"dvc.yaml has no stage {name}") from None
    except DvcException as error:
        raise UserError(f"dvc.yaml, stage {name}: {error}") from None

    def entries(paths: list[str]) -> tuple[Entry, ...]:
        hashes = ((path.rstrip("/"), hash_path(root, path)) for path in sorted(paths))
        return tuple(Entry(path, md5) for path, md5 in hashes if md5 is not None)

    found = entries([dep.def_path for dep in deps])
    missing = {dep.def_path.rstrip("/") for dep in deps} - {entry.path for entry in found}
    if missing:
        raise UserError(f"{min(missing)} is missing, a dependency of stage {name}; run `dvc repro`")
    return Stage(name, command(stage.cmd), found, values, entries([out.def_path for out in stage.outs]))
