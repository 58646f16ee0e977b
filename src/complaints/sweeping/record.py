"""Record of a study: one JSON file with the points, their experiments and their scores on validation.

It has no times and no hashes of git commits, which have times: the same study gives the same bytes, also if it was
stopped and went on. An experiment is found in git by its name, its predictions in DVC's cache by their md5.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from complaints.core.config import check
from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json
from complaints.core.section import Section, Seed, Text
from complaints.sweeping.base import Base, difference
from complaints.sweeping.space import Point
from complaints.sweeping.study import Study

FOLDER = Path("sweeps")
"""Folder of the records and tables, made to be committed."""
DIGITS = 6
"""Digits of a score after the point."""


class Run(Section):
    """One experiment: a point with one seed."""

    seed: Seed
    experiment: Text
    """Name of the DVC experiment; none exists if the run failed."""
    error: str | None
    """The line that the failed stage said, null if all went well."""
    predictions: str | None
    """DVC's md5 of the predictions, null after a failure."""
    scores: dict[str, float]
    """Metric on validation -> value; empty after a failure."""


class PointRecord(Section):
    """A point with its runs so far, in the order of the study's seeds."""

    values: dict[str, Any]
    runs: tuple[Run, ...]


class _Tree(Section):
    study: dict[str, Any]
    base: Base
    rows: dict[str, str]
    points: list[PointRecord]


def _key(point: Point) -> str:
    return json.dumps(point, sort_keys=True)


class Record:
    """The record of a study in memory, and its file; every change is written at once."""

    def __init__(self, path: Path, study: Study, base: Base) -> None:
        """Read the file, if there is one.

        Raises:
            UserError: if the file is not a record, or is one of another study or of other code, data or parameters.
        """
        self._path, self._study, self._base = path, study, base
        self._points: dict[str, PointRecord] = {}
        self.rows: dict[str, str] = {}
        """Path -> DVC's md5 of the files with the rows that all points are scored on; empty before the first."""
        if not path.exists():
            return
        tree = check(_Tree, _lists_as_tuples(read_json(path)), path)
        was = {key: value for key, value in tree.study.items() if key != "trials"}
        if was != study.identity:
            changed = sorted(key for key in study.identity if was.get(key) != study.identity[key])
            raise UserError(
                f"{path} is the record of another study ({', '.join(changed)} differs); take another --name, or delete "
                "it: finished experiments are found again"
            )
        if (changed_base := difference(tree.base, base)) is not None:
            raise UserError(
                f"{path} was made with another {changed_base}, so that its scores are not comparable with new ones; "
                "take another --name, restore it, or delete the record to run all points again"
            )
        self._points, self.rows = {_key(point.values): point for point in tree.points}, tree.rows

    @property
    def points(self) -> list[PointRecord]:
        """Return the points in the order in which they were first tried."""
        return list(self._points.values())

    def runs(self, point: Point) -> dict[int, Run]:
        """Return the runs of a point so far, by seed."""
        known = self._points.get(_key(point))
        return {run.seed: run for run in known.runs} if known else {}

    def add(self, point: Point, run: Run) -> None:
        """Add a run, in the place of an earlier one with the same seed, and write the file."""
        runs = self.runs(point) | {run.seed: run}
        ordered = tuple(runs[seed] for seed in self._study.seeds if seed in runs)
        self._points[_key(point)] = PointRecord(values=point, runs=ordered)
        write_json(
            self._path,
            {
                "study": self._study.model_dump(mode="json"),
                "base": self._base.model_dump(mode="json"),
                "rows": self.rows,
                "points": [point.model_dump(mode="json") for point in self.points],
            },
        )


def _lists_as_tuples(tree: Any) -> Any:
    """Return the tree of a record with the runs of its points as tuples, which strict models want."""
    if isinstance(tree, dict) and isinstance(tree.get("points"), list):
        points = [
            point | {"runs": tuple(point["runs"])}
            if isinstance(point, dict) and isinstance(point.get("runs"), list)
            else point
            for point in tree["points"]
        ]
        return tree | {"points": points}
    return tree


def rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores with the digits of the record."""
    return {name: round(float(value), DIGITS) for name, value in scores.items()}
