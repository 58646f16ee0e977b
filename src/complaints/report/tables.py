"""Tables of the stage evaluate, read for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.core.csv_files import read_csv
from complaints.deciding.rule import DecisionRule, read_rule

Line = Mapping[str, str]
"""A line of a CSV file, by column."""

FILES = {
    "scoreboard": ("model", "split", "rows", "accuracy", "macro_f1", "macro_f1_10", "zero_f1_classes", "rescued"),
    "per_class": ("model", "split", "label", "tier", "support_train", "support", "f1"),
    "confusions": ("model", "split", "true", "predicted", "count", "share"),
    "differences": ("base", "model", "metric", "difference", "low", "high", "p", "mde", "needed_rows", "verdict"),
    "calibration": ("model", "split", "probabilities", "ece", "nll", "brier"),
    "reliability": ("model", "split", "probabilities", "binning", "rows", "confidence", "accuracy"),
    "coverage": ("model", "split", "coverage", "accuracy"),
    "thresholds": ("model", "split", "wanted_accuracy", "threshold", "coverage", "accuracy"),
    "slices": ("model", "split", "slice", "value", "rows", "accuracy", "macro_f1"),
    "given_product": ("model", "split"),
    "compression": ("parent", "model", "metric", "parent_value", "value", "difference", "low", "high"),
    "learning_curve": ("split", "metric", "kind", "train_rows", "value", "low", "high"),
    "errors": ("model", "split", "row_id", "true", "predicted", "confidence", "text"),
    "label_errors": ("split", "row_id", "given", "suggested", "p_given", "p_suggested", "text"),
}
"""File of reports/evaluation -> the columns that the report needs."""


@dataclass(frozen=True)
class Tables:
    """The tables of the evaluation, and the decision rules."""

    lines: Mapping[str, Sequence[Line]]
    """The lines of each of FILES."""
    rules: Mapping[str, DecisionRule]
    """Model, or ensemble -> its rule."""
    synthetic: bool

    def of(self, name: str, **keys: str) -> list[Line]:
        """Return the lines of a table whose columns have these values."""
        return [line for line in self.lines[name] if all(line[key] == value for key, value in keys.items())]

    def one(self, name: str, **keys: str) -> Line | None:
        """Return the first such line, None if there is none."""
        return next(iter(self.of(name, **keys)), None)

    @property
    def models(self) -> list[str]:
        """The rows of the scoreboard in its order, the majority class first."""
        return [line["model"] for line in self.of("scoreboard", split="test")]

    @property
    def bases(self) -> list[str]:
        """The rows that all others are compared with: TF-IDF with its rule, and the best row by validation."""
        return list(dict.fromkeys(line["base"] for line in self.lines["differences"]))


def read_tables(evaluation: Path, rules: Path, synthetic: bool) -> Tables:
    """Return the tables in the folder of the evaluation and the rules of a folder.

    Raises:
        UserError: if a file is missing or lacks a column.
    """
    lines = {name: read_csv(evaluation / f"{name}.csv", columns) for name, columns in FILES.items()}
    names = sorted(path.stem for path in rules.glob("*.json"))
    return Tables(lines, {name: read_rule(rules, name) for name in names}, synthetic)


def number(line: Line, column: str) -> float | None:
    """Return a cell as a number, None if it is empty or the table has no such column."""
    return float(line[column]) if line.get(column) else None


def interval(line: Line, metric: str) -> tuple[float, float, float] | None:
    """Return value, lower and upper end of a metric, None if it has no interval."""
    value, low, high = (number(line, column) for column in (metric, f"{metric}_low", f"{metric}_high"))
    return None if value is None or low is None or high is None else (value, low, high)
