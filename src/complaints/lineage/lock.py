"""Facts about stages of dvc.lock and dvc.yaml: hash of the inputs, kind of a dependency, stages as declared and now."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from complaints.core.config import PARAMS_FILE, read_yaml
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


def without_removed_entries(lock: dict[str, Stage], root: Path) -> dict[str, Stage]:
    """Return the stages of dvc.lock, by name, except those of entries that `models:` in params.yaml no longer has.

    DVC keeps and ignores them. Their order in dvc.lock, that of their first runs, means nothing. With a
    broken params.yaml all stages stay: the record can be read without it.
    """
    try:
        models = read_yaml(root / PARAMS_FILE)["models"]
        entries = {str(name) for name in dict(models)}
    except (UserError, KeyError, TypeError, ValueError):
        entries = {name.partition("@")[2] for name in lock}
    return {name: lock[name] for name in sorted(lock) if "@" not in name or name.partition("@")[2] in entries}


@contextmanager
def _dvc_errors(where: str) -> Iterator[None]:
    """Turn DVC's exceptions into a UserError of one line."""
    from dvc.exceptions import DvcException
    from dvc.stage.exceptions import StageNotFound

    try:
        yield
    except StageNotFound as error:
        raise UserError(f"dvc.yaml has no stage {error.name}") from None
    except DvcException as error:
        raise UserError(f"{where}: {' '.join(str(error).split())}") from None


def _declaration(stage: Any) -> Stage:
    """Return a stage that DVC has resolved, its entries without hashes, its parameters with their present values."""
    from dvc.stage.utils import split_params_deps

    def entries(items: Iterable[Any]) -> tuple[Entry, ...]:
        return tuple(Entry(path, "") for path in sorted(item.def_path.rstrip("/") for item in items))

    params, deps = split_params_deps(stage)
    values = {param.def_path: dict(param.read_params()) for param in params}
    return Stage(stage.name, command(stage.cmd), entries(deps), values, entries(stage.outs))


@dataclass(frozen=True)
class Pipeline:
    """The stages of dvc.yaml."""

    stages: dict[str, Stage]
    """By name: command, parameters with their present values, paths without hashes."""
    cached: frozenset[str]
    """Outputs that DVC keeps in its cache; git keeps the others."""


def declared_pipeline(root: Path) -> Pipeline:
    """Return every stage of dvc.yaml.

    DVC itself resolves the templates of dvc.yaml, and its import takes a third of a second.

    Raises:
        UserError: if dvc.yaml or params.yaml cannot be resolved.
    """
    from dvc.repo import Repo

    read_yaml(root / PARAMS_FILE)  # its errors name the line, DVC's are tracebacks for some files
    with _dvc_errors("dvc.yaml"), Repo(str(root)) as repo:
        stages = repo.stage.load_all(str(root / "dvc.yaml"))
        cached = frozenset(out.def_path.rstrip("/") for stage in stages for out in stage.outs if out.use_cache)
        return Pipeline({stage.name: _declaration(stage) for stage in stages}, cached)


def declared_stages(root: Path) -> dict[str, Stage]:
    """Return the stages of `declared_pipeline` alone.

    Raises:
        UserError: as it does.
    """
    return declared_pipeline(root).stages


def stage_now(name: str, root: Path) -> Stage:
    """Return the entry that DVC would write to dvc.lock if the stage ended now. Missing outputs are left out.

    Raises:
        UserError: if the stage or a dependency is missing.
    """
    from dvc.repo import Repo

    with _dvc_errors(f"dvc.yaml, stage {name}"), Repo(str(root)) as repo:
        declared = _declaration(repo.stage.load_one(str(root / "dvc.yaml"), name))

    def hashed(entries: Iterable[Entry]) -> tuple[Entry, ...]:
        hashes = ((entry.path, hash_path(root, entry.path)) for entry in entries)
        return tuple(Entry(path, md5) for path, md5 in hashes if md5 is not None)

    deps = hashed(declared.deps)
    if missing := {dep.path for dep in declared.deps} - {dep.path for dep in deps}:
        raise UserError(f"{min(missing)} is missing, a dependency of stage {name}; run `dvc repro`")
    return replace(declared, deps=deps, outs=hashed(declared.outs))
