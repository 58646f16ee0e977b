"""Picture of a score over a cost, with the Pareto front."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from complaints.deciding.row_names import is_adjusted
from complaints.recommending.measures import MEASURES
from complaints.recommending.options import Option
from complaints.reporting.figures import BLUE, GREY, INK, RED, panel, shorten

HEIGHT = 3.4
"""Height of the figure in inches."""
NAME_CHARACTERS = 30


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
        axes.plot([x for x, _ in best], [y for _, y in best], color=RED, linewidth=0.8, zorder=1)
        for name, (x, y, low, high) in points.items():
            axes.plot([x, x], [low, high], color=BLUE, linewidth=1, zorder=0)
            axes.plot([x], [y], "o", color=GREY if dominated[name] else RED, markersize=5)
            # A model and its row with a rule have one cost and are often close: one name is above, one below.
            below = -9 if is_adjusted(name) else 4
            axes.annotate(shorten(name, NAME_CHARACTERS), (x, y), (5, below), textcoords="offset points", color=INK)
        axes.set(
            xscale="log",
            xlabel=f"{MEASURES[cost].title}, {MEASURES[cost].unit}",
            ylabel=f"{MEASURES[metric].title}, test",
        )
        axes.margins(x=0.25)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(labelcolor=GREY)
