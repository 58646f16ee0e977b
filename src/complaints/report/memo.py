"""The memo: what was tried and what can be said, in Markdown, with numbers from the tables alone."""

from collections.abc import Iterable, Sequence

from complaints.deciding.row_names import is_adjusted
from complaints.report.charts import WORDS
from complaints.report.recommendation import Recommendation, memo_part
from complaints.report.tables import Tables, number
from complaints.report.verdict import best_row, opening, p_text, score_text, unfound_classes
from complaints.reporting.markdown_table import markdown_table
from complaints.scoring.rungs import parent_of

SYNTHETIC = "**SYNTHETIC DATA: a program made up these complaints. The scores say nothing about real complaints.**"
NOTE = (
    "p-values are corrected by Holm's procedure within each table and metric; intervals are of each difference alone. "
    "Detectable: the smallest true difference that this test set finds four times in five. Rows needed: test rows with "
    "which a difference of the observed size would be found four times in five."
)
LISTED = 20
"""Most names in a sentence."""


def memo(tables: Tables, recommendation: Recommendation) -> str:
    """Return the memo."""
    best = best_row(tables)
    parts = [
        "# Memo",
        *([SYNTHETIC] if tables.synthetic else []),
        *opening(tables),
        "## Recommendation",
        memo_part(recommendation),
        "## Scores on test",
        _scores(tables),
        "In brackets: 95 % intervals, by a bootstrap over clusters of near duplicates.",
        "## Differences",
        *(_differences(tables, base) for base in tables.bases),
        NOTE,
        "## Classes that no model finds",
        _unfound(tables),
        "## Decision rules",
        _rules(tables),
        "## Calibration on test",
        _calibration(tables),
        "## If unsure complaints go to a person",
        _thresholds(tables, best),
    ]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return markdown_table([header, *lines], [False] + [True] * (len(header) - 1))


def _scores(tables: Tables) -> str:
    header = ["model", "accuracy", "macro-F1", "macro-F1, classes of 10 rows and more", "zero-F1 classes", "rescued"]
    return _table(
        header,
        (
            [line["model"], *(score_text(line, metric) for metric in WORDS), line["zero_f1_classes"], line["rescued"]]
            for line in tables.of("scoreboard", split="test")
        ),
    )


def _differences(tables: Tables, base: str) -> str:
    found = tables.of("differences", base=base)
    lines = [
        [
            line["model"],
            WORDS[line["metric"]],
            f"{number(line, 'difference'):+.3f}",
            f"{number(line, 'low'):+.3f} to {number(line, 'high'):+.3f}",
            p_text(number(line, "p") or 0.0),
            f"{number(line, 'mde'):.3f}",
            f"{int(line['needed_rows']):,}" if line["needed_rows"] else "",
            line["verdict"],
        ]
        for line in found
        if line["metric"] in ("accuracy", "macro_f1")
    ]
    header = ["model", "metric", "difference", "95 % interval", "p", "detectable", "rows needed", "verdict"]
    return f"Against **{base}**:\n\n{_table(header, lines)}"


def _unfound(tables: Tables) -> str:
    classes = unfound_classes(tables)
    if not classes:
        return "None: every class with test rows has an F1 above 0 in some row of the scoreboard."
    rest = f", and {len(classes) - LISTED} more" if len(classes) > LISTED else ""
    return f"{len(classes)} classes with test rows have an F1 of 0 in every row: {'; '.join(classes[:LISTED])}{rest}."


def _rules(tables: Tables) -> str:
    lines = []
    for name, rule in tables.rules.items():
        if rule.fit is not None and not parent_of(name):
            weights = ", ".join(f"{weight:.2f} {part}" for part, weight in rule.weights.items())
            fit = rule.fit
            scores = [f"{fit.accuracy:.3f}", f"{fit.macro_f1:.3f}"]
            lines.append(
                [
                    name,
                    weights,
                    f"{rule.temperature:.2f}",
                    f"{rule.tau:g}",
                    " + ".join(fit.splits),
                    f"{fit.rows:,}",
                    *scores,
                ]
            )
    header = ["rule", "weights", "temperature", "tau", "fitted on", "rows", "cross-fitted accuracy", "macro-F1"]
    return _table(header, lines)


def _calibration(tables: Tables) -> str:
    lines = []
    for line in tables.of("calibration", split="test"):
        if is_adjusted(line["model"]):
            kind = "as computed" if line["probabilities"] == "raw" else "temperature-scaled"
            lines.append(
                [f"{line['model']}, {kind}", *(f"{float(line[name]):.3f}" for name in ("ece", "nll", "brier"))]
            )
    return _table(["probabilities", "ECE, 15 bins", "NLL", "Brier"], lines)


def _thresholds(tables: Tables, best: str) -> str:
    lines = []
    for line in tables.of("thresholds", model=best, split="test"):
        wanted, threshold = number(line, "wanted_accuracy"), number(line, "threshold")
        if threshold is None:
            lines.append([f"{wanted:.0%}", "not reached", "", ""])
            continue
        accuracy = number(line, "accuracy")
        told = "" if accuracy is None else f"{accuracy:.1%}"
        lines.append([f"{wanted:.0%}", f"{threshold:.3f}", f"{number(line, 'coverage'):.1%}", told])
    table = _table(["wanted accuracy", "answers from confidence", "answered on test", "accuracy on test"], lines)
    return f"{best}, with thresholds that were chosen without test rows:\n\n{table}"
