"""Charts of the report, drawn from the tables of the evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass

from complaints.deciding.row_names import FLOOR, REFERENCE, is_adjusted, model_of
from complaints.report.svg import Axis, Estimate, PlanePoint, Series, forest, lines, plane, spanning
from complaints.report.tables import Line, Tables, interval, number
from complaints.scoring.rungs import parent_of

COLORS = 6
"""Number of colours in the page's style; further models begin again with the first."""
WORDS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "macro_f1_10": "macro-F1, classes with 10 test rows and more",
}
LEAST_BIN_ROWS = 20
"""Bins of a reliability diagram with fewer rows are left out: their accuracy says little."""


@dataclass(frozen=True)
class Chart:
    """A figure of the page."""

    title: str
    text: str
    svg: str
    legend: Sequence[tuple[str, int, bool]] = ()
    """(name, colour, dashed) of each series."""


def color(tables: Tables, row: str) -> int:
    """Return the colour of a row of the scoreboard: that of its model, with and without a rule."""
    models = list(dict.fromkeys(model_of(name) for name in tables.models if name != FLOOR))
    return models.index(model_of(row)) % COLORS


def _scored(tables: Tables) -> list[Line]:
    return [line for line in tables.of("scoreboard", split="test") if line["model"] != FLOOR]


def scores(tables: Tables, metric: str, best: str) -> Chart:
    """Return the forest plot of a metric on test."""
    estimates = [
        Estimate(line["model"], *found, color(tables, line["model"]), line["model"] == best)
        for line in _scored(tables)
        if (found := interval(line, metric))
    ]
    axis = spanning(WORDS[metric], [end for one in estimates for end in (one.low, one.high)])
    title = f"{WORDS[metric][0].upper()}{WORDS[metric][1:]}, test"
    text = (
        "Points with 95 % intervals, by a bootstrap over clusters of near duplicates. Bold: the best row on validation."
    )
    return Chart(title, text, forest(title, axis, estimates, lambda value: f"{value:.3f}"))


def differences(tables: Tables, base: str, metric: str) -> Chart | None:
    """Return the forest plot of paired differences to a row, None if there are none."""
    estimates = []
    for line in tables.of("differences", base=base, metric=metric):
        found = [number(line, column) for column in ("difference", "low", "high")]
        value, low, high = (0.0 if one is None else one for one in found)
        estimates.append(Estimate(line["model"], value, low, high, color(tables, line["model"])))
    if not estimates:
        return None
    axis = spanning(f"difference in {WORDS[metric]}", [0.0, *(end for one in estimates for end in (one.low, one.high))])
    title = f"Difference to {base}: {WORDS[metric]}, test"
    text = (
        "Paired, with 95 % intervals of each difference alone. An interval across 0 means: cannot tell. One beside 0 "
        "can mean it too, since the verdicts count how many rows are compared (Holm's procedure)."
    )
    return Chart(title, text, forest(title, axis, estimates, lambda value: f"{value:+.3f}"))


def tradeoff_plane(tables: Tables) -> Chart:
    """Return the plane of accuracy and macro-F1 on test."""
    points = []
    for line in _scored(tables):
        accuracy, macro_f1 = interval(line, "accuracy"), interval(line, "macro_f1")
        if accuracy and macro_f1:
            points.append(PlanePoint(line["model"], accuracy, macro_f1, color(tables, line["model"])))
    x = spanning("accuracy", [end for one in points for end in one.x])
    y = spanning("macro-F1", [end for one in points for end in one.y])
    text = "Up and to the right is better. Crosses are the 95 % intervals of each score."
    return Chart("Accuracy against macro-F1, test", text, plane("Accuracy against macro-F1, test", x, y, points))


def _legend(series: Sequence[Series]) -> list[tuple[str, int, bool]]:
    return [(one.name, one.color, one.dashed) for one in series]


