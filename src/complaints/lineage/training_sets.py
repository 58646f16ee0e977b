"""Checkpoints of all versions of dvc.lock, and the splits that each was trained on, directly or through its weights.

Every link is followed by md5, so a dvc.lock whose stages ran at different times leads to the data that was read.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from complaints.core import paths
from complaints.core.dvc_lock import Entry, Stage, folder_md5, is_inside
from complaints.core.schema import SPLITS
from complaints.lineage.history import Version
from complaints.lineage.lock import flatten
from complaints.scoring.rungs import KNN

Role = Literal["training", "without labels", "pretraining", "initial weights"]
"""Use of data for a checkpoint: its own training, with labels or with a teacher's answers alone, pretraining, or the
training of its first weights."""


@dataclass(frozen=True)
class Dataset:
    """The files of one split, or one of texts without labels, by md5; None for a file that there is not."""

    train: str
    validation: str | None
    test: str | None
    labels: str | None
    """md5 of the names of the classes."""
    without_labels: bool = False
    """Whether `train` is the file of texts without labels."""

    def path(self, split: str) -> str:
        """Return the path of a split's file in the workspace."""
        return (paths.UNLABELED_TEXTS if self.without_labels else paths.SPLITS / f"{split}.parquet").as_posix()

    def files(self) -> dict[str, str]:
        """Return split -> md5."""
        files = zip(SPLITS, (self.train, self.validation, self.test), strict=True)
        return {split: md5 for split, md5 in files if md5 is not None}


@dataclass(frozen=True)
class Exposure:
    """Rows that a checkpoint was exposed to."""

    dataset: Dataset
    role: Role
    fraction: float = 1.0
    """Fraction of the training rows, by clusters of near duplicates (complaints.subsets.fractions)."""
    seed: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint and the data that made it; its own training comes first."""

    path: str
    md5: str
    exposures: tuple[Exposure, ...]
    unknown: tuple[Entry, ...]
    """Data or weights that were read, and that no version of dvc.lock explains."""


@dataclass
class _Makers:
    """The stages of all versions by the md5 of what they wrote."""

    datasets: dict[str, list[Dataset]] = field(default_factory=lambda: defaultdict(list))
    """md5 of the folder of splits, or of train.parquet alone -> datasets."""
    stages: dict[tuple[str, str], Stage] = field(default_factory=dict)
    """(path, md5) of another output -> a stage that wrote it; all stages with the same output are as good."""

    def stage(self, entry: Entry) -> Stage | None:
        """Return a stage that wrote a dependency, at the same path if one did."""
        same_bytes = (stage for (_, md5), stage in self.stages.items() if md5 == entry.md5)
        return self.stages.get((entry.path, entry.md5)) or next(same_bytes, None)


def dataset_of(lock: dict[str, Stage]) -> Dataset | None:
    """Return the splits in a dvc.lock, None if no stage has written them."""
    for stage in lock.values():
        outs = {out.path: out.md5 for out in stage.outs}
        files = [outs.get((paths.SPLITS / f"{split}.parquet").as_posix()) for split in SPLITS]
        if files[0] is not None:
            labels = paths.LABELS.as_posix()
            read = {dep.path: dep.md5 for dep in stage.deps}
            return Dataset(files[0], files[1], files[2], read.get(labels, outs.get(labels)))
    return None


def _makers(versions: Iterable[Version]) -> _Makers:
    found = _Makers()
    for version in versions:
        dataset = dataset_of(version.lock)
        if dataset is not None:
            folder = folder_md5((f"{split}.parquet", md5) for split, md5 in dataset.files().items())
            for key in (folder, dataset.train):
                if dataset not in found.datasets[key]:
                    found.datasets[key].append(dataset)
        for stage in version.lock.values():
            for out in stage.outs:
                found.stages.setdefault((out.path, out.md5), stage)
    return found


def _params(stage: Stage) -> dict[str, Any]:
    """Return the parameters of a stage by dotted key."""
    return {name: value for values in stage.params.values() for name, value in flatten(values).items()}


def train_fraction(stage: Stage) -> tuple[float, int]:
    """Return the fraction of the training rows that a stage trained on and the seed of the choice, (1, 0) for all."""
    params = _params(stage)
    fraction = next((value for name, value in params.items() if name.endswith(".finetune.train_fraction")), 1)
    if fraction == 1:
        return 1.0, 0
    return float(fraction), int(
        next(value for name, value in params.items() if re.fullmatch(r"models\.[^.]+\.seed", name))
    )


def _epochs(stage: Stage) -> int:
    """Return the epochs of pretraining; a stage without any copies the backbone's name and no weights."""
    params = _params(stage)
    return next((int(value) for name, value in params.items() if name.endswith(".pretrain.epochs")), 1)


