"""The report page: verdict, charts and tables of an evaluation in one file."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from complaints.deciding.row_names import FLOOR
from complaints.report import charts
from complaints.report.charts import Chart
from complaints.report.recommendation import Recommendation, front_chart
from complaints.report.tables import Line, Tables, interval, number
from complaints.report.verdict import best_row, opening, p_text, unfound_classes
from complaints.reporting.templates import load_template

MOST_PAIRS = 40
"""Confusions of a model on the page."""
_BEGINS_WITH_NUMBER = re.compile(r"[-+<]?\s*\.?\d")
MOST_ERRORS = 15
"""Complaints in each list of errors."""
LISTED_METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "macro_f1_10": "macro-F1 ≥ 10",
    "weighted_f1": "weighted F1",
    "balanced_accuracy": "balanced acc.",
    "top3_accuracy": "top-3",
    "ece": "ECE",
    "zero_f1_classes": "zero-F1",
    "rescued": "rescued",
}


@dataclass(frozen=True)
class Table:
    """A table whose columns can be sorted; numbers are shown with three decimals."""

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]

    @property
    def numeric(self) -> list[bool]:
        """Whether a column has numbers alone, or texts that begin with one such as an interval."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.header)
        return [all(not isinstance(one, str) or _BEGINS_WITH_NUMBER.match(one) for one in column) for column in columns]


def render(
    tables: Tables,
    recommendation: Recommendation,
    histories: Mapping[str, Sequence[tuple[float, float]]],
    models: Sequence[str],
) -> str:
    """Return the page.

    Args:
        tables: The tables of the evaluation.
        recommendation: The answers to the use cases.
        histories: For each fine-tuned model, (epoch, validation macro-F1).
        models: Names of the folders in models/ whose lineage the page tells how to trace.
    """
    best = best_row(tables)
    return load_template("complaints.report", "report.html.jinja", cell).render(
        synthetic=tables.synthetic,
        opening=opening(tables),
        verdicts=_verdicts(tables),
        recommendation=recommendation,
        costs=_costs(recommendation),
        scoreboard=_scoreboard(tables),
        charts=[*(front_chart(tables, front) for front in recommendation.fronts), *_charts(tables, histories, best)],
        given_product=_given_product(tables),
        compression=_compression(tables),
        slices=_slices(tables, best),
        errors=[table for table in (_errors(tables, best), _label_errors(tables)) if table.rows],
        unfound=unfound_classes(tables),
        classes=_classes(tables),
        best=best,
        models=models,
    )


def cell(value: str | int | float | None) -> str:
    """Return the text of a cell."""
    return (
        ""
        if value is None
        else f"{value:.3f}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else value
    )


def _charts(tables: Tables, histories: Mapping[str, Sequence[tuple[float, float]]], best: str) -> list[Chart]:
    found = [
        charts.scores(tables, "macro_f1", best),
        charts.scores(tables, "accuracy", best),
        *(charts.differences(tables, base, metric) for base in tables.bases for metric in ("macro_f1", "accuracy")),
        charts.tradeoff_plane(tables),
        charts.rules(tables),
        charts.reliability(tables),
        charts.coverage(tables),
        charts.learning_curve(tables, {name: list(points) for name, points in histories.items()}),
        charts.data_curve(tables),
    ]
    return [chart for chart in found if chart is not None]


def _costs(recommendation: Recommendation) -> Table | None:
    text = (
        "Scores of test with 95 % intervals, and measurements of one machine; an ensemble takes the sum of its parts."
    )
    return Table("Scores and costs", text, recommendation.header, recommendation.rows) if recommendation.rows else None


def _verdicts(tables: Tables) -> Table:
    rows: list[Sequence[str | float | int | None]] = []
    for line in tables.of("differences", base=tables.bases[0]):
        if line["metric"] not in ("macro_f1", "accuracy"):
            continue
        numbers = {name: number(line, name) or 0.0 for name in ("difference", "low", "high", "p", "mde")}
        needed = int(line["needed_rows"]) if line["needed_rows"] else None
        rows.append(
            [
                line["model"],
                charts.WORDS[line["metric"]],
                f"{numbers['difference']:+.3f}",
                f"{numbers['low']:+.3f} to {numbers['high']:+.3f}",
                p_text(numbers["p"]).removeprefix("p = ").removeprefix("p "),
                numbers["mde"],
                needed,
                line["verdict"],
            ]
        )
    header = ["model", "metric", "difference", "95 % interval", "p (Holm)", "detectable", "rows needed", "verdict"]
    text = (
        f"Each row of the scoreboard against {tables.bases[0]}, on the same test rows. Detectable: the smallest true "
        "difference that this test set finds four times in five. Rows needed: test rows at which a difference of the "
        "observed size would be found four times in five."
    )
    return Table(f"Is it better than {tables.bases[0]}?", text, header, rows)


