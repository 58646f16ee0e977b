"""Changes between two sides in what made them: parameters, code, data and environment, read from dvc.lock."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from complaints.comparing.rows import models_of
from complaints.core import paths
from complaints.core.dvc_lock import Stage, hash_path
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.deciding.row_names import is_adjusted
from complaints.evaluation.truth import Truth
from complaints.lineage.chain import Chain, chain_of
from complaints.lineage.lock import flatten, is_code
from complaints.lineage.snapshots import Snapshot
from complaints.lineage.training import computed
from complaints.scoring.rungs import predictions_file

STAGES = "stages"
"""The kind of change that is another list of stages, and its name."""
FACTS = ("parameters", "code", "data", "environment")
KINDS = (STAGES, *FACTS)
DECIDE = "decide"
"""The stage that fits decision rules."""
FINETUNE = "finetune"
TRAINING = "training: "
"""Beginning of the names of facts about how a training was computed."""
REQUIREMENTS = "requirements.txt"
DIGITS = 12
"""Hexadecimal digits of a hash that are shown."""
ABSENT = "absent"


@dataclass(frozen=True)
class Record:
    """Facts about what made a system: kind -> (stage, name) -> value; the stage is "" where the name alone counts."""

    facts: Mapping[str, Mapping[tuple[str, str], Any]]
    model: str
    """The model; several are joined by `+`."""
    stages: tuple[str, ...]
    """The stages that made it, without the names of entries."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Change:
    """A fact that differs between the sides."""

    name: str
    a: tuple[Any, ...]
    """The different values of the systems of the side, in their order."""
    b: tuple[Any, ...]


@dataclass(frozen=True)
class Changes:
    """All facts that differ, by kind, and what could not be compared."""

    by_kind: Mapping[str, Sequence[Change]]
    notes: Sequence[str]
    known: bool = True
    """Whether dvc.lock says what made every system; if not, `by_kind` has the rows and the source alone."""

    @property
    def only_seeds(self) -> bool:
        """Whether the sides are seeds of one recipe: only seeds of models differ, or also where they were trained."""
        names = [change.name for changes in self.by_kind.values() for change in changes]
        recipe = [name for name in names if not name.startswith(TRAINING)]
        return bool(recipe) and all(map(_is_seed, recipe))


def record_of(snapshot: Snapshot, row: str, truth: Truth) -> Record:
    """Return the record of a row of the scoreboard, as dvc.lock has it.

    A snapshot without a usable dvc.lock, or one that does not have the predictions, has the facts of its splits alone.
    """
    facts: dict[str, dict[tuple[str, str], Any]] = {kind: {} for kind in FACTS}
    facts["data"] |= {("", f"rows of {split}"): len(ids) for split, ids in truth.row_ids.items()}
    facts["data"] |= {("", f"source: {key}"): value for key, value in _manifest(snapshot).items()}
    stages: dict[str, None] = {}
    notes = []
    models = models_of(snapshot, row, truth)
    for model in models:
        path = predictions_file(paths.PREDICTIONS, model).as_posix()
        try:
            chain = chain_of(snapshot.lock, path)
        except UserError as error:
            notes.append(f"{snapshot.name}: what made {path} is not known ({error})")
            continue
        for step in chain.steps:
            stage = step.stage.name.partition("@")[0]
            stages[stage] = None
            facts["parameters"] |= _parameters(stage, step.stage)
            for dep in step.stage.deps:
                name, md5 = dep.path, dep.md5[:DIGITS]
                if name == REQUIREMENTS:
                    facts["environment"]["", REQUIREMENTS] = md5
                elif step.kind(dep) == "code":
                    facts["code"][stage, name] = md5
                elif step.kind(dep) == "source":
                    facts["data"][stage, name] = md5
        facts["data"] |= {("", path): md5 for path, md5 in _splits(chain).items()}
        facts["environment"] |= _computed(snapshot, chain, model)
        notes += _stale(snapshot, path, chain)
    if is_adjusted(row) and (decide := _lock(snapshot).get(DECIDE)) is not None:
        stages[DECIDE] = None
        own = _parameters(DECIDE, decide).items()
        facts["parameters"] |= {name: value for name, value in own if not name[1].startswith("models.")}
        facts["code"] |= {(DECIDE, dep.path): dep.md5[:DIGITS] for dep in decide.deps if is_code(dep.path)}
        facts["code"].pop((DECIDE, REQUIREMENTS), None)
    return Record(facts, "+".join(models), tuple(stages), notes)