def _chosen(datasets: list[Dataset], stage: Stage) -> Dataset:
    """Return the dataset whose class names a stage read, among datasets with the same rows."""
    labels = next((dep.md5 for dep in stage.deps if dep.path == paths.LABELS.as_posix()), None)
    return next((dataset for dataset in datasets if dataset.labels == labels), datasets[0])


def _data(stage: Stage, makers: _Makers) -> tuple[list[Dataset], list[Entry]]:
    """Return the splits that a stage read, directly or as tokens, and what cannot be traced to splits."""
    found, unknown = [], []
    for dep in stage.deps:
        md5 = dep.md5
        if is_inside(dep.path, paths.TOKENS.as_posix()):
            maker = makers.stage(dep)
            splits = [d.md5 for d in maker.deps if d.path == paths.SPLITS.as_posix()] if maker else []
            md5 = splits[0] if splits else ""
        elif dep.path not in (paths.SPLITS.as_posix(), (paths.SPLITS / "train.parquet").as_posix()):
            continue
        datasets = makers.datasets.get(md5)
        if datasets:
            found.append(_chosen(datasets, stage))
        else:
            unknown.append(dep)
    return found, unknown


def _texts(stage: Stage, makers: _Makers) -> Iterator[Dataset | Entry]:
    """Yield the texts without labels that a stage learned from its teachers, or what cannot be traced to them."""
    learns = any(name.endswith(".teacher.unlabeled") and value for name, value in _params(stage).items())
    for dep in stage.deps if learns else ():
        if is_inside(dep.path, paths.TEACHERS.as_posix()):
            maker = makers.stage(dep)
            read = {d.path: d.md5 for d in maker.deps} if maker else {}
            md5 = read.get(paths.UNLABELED_TEXTS.as_posix())
            yield Dataset(md5, None, None, None, without_labels=True) if md5 else dep


def _exposures(stage: Stage, makers: _Makers, role: Role, above: frozenset[str]) -> Iterator[Exposure | Entry]:
    """Yield what the training of a stage, and of the weights that it began with, was exposed to."""
    kind = stage.name.partition("@")[0]
    datasets, unknown = _data(stage, makers)
    if kind == "pretrain" and _epochs(stage) == 0:
        return
    fraction, seed = train_fraction(stage)
    yield from (Exposure(dataset, role, fraction, seed) for dataset in datasets)
    yield from unknown
    for item in _texts(stage, makers):
        of_texts: Role = "without labels" if role == "training" else role
        yield Exposure(item, of_texts) if isinstance(item, Dataset) else item
    for dep in stage.deps:
        if not is_inside(dep.path, paths.MODELS.as_posix()) or dep.md5 in above:
            continue
        maker = makers.stage(dep)
        if maker is None:
            yield dep
        else:
            inner: Role = "pretraining" if maker.name.partition("@")[0] == "pretrain" else "initial weights"
            yield from _exposures(maker, makers, inner, above | {dep.md5})


def _is_checkpoint(stage: Stage, out: Entry) -> bool:
    folder, _, name = out.path.rpartition("/")
    kind = stage.name.partition("@")[0]
    trains = kind in ("finetune", "baseline") or (kind == KNN and _params(stage).get("knn.features") is not None)
    return trains and folder == paths.MODELS.as_posix() and bool(name)


def checkpoints(versions: list[Version]) -> dict[Checkpoint, list[Version]]:
    """Return the checkpoints of TF-IDF, kNN and fine-tuned models -> the versions of dvc.lock that have them.

    Two checkpoints of the same bytes are told apart where their data differs, such as in test rows.
    """
    makers = _makers(versions)
    found: dict[Checkpoint, list[Version]] = defaultdict(list)
    for version in versions:
        for stage in version.lock.values():
            for out in stage.outs:
                if _is_checkpoint(stage, out):
                    exposed = list(_exposures(stage, makers, "training", frozenset({out.md5})))
                    exposures = tuple(dict.fromkeys(item for item in exposed if isinstance(item, Exposure)))
                    unknown = tuple(item for item in exposed if isinstance(item, Entry))
                    found[Checkpoint(out.path, out.md5, exposures, unknown)].append(version)
    return dict(found)
