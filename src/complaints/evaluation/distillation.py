"""Students beside their teachers, and beside the same model without a teacher, by tier of classes on the test rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core.csv_files import write_csv
from complaints.deciding.row_names import adjusted
from complaints.deciding.rule import DecisionRule, apply, log_softmax, read_rule
from complaints.evaluation.calibration import calibration_error, equal_width_bins
from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.evaluation.subset_scores import DECIMALS, select_rows
from complaints.evaluation.truth import Truth
from complaints.reporting.html_page import Cell, Section
from complaints.teaching.pooled import RULE
from complaints.uncertainty.count_metrics import TIERS
from complaints.uncertainty.paired import Difference, corrected, differences
from complaints.uncertainty.resampling import Distribution, System, bootstrap

DISTILLATION_FILE = "distillation.csv"
ALL = "all"
DIVERGENCE = "js_divergence"
TEACHER, OWN, BASELINE = "teacher", "value", "baseline"
KEYS = ("student", "row", "tier", "metric")
COLUMNS = (
    *(*KEYS, TEACHER, OWN, "low", "high", BASELINE, "baseline_value"),
    *("difference", "difference_low", "difference_high", "p", "verdict"),
)
SHOWN = (
    "row",
    "tier",
    "metric",
    TEACHER,
    OWN,
    "baseline_value",
    "difference",
    "difference_low",
    "difference_high",
    "verdict",
)
SPLIT = "test"

TEXT = (
    "A student learns the probabilities of its teacher along with the labels. Its baseline is the entry that has the "
    "same parameters and no teacher; the verdict is on the student against it, by paired resamples of clusters, with "
    "Holm's correction over the students. js_divergence is the mean Jensen-Shannon divergence, in nats, of the model's "
    "probabilities from those of the teacher, both adjusted as they decide: 0 if they are equal, ln 2 = 0.693 at most. "
    "Tiers are those of the true classes. The numbers are also in distillation.csv."
)


@dataclass(frozen=True)
class Student:
    """An entry of `models:` with teachers."""

    name: str
    rule: DecisionRule
    """The rule of its teacher; the scores under it are what the student learns."""
    baseline: str | None
    """The entry that differs in the teacher alone, None if there is none."""


@dataclass(frozen=True)
class Answered:
    """The answers of the teacher, the student or its baseline on the test rows."""

    predicted: np.ndarray
    """Class ids, int64 [rows]."""
    confidence: np.ndarray
    """float64 [rows]."""
    divergence: np.ndarray
    """Jensen-Shannon divergence from the teacher, float64 [rows]."""

    def ece(self, true: np.ndarray, here: np.ndarray) -> float:
        """Return the expected calibration error on the rows where `here`, bool [rows], is true."""
        return calibration_error(equal_width_bins(self.confidence[here], (self.predicted == true)[here]))

    def system(self, here: np.ndarray) -> System:
        """Return the answers on these rows as `uncertainty` takes them."""
        return System(self.predicted[here], {DIVERGENCE: self.divergence[here]})


@dataclass(frozen=True)
class Measured:
    """One metric of a student's row of the scoreboard on the classes of one tier."""

    row: str
    baseline: str | None
    """The row of the baseline, None without one."""
    tier: str
    metric: str
    values: Mapping[str, Distribution | float]
    """Of the roles TEACHER, OWN and, where there is one, BASELINE; a metric without intervals has numbers alone."""


def find_students(entries: Mapping[str, Any], teachers: Path) -> list[Student]:
    """Return the students among the entries of `models:`, plain values by name.

    Args:
        entries: The entries.
        teachers: Folder of the outputs of the stage teach.

    Raises:
        UserError: if the rule of a teacher is missing or broken.
    """
    names = [name for name, entry in entries.items() if _is_student(entry)]
    return [Student(name, read_rule(teachers / name, RULE), baseline_of(name, entries)) for name in names]


def baseline_of(name: str, entries: Mapping[str, Any]) -> str | None:
    """Return the first entry without teachers whose parameters of training are those of `name`; None without one."""
    wanted = _recipe(name, entries[name])
    for other, entry in entries.items():
        if not _is_student(entry) and _recipe(other, entry) == wanted:
            return other
    return None


def _is_student(entry: Mapping[str, Any]) -> bool:
    return bool((entry.get("teacher") or {}).get("models"))


NOT_OF_TRAINING = frozenset({"teacher", "cross_fit", "compress", "features"})
"""Keys that decide no training without a teacher; `features` says for which rows kNN gets features."""


