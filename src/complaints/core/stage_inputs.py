"""Inputs of a stage, compared with what their makers wrote.

DVC believes that a file which it restored from its cache has the hash of its name there. A stage does not: before it
works, it hashes the outputs of other stages that it reads and compares them with dvc.lock, so that the hashes that DVC
records for it afterwards are those of the bytes that were read.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from complaints.core.config import PARAMS_FILE
from complaints.core.dvc_lock import hash_path, is_inside
from complaints.core.errors import UserError

PIPELINE_FILE = Path("dvc.yaml")
LOCK_FILE = Path("dvc.lock")


def _read(path: Path) -> dict[str, Any]:
    """Read YAML with all scalars as text; PyYAML's C parser takes a tenth of the time of ruamel.yaml's."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader) or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{path} is not valid YAML; run `git checkout {path}`") from None


def dependencies(stage: str) -> list[str]:
    """Return the paths of a stage's dependencies in dvc.yaml, with the values of params.yaml in their templates.

    Args:
        stage: The name, `finetune@minilm` for an entry of a foreach stage.
    """
    name, _, entry = stage.partition("@")
    declared = _read(PIPELINE_FILE)["stages"][name]
    deps: list[str] = declared.get("do", declared).get("deps", [])
    if not any("${" in dep for dep in deps):
        return deps
    params = _read(PARAMS_FILE)
    scope = params | {"key": entry, "item": params["models"].get(entry)}

    def value(match: re.Match[str]) -> str:
        found: Any = scope
        for part in match[1].split("."):
            found = found[part]
        return str(found)

    return [re.sub(r"\$\{([^}]+)\}", value, dep) for dep in deps]


def _made(deps: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield path, md5 and maker of each output in dvc.lock that is one of these dependencies, or part of one."""
    for maker, recorded in (_read(LOCK_FILE).get("stages") or {}).items():
        for out in recorded.get("outs", []):
            if any(is_inside(out["path"], dep) or is_inside(dep, out["path"]) for dep in deps):
                yield out["path"], out["md5"], maker


def check_inputs(stage: str) -> None:
    """Check that the outputs of other stages that a stage reads have the bytes that their makers wrote.

    Args:
        stage: The name, as in dvc.lock.

    Raises:
        UserError: if an output has another md5 than in dvc.lock.
    """
    if not LOCK_FILE.is_file():
        return
    made = list(_made(dependencies(stage)))
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda out: hash_path(Path(), out[0]), made))
    for (path, recorded, maker), actual in zip(made, found, strict=True):
        if actual is not None and actual != recorded:
            raise UserError(
                f"{path} is not what stage {maker} wrote: its md5 is {actual}, dvc.lock has {recorded}. If DVC "
                "restored it, its cache is damaged: `chmod -R u+w $(dvc cache dir)` makes DVC check the cache; then "
                f"remove {path} and run `dvc repro`"
            )
