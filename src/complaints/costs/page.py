"""Page of the costs, reports/costs/index.html: quality against latency, with the Pareto front."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from complaints.core.files import write_text
from complaints.costs.measure import CORPUS
from complaints.costs.pareto import Option, front
from complaints.costs.table import format_bytes, machine_line
from complaints.deciding.row_names import is_adjusted
from complaints.reporting.figures import BLUE, GREY, INK, RED, panel, shorten
from complaints.reporting.html_page import Section, render

HEIGHT = 3.4
"""Height of the figure in inches."""
NAME_CHARACTERS = 30

LEAD = (
    "Scores are those of the test split with their 95 % intervals; times and sizes are measurements of this machine "
    "and differ from one to the next. A row with a decision rule takes the time of its model, an ensemble that of its "
    "parts one after the other."
)
FRONT = (
    "Red: the Pareto front. No measured row is faster and has a macro-F1 as high. The front compares point estimates; "
    "the command complaints compare says whether a difference is more than noise. Vertical lines are 95 % intervals."
)
HEADER = (
    *("row", "on the front", "macro-F1", "interval", "accuracy", "interval", "p50, ms", "p95, ms"),
    *(f"{CORPUS // 1000}k texts, min", "disk"),
)


def _draw(file: Path, options: Sequence[Option], best: Sequence[Option]) -> None:
    """Draw macro-F1 over the median latency, on a logarithmic axis."""
    with panel(file, HEIGHT) as axes:
        axes.plot([o.latency_p50 for o in best], [o.macro_f1[0] for o in best], color=RED, linewidth=0.8, zorder=1)
        for option in options:
            color = RED if option in best else GREY
            value, low, high = option.macro_f1
            axes.plot([option.latency_p50] * 2, [low, high], color=BLUE, linewidth=1, zorder=0)
            axes.plot([option.latency_p50], [value], "o", color=color, markersize=5)
            name = shorten(option.name, NAME_CHARACTERS)
            # A model and its row with a rule are often close: one name is above its point, one below.
            below = -9 if is_adjusted(option.name) else 4
            axes.annotate(name, (option.latency_p50, value), (5, below), textcoords="offset points", color=INK)
        axes.set(xscale="log", xlabel="median latency of a single text in ms", ylabel="macro-F1, test")
        axes.margins(x=0.25)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(labelcolor=GREY)


def _row(option: Option, best: Sequence[Option]) -> list[str | float]:
    def interval(score: tuple[float, float, float]) -> str:
        return f"{score[1]:.3f}–{score[2]:.3f}"

    return [
        option.name,
        "yes" if option in best else "",
        option.macro_f1[0],
        interval(option.macro_f1),
        option.accuracy[0],
        interval(option.accuracy),
        option.latency_p50,
        option.latency_p95,
        option.minutes,
        format_bytes(option.disk_bytes),
    ]


def write_page(path: Path, options: Sequence[Option], costs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        options: The rows of the scoreboard to compare, at least one.
        costs: The measurements, of one machine.
    """
    best = front(options)
    machine = machine_line(next(iter(costs.values())))
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "front.png"
        _draw(picture, options, best)
        sections = [
            Section("Quality against latency", FRONT, png=picture),
            Section("All measured rows", header=HEADER, rows=[_row(option, best) for option in options]),
        ]
        write_text(path, render("Costs of the models", f"{LEAD}\n\n{machine}", sections))
