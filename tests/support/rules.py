"""Decision rules of the models in the working directory."""

from typing import Any

from complaints.core import paths
from complaints.core.files import read_json
from complaints.deciding.inputs import fit_rules, read_rows
from complaints.deciding.params import DecideParams
from complaints.deciding.rule import DecisionRule, write_rule

SETTINGS = DecideParams(
    objective="macro_f1",
    max_accuracy_loss=0.01,
    tau_grid=(0.0, 0.5, 1.0),
    folds=3,
    ensemble=None,
    wanted_accuracies=(0.5, 1.0),
)


def settings(**changes: Any) -> DecideParams:
    """Return settings with some values changed."""
    return DecideParams.model_validate(SETTINGS.model_dump() | changes)


def write_rules(models: list[str], **changes: Any) -> dict[str, DecisionRule]:
    """Do the work of the stage decide for TF-IDF and `models`, and return the rules."""
    rows = read_rows(paths.SPLITS, len(read_json(paths.LABELS)))
    rules = fit_rules(rows, paths.PREDICTIONS, paths.OUT_OF_FOLD, ["tfidf", *models], settings(**changes))
    for name, rule in rules.items():
        write_rule(paths.RULES, name, rule)
    return rules