def _recipe(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that decide a training without a teacher; an entry's own name in a path is none."""
    recipe = {key: value for key, value in entry.items() if key not in NOT_OF_TRAINING}
    own = f"models/pretrained/{name}"
    return recipe | {"weights": None if entry.get("weights") == own else entry.get("weights")}


def js_divergence(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence of each row in nats, float64 [rows] (Lin 1991, equation 4.1).

    It is the mean of KL(p || m) and KL(q || m) with m the mean of p and q: symmetric, and ln 2 at most.

    Args:
        log_p: Log-probabilities, [rows, classes].
        log_q: Log-probabilities, [rows, classes].
    """
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    halves = [(np.exp(log) * (log - log_m)).sum(axis=1) / 2 for log in (log_p, log_q)]
    return np.maximum(halves[0] + halves[1], 0.0)


def distillation_sections(
    folder: Path,
    truth: Truth,
    rows: Sequence[ScoreboardRow],
    logits: Mapping[str, Mapping[str, np.ndarray]],
    students: Sequence[Student],
    resamples: int,
) -> list[Section]:
    """Write DISTILLATION_FILE into the folder and return the section that shows it; neither without students.

    Args:
        folder: The folder of the evaluation.
        truth: The classes and the splits.
        rows: The rows of the scoreboard.
        logits: Logits of every model, by split.
        students: The entries with teachers.
        resamples: Number of resamples.
    """
    if not students:
        return []
    by_name = {row.name: row for row in rows}
    measured = [(student, one) for student in students for one in _measure(truth, by_name, logits, student, resamples)]
    lines = [
        _line(student, one, found)
        for (student, one), found in zip(measured, _verdicts(truth, [one for _, one in measured]), strict=True)
    ]
    write_csv(folder / DISTILLATION_FILE, COLUMNS, lines)
    columns = [COLUMNS.index(name) for name in SHOWN]
    cells: list[list[Cell]] = [[line[column] for column in columns] for line in lines]
    return [Section("Students and teachers, test", TEXT, SHOWN, cells)]


def _measure(
    truth: Truth,
    by_name: Mapping[str, ScoreboardRow],
    logits: Mapping[str, Mapping[str, np.ndarray]],
    student: Student,
    resamples: int,
) -> Iterator[Measured]:
    """Yield the metrics of a student, without and with its decision rule."""
    scores = apply(student.rule, {part: logits[part][SPLIT] for part in student.rule.weights}).scores
    taught = log_softmax(scores)
    for name, base in ((student.name, student.baseline), _with_rules(student)):
        answers = {TEACHER: Answered(taught.argmax(axis=1), np.exp(taught.max(axis=1)), np.zeros(len(taught)))}
        for role, row in ((OWN, name), (BASELINE, base)):
            if row is not None:
                given = by_name[row].answers
                divergence = js_divergence(log_softmax(given.ranking(SPLIT)), taught)
                answers[role] = Answered(given.predicted[SPLIT], given.confidence(SPLIT), divergence)
        for tier, metric, values in _by_tier(truth, answers, resamples):
            yield Measured(name, base, tier, metric, values)


def _by_tier(
    truth: Truth, answers: Mapping[str, Answered], resamples: int
) -> Iterator[tuple[str, str, Mapping[str, Distribution | float]]]:
    """Yield (tier, metric, value by role) on all test rows and on those of each tier."""
    rows, true = truth.rows(SPLIT), truth.label_ids[SPLIT]
    everything, tiers = np.ones(len(true), bool), np.array(rows.tiers)[true]
    whole = bootstrap(rows, {role: one.system(everything) for role, one in answers.items()}, resamples)
    yield ALL, "accuracy", {role: found["accuracy"] for role, found in whole.items()}
    for tier in (ALL, *TIERS):
        here = everything if tier == ALL else tiers == tier
        if not here.any():
            continue
        systems = {role: one.system(here) for role, one in answers.items()}
        of_tier = whole if tier == ALL else bootstrap(select_rows(rows, here), systems, resamples)
        macro_f1 = "macro_f1" if tier == ALL else f"macro_f1_{tier}"
        yield tier, "macro_f1", {role: found[macro_f1] for role, found in whole.items()}
        yield tier, DIVERGENCE, {role: found[DIVERGENCE] for role, found in of_tier.items()}
        yield tier, "ece", {role: one.ece(true, here) for role, one in answers.items()}


def _with_rules(student: Student) -> tuple[str, str | None]:
    return adjusted(student.name), None if student.baseline is None else adjusted(student.baseline)


def _verdicts(truth: Truth, measured: Sequence[Measured]) -> list[Difference | None]:
    """Return the difference of each student from its baseline; differences in one metric and tier are a family."""
    families: dict[tuple[str, str], dict[int, Difference]] = {}
    for index, one in enumerate(measured):
        own, base = one.values[OWN], one.values.get(BASELINE)
        if isinstance(own, Distribution) and isinstance(base, Distribution):
            found = differences(len(truth.label_ids[SPLIT]), [{one.metric: base}], [{one.metric: own}])
            families.setdefault((one.tier, one.metric), {})[index] = found[one.metric]
    judged = {index: found for family in families.values() for index, found in corrected(family).items()}
    return [judged.get(index) for index in range(len(measured))]


def _line(student: Student, one: Measured, found: Difference | None) -> list[Any]:
    """Return a line of DISTILLATION_FILE."""
    values = {role: value.value if isinstance(value, Distribution) else value for role, value in one.values.items()}
    own, base = one.values[OWN], values.get(BASELINE)
    ends = own.interval() if isinstance(own, Distribution) else (None, None)
    if found is not None:
        numbers: list[float | None] = [found.value, found.low, found.high, found.p]
    else:
        numbers = [None if base is None else values[OWN] - base, None, None, None]
    key = [student.name, one.row, one.tier, one.metric, *_rounded([values[TEACHER], values[OWN], *ends])]
    return [*key, one.baseline, *_rounded([base, *numbers]), None if found is None else found.better]


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else round(float(value), DECIMALS) for value in values]
