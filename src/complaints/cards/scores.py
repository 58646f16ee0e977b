"""Scores of a model on test: a table, the results of the card's metadata, and what its decision rule does."""

from collections.abc import Sequence
from typing import Any

from huggingface_hub import EvalResult

from complaints.cards.evidence import Evidence
from complaints.cards.markdown import escaped, paragraphs, score, table
from complaints.cards.subject import Subject
from complaints.deciding.row_names import adjusted, is_adjusted
from complaints.report.tables import Line, Tables, interval
from complaints.scoring.rungs import parent_of

METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "macro_f1_10": "macro-F1, classes of 10 rows and more",
    "weighted_f1": "weighted F1",
    "balanced_accuracy": "balanced accuracy",
    "top3_accuracy": "top-3 accuracy",
    "ece": "calibration error (ECE)",
    "nll": "negative log-likelihood",
    "brier": "Brier score",
    "aurc": "area under the risk-coverage curve",
}
"""Metric of the scoreboard -> its name in the card."""
HUB_METRICS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "accuracy": ("accuracy", None),
    "macro_f1": ("f1", {"average": "macro"}),
    "weighted_f1": ("f1", {"average": "weighted"}),
    "balanced_accuracy": ("balanced_accuracy", None),
}
"""Metric of the scoreboard -> the hub's metric and its arguments."""


def rows_of(subject: Subject, tables: Tables) -> list[str]:
    """Return the rows of the scoreboard that are of a model: without and with its decision rule."""
    return [row for row in (subject.name, adjusted(subject.name)) if row in tables.models]


def _lines(tables: Tables, rows: Sequence[str], split: str) -> list[Line]:
    return [line for row in rows if (line := tables.one("scoreboard", model=row, split=split)) is not None]


def score_table(tables: Tables, rows: Sequence[str]) -> str:
    """Return the scores on test, and on its rows without a duplicate in train where they are scored apart."""
    splits = [split for split in dict.fromkeys(line["split"] for line in tables.lines["scoreboard"]) if "test" in split]
    parts = []
    for split in splits:
        lines = _lines(tables, rows, split)
        cells = [
            [name, *(score(line, metric) or "" for line in lines)]
            for metric, name in METRICS.items()
            if any(score(line, metric) for line in lines)
        ]
        title = "test" if split == "test" else "those of them without a duplicate in train"
        parts += [f"{int(lines[0]['rows']):,} rows, {title}:", table(("metric", *rows), cells)]
    return paragraphs(parts)


def _dataset(evidence: Evidence) -> dict[str, Any]:
    """Return type, name and revision of the data set for the hub."""
    manifest = evidence.manifest
    kind = manifest.get("dataset", "complaints")
    name = (
        "Synthetic complaints, which no consumer wrote" if evidence.synthetic else f"Complaints ({manifest['source']})"
    )
    revision = manifest.get("revision", evidence.splits["test"].sha256)
    return {"dataset_type": kind, "dataset_name": name, "dataset_split": "test", "dataset_revision": revision}


def eval_results(subject: Subject, evidence: Evidence) -> list[EvalResult]:
    """Return the scores on test as the hub's results; the name of a metric has its interval."""
    tables = evidence.tables
    found = []
    for line in _lines(tables, rows_of(subject, tables), "test"):
        for metric, (kind, arguments) in HUB_METRICS.items():
            if not line.get(metric):
                continue
            bounds = interval(line, metric)
            name = METRICS[metric] + (" with the decision rule" if is_adjusted(line["model"]) else "")
            name += f" (95 % interval {bounds[1]:.3f} to {bounds[2]:.3f})" if bounds else ""
            found.append(
                EvalResult(
                    task_type="text-classification",
                    task_name="Class of a complaint",
                    metric_type=kind,
                    metric_value=float(line[metric]),
                    metric_name=name,
                    metric_args=arguments,
                    **_dataset(evidence),
                )
            )
    return found


def rule_section(subject: Subject, tables: Tables) -> str:
    """Return the decision rule, how it was fitted, and what its thresholds do on test."""
    rule, row = subject.rule, adjusted(subject.name)
    weights = ", ".join(f"{escaped(part)} {weight:g}" for part, weight in rule.weights.items())
    parts = [
        f"Label = argmax(z / {rule.temperature:g} - {rule.tau:g} x log prior), for z, the log-probabilities of the "
        "parts "
        f"with the weights {weights}; probability = softmax(z / {rule.temperature:g}). The prior is that of the "
        "training "
        "rows (Menon et al. 2021).",
    ]
    if rule.fit is not None:
        parent = parent_of(subject.name)
        whose = f"It is the rule of {escaped(parent[0])}, which" if parent else "It"
        parts.append(
            f"{whose} was fitted on {rule.fit.rows:,} rows of {', '.join(rule.fit.splits)} for {rule.fit.objective}, "
            f"with cross-fitted accuracy {rule.fit.accuracy:.3f} and macro-F1 {rule.fit.macro_f1:.3f}. Test rows had "
            "no part in it."
        )
    lines = [line for line in tables.of("thresholds", split="test", model=row) if line["threshold"]]
    cells = [
        [
            f"{float(line['wanted_accuracy']):.0%}",
            f"{float(line['threshold']):.3f}",
            f"{float(line['coverage']):.1%}",
            f"{float(line['accuracy']):.1%}" if line["accuracy"] else "none",
        ]
        for line in lines
    ]
    if cells:
        header = ("wanted accuracy", "least confidence", "answered on test", "accuracy on test")
        parts += ["Answers below a confidence can be left to a person:", table(header, cells, texts=0)]
    return paragraphs(parts)
