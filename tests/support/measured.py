"""Measured rows of the scoreboard with known costs, scores and paired differences."""

from collections.abc import Mapping

import numpy as np

from complaints.recommending.measures import COSTS
from complaints.recommending.options import Option
from complaints.recommending.pairs import Pairs
from complaints.recommending.params import UseCase
from complaints.uncertainty.resampling import Rows, System, bootstrap

ROWS = 400
RESAMPLES = 500


def pairs_of(right: Mapping[str, float]) -> Pairs:
    """Return pairs of systems on 400 rows of two classes, by the share of rows that each has right.

    A better system has all rows right that a worse one has, so that differences of 0.03 are significant.
    """
    true = np.arange(ROWS) % 2
    order = np.random.default_rng(0).permutation(ROWS)
    systems = {}
    for name, share in right.items():
        wrong = order[round(share * ROWS) :]
        predicted = true.copy()
        predicted[wrong] = 1 - predicted[wrong]
        systems[name] = System(predicted)
    rows = Rows(true, np.arange(ROWS), 2, ["head", "head"])
    return Pairs(ROWS, bootstrap(rows, systems, RESAMPLES))


def option(name: str, macro_f1: float, device: str = "cpu", **costs: float | None) -> Option:
    """Return a row with a macro-F1 on validation, and costs of 1 where none is given."""
    known = dict.fromkeys(COSTS, 1.0) | costs
    return Option(name, device, known, {"macro_f1": macro_f1}, {"macro_f1": (macro_f1, macro_f1 - 0.1, macro_f1 + 0.1)})


def case(objective: str = "macro_f1", device: str = "any", **limits: float) -> UseCase:
    """Return a use case."""
    return UseCase.model_validate(
        {"about": "A test.", "device": device, "constraints": limits or None, "objective": objective}
    )
