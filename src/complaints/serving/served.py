"""Served model: a predictor with its decision rule, its threshold for abstention, and the digests that name it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.predicting.choice import ModelChoice, choose, in_project
from complaints.predicting.explain import Explainer, load_explainer
from complaints.predicting.predictors import Decider, load
from complaints.scoring.rungs import KNN, model_folder
from complaints.serving.choosing import default_model, digests_of, model_digest, threshold
from complaints.serving.settings import Settings


@dataclass(frozen=True, eq=False)
class Served:
    """A model that is ready to label texts."""

    name: str
    """The row of the scoreboard, or the folder."""
    choice: ModelChoice
    decider: Decider
    least: float | None
    """Confidence below which a text is left to a person; None if every text has a label."""
    md5s: Mapping[str, str]
    """Model -> DVC's md5 of its folder, the one in dvc.lock."""
    rule_sha256: str | None
    neighbours: Explainer | None = None
    no_neighbours: str = ""
    """Why `neighbours` is None."""

    @cached_property
    def digest(self) -> str:
        """Return the digest that names the origin of the labels."""
        return model_digest(self.md5s, self.rule_sha256)

    @property
    def max_length(self) -> int | None:
        """Return the longest input in tokens among the parts; None for models of whole texts."""
        lengths = [getattr(part, "max_length", None) for part in self.decider.parts.values()]
        return max((length for length in lengths if length is not None), default=None)

    def rows(self, texts: list[str]) -> list["Row"]:
        """Label texts.

        Raises:
            UserError: if a logit is not finite, or memory is full.
        """
        decisions = self.decider.decide(texts)
        order = np.argsort(-decisions.scores, axis=1, kind="stable")
        probabilities = np.exp(np.take_along_axis(decisions.log_probabilities, order, axis=1))
        return [Row(self, ids, values) for ids, values in zip(order, probabilities, strict=True)]


@dataclass(frozen=True)
class Row:
    """The decision on a text."""

    served: Served
    order: np.ndarray
    """Class ids, best first, int64 [classes]; as in `complaints predict`, the order of the adjusted scores."""
    probabilities: np.ndarray
    """Their calibrated probabilities, float64 [classes]."""

    @property
    def label(self) -> str:
        """Return the best label."""
        return self.served.decider.labels[int(self.order[0])]

    @property
    def probability(self) -> float:
        """Return its probability, rounded to six digits."""
        return round(float(self.probabilities[0]), 6)

    @property
    def unsure(self) -> bool:
        """Return whether the text is left to a person."""
        return self.served.least is not None and float(self.probabilities[0]) < self.served.least

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the best labels with their probabilities."""
        labels = self.served.decider.labels
        pairs = zip(self.order[:count].tolist(), self.probabilities[:count].tolist(), strict=True)
        return [(labels[label_id], round(value, 6)) for label_id, value in pairs]


def load_served(settings: Settings) -> Served:
    """Load the model that the settings name, from the files that are there now.

    Raises:
        UserError: as `complaints predict` does.
    """
    argument = settings.model or default_model()
    choice = choose(argument)
    least = threshold(settings.abstain_below, choice)
    before = digests_of(choice)
    decider = load(choice, settings.precision)
    if digests_of(choice) != before:
        raise UserError("the files of the model changed while they were read; load it again when they are complete")
    name = argument.name if argument else next(iter(choice.parts))
    explainer, reason = _neighbours(choice, decider, settings.precision)
    return Served(name, choice, decider, least, *before, explainer, reason)


def _neighbours(choice: ModelChoice, decider: Decider, precision: str) -> tuple[Explainer | None, str]:
    """Return the nearest-neighbour model of the project, or why there is none: labels do not need it."""
    folder = model_folder(paths.MODELS, KNN)
    if not in_project() or not folder.is_dir():
        return None, f"there is no {folder}"
    try:
        return load_explainer(choice, decider, precision), ""
    except UserError as error:
        return None, str(error)
