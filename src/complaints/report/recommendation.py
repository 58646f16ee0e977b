"""Recommendation of the stage recommend, read for the page and the memo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from complaints.core.files import read_json
from complaints.report.charts import Chart, color
from complaints.report.svg import Axis, PlanePoint, plane, spanning
from complaints.report.tables import Tables
from complaints.reporting.markdown_table import markdown_table

DATA = "recommendation.json"
MARGIN = 1.6
"""Room at both ends of a logarithmic axis, as a factor."""


@dataclass(frozen=True)
class Recommendation:
    """The answers to the use cases, and the measured rows."""

    note: str
    """How rows are chosen; without measurements how to get them."""
    cases: Sequence[Mapping[str, Any]]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    fronts: Sequence[Mapping[str, Any]]


def read_recommendation(folder: Path) -> Recommendation:
    """Return the recommendation in the folder of the stage.

    Raises:
        UserError: if its file is missing or not JSON.
    """
    data = read_json(folder / DATA)
    return Recommendation(**{key: data[key] for key in ("note", "cases", "header", "rows", "fronts")})


def front_chart(tables: Tables, front: Mapping[str, Any]) -> Chart:
    """Return a score over a cost; dominated rows are hollow, and a dotted line goes through the front."""
    found = front["points"]
    points = [
        PlanePoint(one["name"], (one["cost"],) * 3, tuple(one["score"]), color(tables, one["name"]), _dominated(one))
        for one in found
    ]
    costs = [one["cost"] for one in found]
    x = Axis(front["axes"][0], min(costs) / MARGIN, max(costs) * MARGIN, logarithmic=True)
    y = spanning(front["axes"][1], [end for one in points for end in one.y])
    path = sorted((one["cost"], one["score"][0]) for one in found if not _dominated(one))
    text = f"Vertical lines: 95 % intervals. Hollow: dominated. {front['text']}"
    return Chart(front["title"], text, plane(front["title"], x, y, points, path))


def _dominated(point: Mapping[str, Any]) -> bool:
    return point["dominated_by"] is not None


def memo_part(recommendation: Recommendation) -> str:
    """Return the recommendation as Markdown: a table of the answers, then the sentences on each."""
    if not recommendation.cases:
        return recommendation.note
    lines = [["use case", "answer"], *([case["name"], case["headline"]] for case in recommendation.cases)]
    details = [
        f"**{case['name']}.** {case['about']} {case['question']} {' '.join(case['sentences'])}"
        for case in recommendation.cases
    ]
    return "\n\n".join([markdown_table(lines, [False, False]), *details, recommendation.note])
