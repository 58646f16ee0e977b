"""Report of a reproduction: identical, or the first stage that differs and by how much."""

from collections.abc import Sequence
from pathlib import Path

from complaints.core import paths
from complaints.core.dvc_lock import read_lock
from complaints.core.stage_inputs import LOCK_FILE
from complaints.lineage.cache import Cache
from complaints.lineage.chain import chain_of
from complaints.lineage.snapshots import Snapshot, Snapshots
from complaints.lineage.training import computed
from complaints.reproducing.amounts import sizes
from complaints.reproducing.clean_copy import Copy
from complaints.reproducing.differences import StageResult
from complaints.reproducing.environment import Environment
from complaints.reproducing.scores import scores
from complaints.reproducing.target import Target, overlaps

DIGITS = 12


def text(
    target: Target, results: Sequence[StageResult], environment: Environment, copy: Copy, snapshots: Snapshots
) -> str:
    """Return the report as text; the first line is the answer."""
    differing = [result for result in results if not result.identical]
    if not differing:
        outputs = sum(len(result.stage.outs) for result in results)
        lines = [
            f"identical: {target.title}, rebuilt from the source; all {outputs} outputs of {len(results)} stages have "
            "the hashes of its dvc.lock"
        ]
    else:
        causes, effects = _causes(differing, target)
        first = differing[0]
        lines = [
            f"different: {target.title}; the first stage that differs is {first.stage.name}, after "
            f"{results.index(first)} identical ones of {len(results)}"
        ]
        for result in causes:
            lines += ["", result.stage.name, *_stage(result, target.snapshot, copy.root)]
        if effects:
            lines += ["", f"stages that read what differs, and differ: {', '.join(one.stage.name for one in effects)}"]
        lines += _metrics(differing, target, copy.root)
        lines += ["", *(f"note: {pin}" for pin in environment.differing)] if environment.differing else []
    lines += [f"note: {result.stage.name}: {cause}" for result in results for cause in result.inputs]
    return "\n".join(lines)


def _causes(differing: Sequence[StageResult], target: Target) -> tuple[list[StageResult], list[StageResult]]:
    """Divide stages into those to show, which differ although their inputs do not or were asked for, and the others."""
    changed = [output.path for result in differing for output in result.outputs]
    causes: list[StageResult] = []
    effects: list[StageResult] = []
    for result in differing:
        read = any(overlaps(dep.path, path) for dep in result.stage.deps for path in changed)
        (effects if read and result.stage.name not in target.makers else causes).append(result)
    return causes, effects


def _stage(result: StageResult, committed: Snapshot, root: Path) -> list[str]:
    """Return the outputs of a stage that differ, with the sizes of the differences."""
    lines = []
    for output in result.outputs:
        now = "absent" if output.now is None else output.now[:DIGITS]
        lines.append(f"  {output.path}  {output.committed[:DIGITS]}, now {now}")
        lines += [f"    {line}" for line in sizes(output, committed, root, Cache(Path()))]
    return lines + _hardware(result, committed, root)


def _hardware(result: StageResult, committed: Snapshot, root: Path) -> list[str]:
    """Return the facts on how a training was computed that differ, the usual cause of other weights."""
    for output in result.outputs:
        record = Path(output.path) / "training.json"
        if (root / record).is_file():
            committed.bring(record)
            before = computed(chain_of(committed.lock, output.path), committed.root) or {}
            now = computed(chain_of(read_lock(root / LOCK_FILE), output.path), root) or {}
            changed = [key for key in before if before[key] != now.get(key)]
            return [f"  computed with {key} {now.get(key)}, was {before[key]}" for key in changed]
    return []


def _metrics(differing: Sequence[StageResult], target: Target, root: Path) -> list[str]:
    """Return the metrics on test of the models whose predictions differ."""
    changed = [Path(output.path) for result in differing for output in result.outputs]
    models = {path.stem for path in changed if path.parent == paths.PREDICTIONS}
    if not models:
        return []
    said = scores(target.snapshot, root, models)
    return ["", "metrics on test, reproduced minus committed:", *(f"  {line}" for line in said)]
