"""Sweep: every point of a study, with every seed, as a DVC experiment that is run once."""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.lineage.cache import Cache
from complaints.sweeping.base import digest, read_base, sources
from complaints.sweeping.clone import Clone
from complaints.sweeping.experiments import find_experiment, outputs_of
from complaints.sweeping.record import FOLDER, PointRecord, Record, Run, rounded
from complaints.sweeping.samplers import open_sampler
from complaints.sweeping.scores import ROW_FILES, Validation, read_validation, scores
from complaints.sweeping.space import Point
from complaints.sweeping.study import Study

SCRATCH = paths.SCRATCH / "sweeps"
NAME_DIGITS = 8
"""Hexadecimal digits of an experiment's name that stand for its base and point."""


@dataclass(frozen=True)
class Options:
    """Settings of a sweep's run, without effect on its results."""

    retry: bool
    """Whether experiments that failed are run again."""
    report: Callable[[str], None]
    """Receives a line of progress."""


def as_setting(value: Any) -> str:
    """Return a value in the syntax of `dvc exp run -S`."""
    return json.dumps(value)


def short(point: Point) -> str:
    """Return a point as text, without the sections that lead to its keys."""
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in point.items())


class Sweep:
    """A study at work on one commit of the project."""

    def __init__(self, root: Path, name: str, study: Study, options: Options) -> None:
        """Read the record of the study, if there is one.

        Raises:
            UserError: if the workspace has uncommitted changes, or the record is one of another study or base.
        """
        read = sources(root)
        self._root, self.name, self.study, self._options = root, name, study, options
        self._base = read_base(root, [*study.space, study.seed_key], read)
        self.record = Record(FOLDER / f"{name}.json", study, self._base)
        self.cache = Cache(root)
        self._clone = Clone(root, SCRATCH / name, self.cache.directory, read)
        self._validation: Validation | None = None

    def run(self) -> None:
        """Run all experiments that are not on record, and write each to the record as it ends.

        Raises:
            UserError: if this study is already running, or something other than an experiment fails.
            KeyboardInterrupt: on Ctrl-C, with what to do.
        """
        try:
            with _lock(SCRATCH / self.name):
                sampler = open_sampler(self.study)
                while (point := sampler.ask()) is not None:
                    sampler.tell(self._score(point))
                self._clone.remove()
        except KeyboardInterrupt:
            done = sum(len(point.runs) for point in self.record.points)
            raise KeyboardInterrupt(
                f"interrupted; {done} experiments are on record: the same command goes on"
            ) from None

    @property
    def validation(self) -> Validation:
        """Return the rows that all points are scored on; there must be a run that did not fail."""
        if self._validation is None:
            self._validation = read_validation(self.cache, self.record.rows)
        return self._validation

    def _score(self, point: Point) -> float | None:
        """Return the mean objective of a point over the seeds, None if a run fails; then its other seeds are left."""
        values = []
        for seed in self.study.seeds:
            run = self.record.runs(point).get(seed)
            if run is None or self._is_again(run):
                run = self._run(point, seed)
                self.record.add(point, run)
            if run.error is not None:
                return None
            values.append(run.scores[self.study.objective])
        return sum(values) / len(values)

    def _is_again(self, run: Run) -> bool:
        """Return whether a run on record is to be run again: it failed, if asked to, or its predictions are lost."""
        if run.error is not None:
            return self._options.retry
        return not all(map(self.cache.has, (run.predictions, *self.record.rows.values())))

    def planned(self) -> list[str]:
        """Return a line for each experiment that is not on record; of `tpe`, as far as it can be foretold."""
        sampler, lines = open_sampler(self.study), []
        while (point := sampler.ask()) is not None:
            runs = self.record.runs(point)
            open_seeds = [seed for seed in self.study.seeds if seed not in runs]
            lines += [f"{self.experiment(point, seed)}: {short(point)}, seed {seed}" for seed in open_seeds]
            if open_seeds and self.study.method == "tpe":
                return [*lines, "... further points depend on these scores"]
            failed = any(run.error for run in runs.values())
            values = [run.scores.get(self.study.objective, 0.0) for run in runs.values()]
            sampler.tell(None if failed or not values else sum(values) / len(values))
        return lines or ["all experiments are on record"]

    def experiment(self, point: Point, seed: int) -> str:
        """Return the name of an experiment: it tells the study, the point on its base, and the seed."""
        computed = digest([self._base.model_dump(mode="json"), point])
        return f"{self.name}-{computed[:NAME_DIGITS]}-s{seed}"

    def _run(self, point: Point, seed: int) -> Run:
        """Run an experiment, or find it where a killed sweep left it, and return its scores."""
        name, report = self.experiment(point, seed), self._options.report
        found = self._found(name, seed)
        if found is not None:
            report(f"{name}: {short(point)}, seed {seed}: found, {self._shown(found)}")
            return found
        report(f"{name}: {short(point)}, seed {seed}: running ({SCRATCH / self.name / name}.log)")
        settings = {key: as_setting(value) for key, value in point.items()} | {self.study.seed_key: str(seed)}
        error = self._clone.run(name, settings)
        run = self._found(name, seed) if error is None else None
        if run is None:
            error = error or "its predictions are not in DVC's cache"
            run = Run(seed=seed, experiment=name, error=error, predictions=None, scores={})
        report(f"{name}: {self._shown(run)}")
        return run

    def _shown(self, run: Run) -> str:
        return f"failed: {run.error}" if run.error else f"{self.study.objective} {run.scores[self.study.objective]:.3f}"

    def _found(self, name: str, seed: int) -> Run | None:
        """Return the run of an experiment that git has and whose predictions DVC's cache has, else None."""
        reference = find_experiment(self._root, name)
        if reference is None:
            return None
        outputs = outputs_of(self._root, reference)
        rows = {path: outputs.get(path, "") for path in ROW_FILES}
        predictions = outputs.get((paths.PREDICTIONS / f"{self.study.model}.parquet").as_posix(), "")
        if not all(map(self.cache.has, (predictions, *rows.values()))):
            return None
        self.record.rows = self.record.rows or rows
        if self.record.rows != rows:
            raise UserError(f"the experiment {name} has other validation rows than those before it; remove it")
        system = self.validation.system(self.cache, predictions)
        values = rounded(scores(self.validation, system))
        return Run(seed=seed, experiment=name, error=None, predictions=predictions, scores=values)

    @property
    def failed(self) -> list[tuple[PointRecord, Run]]:
        """Return the runs that failed, with their points."""
        return [(point, run) for point in self.record.points for run in point.runs if run.error is not None]


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a study.

    Raises:
        UserError: if another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"the study {folder.name} is already running; wait for it to end") from None
        yield
