"""The chain of stages from an output back to its sources, read from dvc.lock."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from complaints.core.errors import UserError
from complaints.core.files import read_parquet
from complaints.lineage.lock import Entry, Stage, hash_path, is_code, is_inside

MANIFEST = "data/raw/source.json"
COMPLAINTS = "data/raw/complaints.parquet"
TRAIN = "train.parquet"


@dataclass(frozen=True)
class Step:
    """A stage in a chain.

    `made_by` names, for each dependency that is an output, the stages that made it; `products` are the outputs
    that the rest of the chain (or the one who asks) uses.
    """

    stage: Stage
    made_by: dict[str, tuple[str, ...]]
    products: tuple[Entry, ...]

    def kind(self, dep: Entry) -> Literal["data", "code", "source"]:
        """Return `data` for another stage's output, `code` for Python and its requirements, else `source`."""
        if dep.path in self.made_by:
            return "data"
        return "code" if is_code(dep.path) else "source"


@dataclass(frozen=True)
class Trace:
    """A chain of stages, sources first, that ends with the stages that made `target`."""

    target: str
    outs: tuple[Entry, ...]
    steps: tuple[Step, ...]


def _makers(lock: dict[str, Stage], path: str) -> tuple[str, ...]:
    """Return the stages with an output that is `path`, lies inside it, or holds it."""
    return tuple(
        name
        for name, stage in lock.items()
        if any(is_inside(path, out.path) or is_inside(out.path, path) for out in stage.outs)
    )


def trace(lock: dict[str, Stage], path: str) -> Trace:
    """Return the chain of an output, of a file inside an output, or of a folder that holds outputs.

    Raises:
        UserError: if `path` is none of these; the message lists the nearest outputs.
    """
    targets = _makers(lock, path)
    if not targets:
        known = [out.path for stage in lock.values() for out in stage.outs]
        near = difflib.get_close_matches(path, known, n=3, cutoff=0.3) or known
        raise UserError(f"{path} is no output of any stage in dvc.lock; the nearest are {', '.join(near)}")
    order: list[str] = []
    seen: set[str] = set()
    wanted = {path}

    def visit(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for dep in lock[name].deps:
            makers = _makers(lock, dep.path)
            if makers:
                wanted.add(dep.path)
            for maker in makers:
                visit(maker)
        order.append(name)

    for target in targets:
        visit(target)
    steps = []
    for name in order:
        stage = lock[name]
        made_by = {dep.path: makers for dep in stage.deps if (makers := _makers(lock, dep.path))}
        used = [
            out
            for out in stage.outs
            if out.path == MANIFEST or any(is_inside(out.path, want) or is_inside(want, out.path) for want in wanted)
        ]
        steps.append(Step(stage, made_by, tuple(used)))
    outs = [o for name in targets for o in lock[name].outs if is_inside(path, o.path) or is_inside(o.path, path)]
    return Trace(path, tuple(outs), tuple(steps))


def trained_on(chain: Trace, root: Path) -> dict[str, Any] | None:
    """Return the file, number and identity of the rows that the last stage (or the nearest before it) trained on.

    `row_ids_sha256` is over the sorted row ids, each followed by a newline. None where no stage of the chain reads a
    train.parquet, or where the workspace does not hold it as dvc.lock has it.
    """
    for step in reversed(chain.steps):
        for dep in step.stage.deps:
            file = dep.path if dep.path.endswith(f"/{TRAIN}") else f"{dep.path}/{TRAIN}"
            if (root / file).is_file() and hash_path(root, dep.path) == dep.md5:
                row_ids = sorted(read_parquet(root / file, ["row_id"])["row_id"].to_pylist())
                digest = hashlib.sha256("".join(f"{row_id}\n" for row_id in row_ids).encode()).hexdigest()
                return {"path": file, "rows": len(row_ids), "row_ids_sha256": digest}
    return None