def changes_between(a: Sequence[Record], b: Sequence[Record]) -> Changes:
    """Return what differs between two sides.

    Names of entries of `models:` become `*` where the sides are of different models. Facts of stages that not
    all systems went through are left out, and the stages are named instead.

    Raises:
        UserError: if other stages made the systems of one side.
    """
    models = {record.model for record in (*a, *b)}
    known = all(record.stages for record in (*a, *b))
    shared = set.intersection(*(set(record.stages) for record in (*a, *b))) | {""}
    sides = [[_comparable(record, shared, len(models) > 1) for record in side] for side in (a, b)]
    stages = [_values([" ".join(record.stages) for record in side]) for side in (a, b)]
    by_kind: dict[str, list[Change]] = {STAGES: [Change(STAGES, *stages)] if known and stages[0] != stages[1] else []}
    for kind in FACTS:
        names = dict.fromkeys(name for side in sides for facts in side for name in facts[kind])
        if not known:  # the systems without a record lack facts, which says nothing
            names = {name: None for name in names if all(name in facts[kind] for side in sides for facts in side)}
        changes = [
            Change(name, *(_values([facts[kind].get(name, ABSENT) for facts in side]) for side in sides))
            for name in names
        ]
        by_kind[kind] = sorted((one for one in changes if one.a != one.b), key=lambda change: change.name)
    notes = dict.fromkeys(note for record in (*a, *b) for note in record.notes)
    return Changes(by_kind, [*notes, *_not_seeds("a", a), *_not_seeds("b", b)], known)


def _not_seeds(name: str, side: Sequence[Record]) -> list[str]:
    """Return a note if the systems of a side differ in more than their seeds.

    Raises:
        UserError: if other stages made them, so that a mean over them has no meaning.
    """
    for other in side[1:]:
        changes = changes_between(side[:1], [other])
        names = [
            change.name
            for kind in KINDS
            for change in changes.by_kind[kind]
            if not (_is_seed(change.name) or change.name.startswith(TRAINING))
        ]
        if STAGES in names:
            models = f"{side[0].model} and {other.model}"
            raise UserError(
                f"side {name} joins {models}, which other stages made, and a list is for seeds of one recipe; compare "
                "them as two sides"
            )
        if names:
            return [f"the systems of side {name} are no seeds of one recipe: they differ in {names[0]}"]
    return []


def _is_seed(name: str) -> bool:
    return name.startswith("models.") and name.endswith(".seed")


def _comparable(record: Record, shared: set[str], rename: bool) -> dict[str, dict[str, Any]]:
    """Return kind -> name -> value of the facts of shared stages."""

    def renamed(name: str) -> str:
        return (
            name.replace(f"models.{record.model}.", "models.*.").replace(f"/{record.model}", "/*") if rename else name
        )

    return {
        kind: {renamed(name): value for (stage, name), value in facts.items() if stage in shared}
        for kind, facts in record.facts.items()
    }


def _values(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return the different values in their order."""
    return tuple(value for index, value in enumerate(values) if value not in values[:index])


def _parameters(stage: str, entry: Stage) -> dict[tuple[str, str], Any]:
    """Return (stage, dotted key) -> value of a stage's parameters."""
    return {
        (stage, key): value for declared in entry.params.values() for key, value in flatten(declared).items() if key
    }


def _manifest(snapshot: Snapshot) -> dict[str, Any]:
    """Return the facts of the source manifest that change with the complaints."""
    manifest = read_json(snapshot.root / paths.MANIFEST)
    facts = {key: manifest.get(key) for key in ("source", "rows_read", "rows_kept")}
    return facts | {"complaints_sha256": str(manifest.get("complaints_sha256"))[:DIGITS]}


def _splits(chain: Chain) -> dict[str, str]:
    """Return path -> md5 of the splits that a chain has."""
    return {
        out.path: out.md5[:DIGITS]
        for step in chain.steps
        for out in step.stage.outs
        if out.path.startswith(f"{paths.SPLITS.as_posix()}/")
    }


def _computed(snapshot: Snapshot, chain: Chain, model: str) -> dict[tuple[str, str], Any]:
    """Return how the training was computed, from the checkpoint's record; nothing where there is none."""
    folder = paths.MODELS / model
    if not any(out.path == folder.as_posix() for out in chain.steps[-1].stage.outs):
        return {}
    with contextlib.suppress(UserError):  # not every checkpoint has a record, and no verdict depends on it
        snapshot.bring(folder / "training.json")
    return {(FINETUNE, TRAINING + key): value for key, value in (computed(chain, snapshot.root) or {}).items()}


def _stale(snapshot: Snapshot, path: str, chain: Chain) -> list[str]:
    """Return a note if the predictions in the workspace are not those that dvc.lock records."""
    recorded = next((out.md5 for out in chain.outs if out.path == path), None)
    if snapshot.commit is not None or recorded is None or hash_path(snapshot.root, path) == recorded:
        return []
    return [f"{path} in the workspace is not what dvc.lock records; run `dvc repro`, or the changes below may mislead"]


def _lock(snapshot: Snapshot) -> Mapping[str, Stage]:
    """Return the stages of dvc.lock, none if it cannot be read."""
    try:
        return snapshot.lock
    except UserError:
        return {}
