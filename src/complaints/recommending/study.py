"""Study of all measured rows: their costs and scores, Pareto fronts, and the answers to the use cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from complaints.recommending.choosing import Answer, choose
from complaints.recommending.front import dominated_by
from complaints.recommending.machine import busy_note, machine_line
from complaints.recommending.options import Option
from complaints.recommending.pairs import Pairs
from complaints.recommending.params import UseCase

METRIC = "macro_f1"
"""Score of the fronts."""
FRONTS = ("p50_ms", "euros_per_million")
"""Costs of the fronts."""


@dataclass(frozen=True)
class Study:
    """Everything that is said on measured rows."""

    options: Sequence[Option]
    fronts: Mapping[str, Mapping[str, str | None]]
    """Cost -> row -> the row that dominates it, None on the front."""
    answers: Sequence[Answer]
    machine: str
    """The machine of the measurements, as a sentence."""
    measured: Mapping[str, Mapping[str, Any]]
    """Model -> its measurement."""


def study(
    options: Sequence[Option],
    pairs: Pairs,
    use_cases: Mapping[str, UseCase],
    measured: Mapping[str, Mapping[str, Any]],
) -> Study:
    """Return the study of rows, their paired differences and the measurements of their models."""
    fronts = {cost: dominated_by(options, cost, METRIC, pairs) for cost in FRONTS}
    answers = [choose(name, case, options, pairs) for name, case in use_cases.items()]
    machine = machine_line(next(iter(measured.values()))) + busy_note(measured.values())
    return Study(options, fronts, answers, machine, measured)
