"""Samplers: the next point of a study, from the points before and their scores.

A sampler is a function of the study and of these scores alone. A study that was stopped is therefore replayed: the
sampler is asked again from the first point on and told what is on record, and then goes on where it was.
"""

from typing import Any, Protocol

from complaints.core.errors import UserError
from complaints.sweeping.space import Choice, Dimension, Point, Range, Space, grid
from complaints.sweeping.study import Study

SIGNIFICANT = 6
"""Digits of a sampled float: the last bits differ between processors, and the name of an experiment holds them."""


class Sampler(Protocol):
    """Source of points: `ask` for one, then `tell` its score, in turn."""

    def ask(self) -> Point | None:
        """Return the next point, None after the last."""

    def tell(self, score: float | None) -> None:
        """Take the score of the point that was asked for last, None if it failed."""


class GridSampler:
    """All points of a grid, whatever their scores."""

    def __init__(self, space: Space) -> None:
        """Begin with the first point."""
        self._points = grid(space)

    def ask(self) -> Point | None:
        """Return the next point, None after the last."""
        return next(self._points, None)

    def tell(self, score: float | None) -> None:
        """Do nothing."""


class TpeSampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011) of Optuna, seeded; the first ten points are random."""

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        """Begin a study in memory.

        Raises:
            UserError: if Optuna is not installed.
        """
        try:
            import optuna
        except ImportError:
            raise UserError(
                "method tpe needs Optuna; run `pip install -r requirements-sweep.txt -c constraints.txt`, or take a "
                "grid with choice(...)"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        self._space, self._left = space, trials
        self._distributions = {key: _distribution(dimension) for key, dimension in space.items()}
        self._trial: Any = None

    def ask(self) -> Point | None:
        """Return the next point, None after the last; it may be one that was there before."""
        if self._left == 0:
            return None
        self._left -= 1
        self._trial = self._study.ask(self._distributions)
        return {key: _value(dimension, self._trial.params[key]) for key, dimension in self._space.items()}

    def tell(self, score: float | None) -> None:
        """Tell the score to Optuna, whose model leaves failed points out."""
        if score is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, score)


def _distribution(dimension: Dimension) -> Any:
    """Return the distribution of Optuna for a key; a choice is drawn by index, since values may be lists."""
    from optuna import distributions

    match dimension:
        case Choice():
            return distributions.CategoricalDistribution(range(len(dimension.values)))
        case Range("int"):
            return distributions.IntDistribution(int(dimension.low), int(dimension.high))
        case Range(kind):
            return distributions.FloatDistribution(dimension.low, dimension.high, log=kind == "log")


def _value(dimension: Dimension, drawn: Any) -> Any:
    if isinstance(dimension, Choice):
        return dimension.values[drawn]
    return drawn if dimension.kind == "int" else float(f"{drawn:.{SIGNIFICANT}g}")


def open_sampler(study: Study) -> Sampler:
    """Return the sampler of a study, before its first point.

    Raises:
        UserError: if it needs Optuna, which is not installed.
    """
    if study.method == "grid":
        return GridSampler(study.dimensions)
    return TpeSampler(study.dimensions, study.trials or 0, study.sampler_seed)
