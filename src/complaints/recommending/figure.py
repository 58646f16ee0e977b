"""Picture of a score over a cost, with the Pareto front."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from complaints.recommending.measures import MEASURES
from complaints.recommending.options import Option
from complaints.reporting.figures import BLUE, GREY, INK, RED, panel, shorten

HEIGHT = 3.4
"""Height of the figure in inches."""
NAME_CHARACTERS = 30
LINES = 24
"""Lines of text that the axes have room for."""


def draw_front(
    file: Path, options: Sequence[Option], dominated: Mapping[str, str | None], cost: str, metric: str
) -> None:
    """Draw a score on test over a cost, on a logarithmic axis; rows of the front are red, dominated ones grey.

    Args:
        file: The PNG file.
        options: The rows.
        dominated: Row -> the row that dominates it, None on the front, for the rows to draw.
        cost: Name of the cost.
        metric: Name of the score.
    """
    points = {o.name: (value, *o.test[metric]) for o in options if o.name in dominated and (value := o.costs[cost])}
    best = sorted(points[name][:2] for name in points if dominated[name] is None)
    with panel(file, HEIGHT) as axes:
        axes.set(
            xscale="log",
            xlabel=f"{MEASURES[cost].title}, {MEASURES[cost].unit}",
            ylabel=f"{MEASURES[metric].title}, test",
        )
        axes.plot([x for x, _ in best], [y for _, y in best], color=RED, linewidth=0.8, zorder=1)
        for name, (x, y, low, high) in points.items():
            axes.plot([x, x], [low, high], color=BLUE, linewidth=1, zorder=0)
            axes.plot([x], [y], "o", color=GREY if dominated[name] else RED, markersize=5)
        axes.margins(x=0.1)
        _name(axes, {name: (x, y) for name, (x, y, _, _) in points.items()})
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(labelcolor=GREY)


def _name(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write names beside points towards the middle, from the highest point down on lines of their own."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    line, level = (top - bottom) / LINES, top
    for name, (x, y) in sorted(points.items(), key=lambda item: -item[1][1]):
        level = min(y, level - line)
        before = x * x > left * right  # right of the middle of a logarithmic axis
        axes.annotate(
            shorten(name, NAME_CHARACTERS),
            (x, level),
            (-6 if before else 6, 0),
            textcoords="offset points",
            ha="right" if before else "left",
            va="center",
            color=INK,
        )
