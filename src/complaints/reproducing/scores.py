"""Differences of metrics between committed and reproduced predictions, each beside its bootstrap interval."""

from collections.abc import Set
from pathlib import Path

from complaints.comparing.comparison import Options, make_comparison
from complaints.comparing.rows import rows_of
from complaints.comparing.sides import Pair, SystemName
from complaints.core import paths
from complaints.core.errors import UserError
from complaints.deciding.row_names import ENSEMBLE, is_adjusted, model_of
from complaints.deciding.rule import rule_file
from complaints.lineage.snapshots import Snapshot, Snapshots
from complaints.uncertainty.paired import Difference

METRICS = ("accuracy", "macro_f1")
REPRODUCED = "reproduced"


class _Sides(Snapshots):
    """The committed snapshot and the copy, as the two snapshots of a comparison."""

    def __init__(self, committed: Snapshot, root: Path) -> None:
        super().__init__()
        self._open |= {committed.name: committed, REPRODUCED: Snapshot(root)}


def _rows(committed: Snapshot, root: Path, models: Set[str]) -> list[str]:
    """Return the rows of the scoreboard of models, and the ensemble; adjusted ones if their rules were rebuilt."""
    rows = [row for row in rows_of(committed) if model_of(row) in {*models, ENSEMBLE}]
    return [row for row in rows if not is_adjusted(row) or (root / rule_file(paths.RULES, model_of(row))).is_file()]


def scores(committed: Snapshot, root: Path, models: Set[str]) -> list[str]:
    """Return a line for each metric of the rows of models, by the functions of `complaints compare`."""
    lines = []
    with _Sides(committed, root) as sides:
        for row in _rows(committed, root, models):
            pair = Pair((SystemName(committed.name, row),), (SystemName(REPRODUCED, row),))
            try:
                metrics = make_comparison([pair], sides, Options()).results[0].metrics
            except UserError as error:
                lines.append(f"{row}: not compared ({error})")
                continue
            lines += [f"{row} {metric}: {_line(metrics[metric])}" for metric in METRICS]
    return lines


def _line(one: Difference) -> str:
    interval = f"95 % interval {one.low:+.4f} to {one.high:+.4f}" if one.error else "no row changes it"
    return f"{one.a.value:.4f} -> {one.b.value:.4f} ({one.value:+.4f}, {interval})"
