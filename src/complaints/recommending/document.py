"""Recommendation as Markdown, as JSON for the report, and its table as CSV."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from complaints.core.csv_files import write_csv
from complaints.core.files import write_json
from complaints.recommending.figure import draw_front
from complaints.recommending.machine import LENGTHS, compute_text
from complaints.recommending.measures import COSTS, MEASURES, SCORES, number_text
from complaints.recommending.options import Option
from complaints.recommending.study import FRONTS, METRIC, Study
from complaints.recommending.wording import headline, question, sentences
from complaints.reporting.markdown_table import markdown_table

SYNTHETIC = "**SYNTHETIC DATA: a program made up these complaints. The scores say nothing about real complaints.**"
UNMEASURED = (
    "Nothing was measured, so nothing is recommended: set costs.measure in params.yaml to true, then `dvc repro`."
)
CHOICE = (
    "Rows are chosen by their scores on validation and by measured costs; scores are of test unless a line says "
    "otherwise. A row is better than another if the paired difference on test is significant after Holm's correction "
    "over all comparisons with the winner (p < 0.05); else it cannot be told. Costs that agree in two significant "
    "digits count as equal."
)
FRONT = (
    "A row is dominated if a row of the front costs less and this row is not significantly better than it, or if both "
    "cost the same and the other is significantly better (Holm's correction over all pairs of rows). So a dearer row "
    "is on the front only if this test set shows that it is worth more."
)
COST_NOTE = (
    "Costs are measurements of one machine and differ from one run to the next. A row with a decision rule takes those "
    "of its model, an ensemble the sum of its parts; its peak memory is therefore too high, since the parts share the "
    "libraries. Prices are recommend.prices of params.yaml."
)
SHOWN = ("accuracy", METRIC)
SHORT = {
    "p50_ms": "p50, ms",
    "p95_ms": "p95, ms",
    "batch_p50_ms": "32 texts p50, ms",
    "batch_p95_ms": "32 texts p95, ms",
    "minutes_per_million": "min per million",
    "euros_per_million": "EUR per million",
    "memory_mb": "memory, MB",
    "disk_mb": "disk, MB",
    "training_minutes": "training, min",
}
PICTURES = {cost: f"front_{cost}.png" for cost in FRONTS}
TABLE, DATA = "costs.csv", "recommendation.json"


def write_folder(folder: Path, study: Study | None) -> None:
    """Write table, pictures and data into a folder; without measurements the data alone."""
    write_json(folder / DATA, data(study))
    if study is None:
        return
    ends = [f"{score}{end}" for score in SCORES for end in ("", "_low", "_high")]
    header = ["row", "device", *COSTS, *ends, *(f"validation_{score}" for score in SCORES)]
    write_csv(folder / TABLE, [*header, *(f"dominated_by_{cost}" for cost in FRONTS)], _lines(study))
    for cost, picture in PICTURES.items():
        draw_front(folder / picture, study.options, study.fronts[cost], cost, METRIC)


def _lines(study: Study) -> Iterator[list[object]]:
    for option in study.options:
        tested = [end for score in SCORES for end in option.test.get(score, ("", "", ""))]
        costs = ["" if (value := option.costs[name]) is None else round(value, 4) for name in COSTS]
        dominators = [study.fronts[cost].get(option.name) or "" for cost in FRONTS]
        validation = [option.validation.get(score, "") for score in SCORES]
        yield [option.name, option.device, *costs, *tested, *validation, *dominators]


def data(study: Study | None) -> dict[str, Any]:
    """Return what the report shows, as JSON."""
    if study is None:
        return {"measured": False, "note": UNMEASURED, "cases": [], "rows": [], "header": [], "fronts": []}
    return {
        "measured": True,
        "note": f"{study.machine} {CHOICE}",
        "cases": [
            {
                "name": answer.name,
                "about": answer.case.about,
                "question": question(answer.case),
                "winner": answer.winner.name if answer.winner else None,
                "level": [option.name for option in answer.level],
                "cheapest": answer.cheapest.name if answer.cheapest else None,
                "runner_up": answer.runner_up.name if answer.runner_up else None,
                "headline": headline(answer),
                "sentences": sentences(answer),
            }
            for answer in study.answers
        ],
        "header": _header(),
        "rows": [_cells(study, option) for option in study.options],
        "fronts": [_front(study, cost) for cost in FRONTS],
    }


def _front(study: Study, cost: str) -> dict[str, Any]:
    points = [
        {"name": o.name, "cost": o.costs[cost], "score": o.test[METRIC], "dominated_by": study.fronts[cost][o.name]}
        for o in study.options
        if o.name in study.fronts[cost]
    ]
    title = f"{MEASURES[METRIC].title} against {MEASURES[cost].title}, test"
    axes = [f"{MEASURES[cost].title}, {MEASURES[cost].unit}", MEASURES[METRIC].title]
    return {"title": title, "text": FRONT, "axes": axes, "points": points}


def _header() -> list[str]:
    return ["row", *(MEASURES[name].title for name in SHOWN), *SHORT.values(), "by latency", "by price"]


def _cells(study: Study, option: Option) -> list[str]:
    scores = [
        f"{found[0]:.3f} ({found[1]:.3f}–{found[2]:.3f})" if (found := option.test.get(name)) else "" for name in SHOWN
    ]
    costs = [_number(option.costs[name]) for name in SHORT]
    return [option.name, *scores, *costs, *(_dominator(study.fronts[cost], option.name) for cost in FRONTS)]


def _number(value: float | None) -> str:
    return "" if value is None else number_text(value)


def _dominator(front: Mapping[str, str | None], name: str) -> str:
    return f"dominated by {by}" if (by := front.get(name)) else "front" if name in front else ""


def markdown(study: Study | None, synthetic: bool, folder: str) -> str:
    """Return the recommendation.

    Args:
        study: The study; None if nothing was measured.
        synthetic: Whether the complaints are made up.
        folder: Path of the folder with the pictures, relative to the document.
    """
    head = ["# Recommendation", *([SYNTHETIC] if synthetic else [])]
    if study is None:
        return "\n\n".join([*head, UNMEASURED]) + "\n"
    rows = [_cells(study, option) for option in study.options]
    parts = [
        *head,
        study.machine,
        _answers(study),
        CHOICE,
        *(part for answer in study.answers for part in _case(answer.name, answer.case.about, answer)),
        "## Every row",
        markdown_table([_header(), *rows], [False, *[True] * (len(SHOWN) + len(SHORT)), False, False]),
        COST_NOTE,
        "## Latency by length of the text",
        _by_length(study.measured),
        "## Pareto fronts",
        FRONT,
        *(f"![{MEASURES[METRIC].title} against {MEASURES[cost].title}]({folder}/{PICTURES[cost]})" for cost in FRONTS),
    ]
    return "\n\n".join(parts) + "\n"


def _answers(study: Study) -> str:
    lines = [["use case", "answer", "runner-up"]]
    for answer in study.answers:
        lines.append([answer.name, headline(answer), answer.runner_up.name if answer.runner_up else ""])
    return markdown_table(lines, [False] * 3)


def _case(name: str, about: str, answer: Any) -> Sequence[str]:
    return [f"## {name}", f"{about} {question(answer.case)}", f"**{headline(answer)}**", *sentences(answer)]


def _by_length(measured: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [["model", "texts", "characters", "p50, ms", "p95, ms", "computed with"]]
    for name, cost in measured.items():
        of_lengths = cost["latency"]["by_length"]
        for length in (length for length in LENGTHS if length in of_lengths):
            found = of_lengths[length]
            low, high = found["characters"]
            times = [_number(found["p50_ms"]), _number(found["p95_ms"])]
            lines.append([name, length, f"{low:,}–{high:,}", *times, compute_text(cost["compute"])])
    return markdown_table(lines, [False, False, True, True, True, False])
