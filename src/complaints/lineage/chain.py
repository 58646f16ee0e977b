"""The chain of stages from an output back to its sources, read from dvc.lock."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from complaints.core import paths
from complaints.core.dvc_lock import Entry, Stage, hash_path, is_inside
from complaints.core.errors import UserError
from complaints.lineage.lock import flatten, is_code
from complaints.subsets.row_ids import row_ids_sha256

MANIFEST = paths.MANIFEST.as_posix()
COMPLAINTS = paths.COMPLAINTS.as_posix()
TRAIN = "train.parquet"

NEAR_OUTPUTS = 3
CLOSE = 0.6
"""An output is near if its path's similarity to the given one, by difflib's ratio, is at least this."""


@dataclass(frozen=True)
class Step:
    """A stage in a chain."""

    stage: Stage
    made_by: dict[str, tuple[str, ...]]
    """Dependency that is an output -> names of the stages that made it."""
    products: tuple[Entry, ...]
    """Outputs that later stages of the chain read, or that were asked for."""

    def kind(self, dep: Entry) -> Literal["data", "code", "source"]:
        """Return `data` for another stage's output, `code` for Python and its requirements, else `source`."""
        if dep.path in self.made_by:
            return "data"
        return "code" if is_code(dep.path) else "source"


@dataclass(frozen=True)
class Chain:
    """Stages from the sources to those that made `target`, each after the stages that it depends on."""

    target: str
    outs: tuple[Entry, ...]
    steps: tuple[Step, ...]

    @property
    def makers(self) -> list[str]:
        """The names of the stages that made the target: several for a folder above outputs."""
        return [step.stage.name for step in self.steps if set(step.stage.outs) & set(self.outs)]


def _makers(lock: dict[str, Stage], path: str) -> tuple[str, ...]:
    """Return the names of the stages with an output that is `path`, is inside it or contains it."""
    return tuple(
        name
        for name, stage in lock.items()
        if any(is_inside(path, out.path) or is_inside(out.path, path) for out in stage.outs)
    )


def ordered(lock: dict[str, Stage], targets: Iterable[str]) -> list[str]:
    """Return the names of stages and of all that they depend on, each after the stages that it depends on."""
    order: dict[str, None] = {}
    visited: set[str] = set()

    def visit(name: str) -> None:
        if name in visited:
            return
        visited.add(name)
        for dep in lock[name].deps:
            for maker in _makers(lock, dep.path):
                visit(maker)
        order[name] = None

    for target in targets:
        visit(target)
    return list(order)


def chain_of(lock: dict[str, Stage], path: str) -> Chain:
    """Return the chain of an output, of a file inside an output, or of a folder that contains outputs.

    Raises:
        UserError: if `path` is neither; the message names near outputs.
    """
    targets = _makers(lock, path)
    if not targets:
        known = [out.path for stage in lock.values() for out in stage.outs]
        near = difflib.get_close_matches(path, known, n=NEAR_OUTPUTS, cutoff=CLOSE)
        hint = f"the nearest are {', '.join(near)}" if near else "`dvc ls -R --dvc-only .` lists them"
        raise UserError(
            f"no stage has the output {path}; {hint}. If dvc.yaml has it, it was not made yet or dvc.lock is cut off: "
            "run `dvc repro`"
        )
    made = {
        name: {dep.path: makers for dep in lock[name].deps if (makers := _makers(lock, dep.path))}
        for name in ordered(lock, targets)
    }
    wanted = {path, *(dep for made_by in made.values() for dep in made_by)}
    steps = []
    for name, made_by in made.items():
        stage = lock[name]
        used = [
            out
            for out in stage.outs
            if out.path == MANIFEST or any(is_inside(out.path, want) or is_inside(want, out.path) for want in wanted)
        ]
        steps.append(Step(stage, made_by, tuple(used)))
    outs = [o for name in targets for o in lock[name].outs if is_inside(path, o.path) or is_inside(o.path, path)]
    return Chain(path, tuple(outs), tuple(steps))


def _training_row_ids(file: Path, stage: Stage) -> list[str]:
    """Return the ids of the rows of a train.parquet that a stage trained on: all, or those of its train_fraction."""
    from complaints.core.parquet import read_parquet  # pyarrow takes half a second, and records have the rows
    from complaints.subsets.fractions import nested_fraction

    params = {name: value for values in stage.params.values() for name, value in flatten(values).items()}
    fraction = next((value for name, value in params.items() if name.endswith(".finetune.train_fraction")), 1)
    row_ids: list[str] = read_parquet(file, ["row_id"])["row_id"].to_pylist()
    if fraction == 1:
        return row_ids
    seed = next(value for name, value in params.items() if re.fullmatch(r"models\.[^.]+\.seed", name))
    table = read_parquet(file, ["group", "label_id"])
    kept = nested_fraction(table["group"].to_pylist(), table["label_id"].to_numpy(), fraction, seed)
    return [row_ids[row] for row in kept]


def trained_on(chain: Chain, root: Path) -> dict[str, Any] | None:
    """Return path, number and identity of the rows that the last stage, or the nearest one before it, trained on.

    Returns:
        `path`, `rows` and `row_ids_sha256`, the sha256 of the sorted row ids, each followed by a newline. None if no
        stage of the chain reads a train.parquet, or if the one in the workspace differs from dvc.lock.
    """
    for step in reversed(chain.steps):
        for dep in step.stage.deps:
            file = dep.path if dep.path.endswith(f"/{TRAIN}") else f"{dep.path}/{TRAIN}"
            if (root / file).is_file() and hash_path(root, dep.path) == dep.md5:
                row_ids = _training_row_ids(root / file, step.stage)
                return {"path": file, "rows": len(row_ids), "row_ids_sha256": row_ids_sha256(row_ids)}
    return None
