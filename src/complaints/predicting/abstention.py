"""Abstention: the confidence below which `complaints predict` leaves a text to a person."""

from complaints.core.errors import UserError
from complaints.deciding.objectives import FEWEST_ANSWERS
from complaints.predicting.choice import ModelChoice

OPTION = "--abstain-below"
ACCURACY = "accuracy="


def least_confidence(argument: str | None, choice: ModelChoice) -> float | None:
    """Return the confidence threshold of --abstain-below, None without one: every text has a label then.

    Args:
        argument: The argument of --abstain-below: a probability, or `accuracy=` and a wanted accuracy.
        choice: The model; its rule has the thresholds for wanted accuracies.

    Raises:
        UserError: if the argument has another form, or there is no threshold for the accuracy.
    """
    if argument is None:
        return None
    share = _share(argument.removeprefix(ACCURACY))
    if share is None:
        raise UserError(
            f"{OPTION}: {argument!r} is neither a probability from 0 to 1 nor {ACCURACY}0.8 or another share"
        )
    if not argument.startswith(ACCURACY):
        return share
    if choice.rule is None or choice.rule.fit is None:
        raise UserError(f"{OPTION} {argument} needs a decision rule; name an adjusted row or the ensemble with --model")
    thresholds = {threshold.accuracy: threshold.confidence for threshold in choice.rule.fit.thresholds}
    if share not in thresholds:
        raise UserError(
            f"{OPTION}: {choice.rule_path} has thresholds for the accuracies {_listed(list(thresholds))}; add {share} "
            "to decide.wanted_accuracies in params.yaml and run `dvc repro`"
        )
    confidence = thresholds[share]
    if confidence is None:
        reached = [accuracy for accuracy, found in thresholds.items() if found is not None]
        remedy = f"name one of {_listed(reached)}" if reached else "name a probability, such as 0.5"
        raise UserError(
            f"{OPTION}: no confidence of this model reaches an accuracy of {share} on {FEWEST_ANSWERS} rows; {remedy}"
        )
    return confidence


def _listed(shares: list[float]) -> str:
    return ", ".join(map(str, shares))


def _share(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None