def _scoreboard(tables: Tables) -> Table:
    rows: list[Sequence[str | float | int | None]] = []
    shown = [name for name in LISTED_METRICS if any(line.get(name) for line in tables.lines["scoreboard"])]
    for split in dict.fromkeys(line["split"] for line in tables.lines["scoreboard"]):
        for line in tables.of("scoreboard", split=split):
            cells = []
            for metric in shown:
                found = interval(line, metric)
                plain = number(line, metric)
                whole = plain is not None and metric in ("zero_f1_classes", "rescued")
                cells.append(
                    f"{found[0]:.3f} ({found[1]:.3f}–{found[2]:.3f})".replace("0.", ".")
                    if found
                    else int(plain)
                    if whole and plain is not None
                    else plain
                )
            rows.append([line["model"], split.replace("_", " "), *cells])
    rows.sort(key=lambda row: (not str(row[1]).startswith("test"), str(row[1])))
    text = "In brackets: 95 % intervals. Never seen: rows without a duplicate in train. ECE: calibration error."
    return Table("Scoreboard", text, ["model", "rows", *(LISTED_METRICS[name] for name in shown)], rows)


def _given_product(tables: Tables) -> Table | None:
    rows = []
    for line in tables.of("given_product", split="test"):
        found = [interval(line, metric) for metric in ("accuracy", "macro_f1")]
        rows.append([line["model"], *(f"{one[0]:.3f} ({one[1]:.3f}–{one[2]:.3f})" if one else None for one in found)])
    text = (
        "Another task, not to be compared with the scoreboard: classes that never occur with the complaint's product "
        "in training are no candidates."
    )
    return Table("Given the product, test", text, ["model", "accuracy", "macro-F1"], rows) if rows else None


def _compression(tables: Tables) -> Table | None:
    tiers = {f"macro_f1_{tier}": tier for tier in ("head", "mid", "tail")}
    names = {"accuracy": "accuracy", "macro_f1": "macro-F1", **tiers}
    rows: list[Sequence[str | float | None]] = []
    for model in dict.fromkeys(line["model"] for line in tables.lines["compression"]):
        found = {line["metric"]: line for line in tables.of("compression", model=model)}
        changes = [_change(found[metric]) if metric in found else None for metric in names]
        plain = [number(found[metric], "value") for metric in ("agreement", "megabytes", "ece")]
        rows.append([model, *plain, *changes])
    text = (
        "Each against the model that it was made from, on the same test rows: differences with 95 % intervals, "
        "macro-F1 also over frequent (head), less frequent (mid) and rare (tail) classes. Agreement: rows with the "
        "same label."
    )
    header = ["model", "agreement", "MB", "ECE", *names.values()]
    return Table("Compressed models against their parents, test", text, header, rows) if rows else None


def _change(line: Line) -> str:
    difference, low, high = (number(line, name) or 0.0 for name in ("difference", "low", "high"))
    return f"{difference:+.3f} ({low:+.3f} to {high:+.3f})"


def _slices(tables: Tables, best: str) -> Table:
    rows = []
    for line in tables.of("slices", split="test", model=best):
        found = [interval(line, metric) for metric in ("accuracy", "macro_f1")]
        shown = [f"{one[0]:.3f} ({one[1]:.3f}–{one[2]:.3f})" if one else None for one in found]
        rows.append([line["slice"], line["value"], int(line["rows"]), *shown])
    text = "Parts of the test rows, each with its own interval; many parts are compared, so some differ by chance."
    return Table(f"Slices, {best}", text, ["slice", "value", "rows", "accuracy", "macro-F1"], rows)


def _errors(tables: Tables, best: str) -> Table:
    rows = [
        [line["row_id"], line["true"], line["predicted"], number(line, "confidence"), line["text"]]
        for line in tables.of("errors", split="test", model=best)[:MOST_ERRORS]
    ]
    text = "The errors that it is most confident of; texts are cut, and personal data in them is masked."
    return Table(f"Confident errors of {best}, test", text, ["row", "true", "predicted", "confidence", "text"], rows)


def _label_errors(tables: Tables) -> Table:
    rows = [
        [
            line["row_id"],
            line["given"],
            line["suggested"],
            number(line, "p_given"),
            number(line, "p_suggested"),
            line["text"],
        ]
        for line in tables.of("label_errors", split="train")[:MOST_ERRORS]
    ]
    text = (
        "Training rows whose label is probably wrong, by confident learning on out-of-fold predictions, the surest "
        "first: to be reviewed, not to be dropped. p: probability of the given and of the suggested class."
    )
    header = ["row", "given", "suggested", "p given", "p suggested", "text"]
    return Table("Likely wrong labels, train", text, header, rows)


def _classes(tables: Tables) -> str:
    """Return the scores per class and the confusions of each model as JSON for the page's script."""
    models = [name for name in tables.models if name != FLOOR]
    first = tables.of("per_class", model=models[0], split="test")
    data: dict[str, Any] = {
        "labels": [line["label"] for line in first],
        "tiers": [line["tier"] for line in first],
        "train": [int(line["support_train"]) for line in first],
        "rows": [int(line["support"]) for line in first],
        "f1": {
            model: [round(float(line["f1"]), 3) for line in tables.of("per_class", model=model, split="test")]
            for model in models
        },
        "confusions": {
            model: [
                [line["true"], line["predicted"], int(line["count"]), round(float(line["share"]), 3)]
                for line in tables.of("confusions", model=model, split="test")[:MOST_PAIRS]
            ]
            for model in models
        },
    }
    # "<" is escaped, so that no label can end the script.
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