def reliability(tables: Tables) -> Chart:
    """Return the reliability diagram of rows with a rule, before (dashed) and after temperature scaling."""
    series = []
    for model in (name for name in tables.models if is_adjusted(name)):
        for kind in ("raw", "calibrated"):
            bins = tables.of("reliability", model=model, split="test", probabilities=kind, binning="equal mass")
            points = [
                (float(line["confidence"]), float(line["accuracy"]))
                for line in bins
                if int(line["rows"]) >= LEAST_BIN_ROWS
            ]
            name = f"{model}, {'as computed' if kind == 'raw' else 'calibrated'}"
            series.append(Series(name, points, color(tables, model), kind == "raw", marked=True))
    text = (
        "Accuracy of answers by their confidence, in bins of equal numbers of rows. On the dotted line confidence is "
        "the probability of being right; below it the model is too sure. Dashed: before temperature scaling."
    )
    axes = Axis("confidence", 0, 1, True), Axis("accuracy", 0, 1, True)
    svg = lines("Reliability, test", *axes, [one for one in series if one.points], diagonal=True)
    return Chart("Reliability, test", text, svg, _legend([one for one in series if not one.dashed]))


def coverage(tables: Tables) -> Chart:
    """Return accuracy against the share of rows that are answered."""
    series = []
    for model in (name for name in tables.models if name != FLOOR):
        found = tables.of("coverage", model=model, split="test")
        points = [(float(line["coverage"]), float(line["accuracy"])) for line in found if line["accuracy"]]
        series.append(Series(model, points, color(tables, model), not is_adjusted(model)))
    values = [accuracy for one in series for _, accuracy in one.points]
    axes = Axis("share answered by the model", 0, 1, True), spanning("accuracy of its answers", values, True)
    text = "Complaints go to a person in ascending order of confidence; the curve is the accuracy of the others."
    return Chart("If unsure complaints go to a person, test", text, lines("Coverage", *axes, series), _legend(series))


def rules(tables: Tables) -> Chart:
    """Return accuracy and macro-F1 under each strength of the adjustment, out of fold."""
    series, dots = [], []
    for name, rule in tables.rules.items():
        if rule.fit is None or parent_of(name):
            continue
        points = [(point.accuracy, point.macro_f1) for point in rule.fit.curve]
        series.append(Series(name, points, color(tables, name), marked=True))
        dots += points
    x, y = (spanning(title, [point[index] for point in dots]) for index, title in enumerate(("accuracy", "macro-F1")))
    text = (
        "Each point is one strength of the adjustment for class frequency, on rows that the models were not trained on "
        "(no test rows). Rules fitted on other rows are not comparable: see models/rules."
    )
    return Chart(
        "Accuracy for macro-F1: the decision rules", text, lines("Decision rules", x, y, series), _legend(series)
    )


def learning_curve(tables: Tables, losses: dict[str, list[tuple[float, float]]]) -> Chart | None:
    """Return the validation macro-F1 by epoch of each fine-tuned model, None if there is none."""
    series = [Series(name, points, color(tables, name), marked=True) for name, points in losses.items() if points]
    if not series:
        return None
    xs, ys = zip(*(point for one in series for point in one.points), strict=True)
    axes = Axis("epoch", 0, max(max(xs), 1)), spanning("validation macro-F1", ys)
    text = "Macro-F1 on validation after each epoch, without a decision rule. Epoch 0: the initial weights."
    return Chart("Training", text, lines("Validation macro-F1 by epoch", *axes, series), _legend(series))


def data_curve(tables: Tables) -> Chart | None:
    """Return the scores of TF-IDF by the number of its training rows, and what a power law expects of twice as many.

    None if the baseline was not trained on fractions.
    """
    series = []
    for number_of_color, metric in enumerate(("accuracy", "macro_f1")):
        found = tables.of("learning_curve", split="test", metric=metric)
        measured = [line for line in found if line["kind"] == "measured"]
        expected = [line for line in found if line["kind"] == "expected"][:1]
        for name, chosen in ((WORDS[metric], measured), (f"{WORDS[metric]}, expected", [*measured[-1:], *expected])):
            points = [(float(line["train_rows"]), float(line["value"])) for line in chosen]
            ends = [(float(line["low"]), float(line["high"])) for line in chosen]
            series.append(Series(name, points, number_of_color, chosen is not measured, True, ends))
    if not any(one.points for one in series):
        return None
    axes = (
        Axis("training rows", 0, 1.05 * max(x for one in series for x, _ in one.points)),
        spanning("score on test", [0.0, *(end for one in series for ends in one.intervals for end in ends)]),
    )
    text = (
        f"{REFERENCE} after training on fractions of the rows, with 95 % intervals. Dashed: twice the rows, by a power "
        "law through the points, if it holds so far."
    )
    title = "How much would more data help?"
    return Chart(title, text, lines(title, *axes, series), _legend([one for one in series if not one.dashed]))
