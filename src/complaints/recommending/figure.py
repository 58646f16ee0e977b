"""Picture of a score over a cost, with the Pareto front."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox, BboxBase

from complaints.recommending.measures import MEASURES
from complaints.recommending.options import Option
from complaints.reporting.figures import BLUE, GREY, INK, RED, panel, shorten

HEIGHT = 3.4
"""Height of the figure in inches."""
NAME_CHARACTERS = 30
MARKER = 5
"""Size of a point, in pixels of the layout."""


def draw_front(
    file: Path, options: Sequence[Option], dominated: Mapping[str, str | None], cost: str, metric: str
) -> None:
    """Draw a score on test over a cost, on a logarithmic axis; rows of the front are red, dominated ones grey.

    A name without room beside its point is left out; costs.csv has all rows.

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
        front = [name for name in points if dominated[name] is None]
        _name(axes, {name: (x, y) for name, (x, y, _, _) in points.items()}, front)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(labelcolor=GREY)


def _name(axes: Axes, points: Mapping[str, tuple[float, float]], front: Collection[str]) -> None:
    """Write names beside their points: those of the front, then from the highest point down where there is room."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # fixes the layout, and with it the places of texts
    placed: list[BboxBase] = [
        Bbox.from_bounds(x - MARKER / 2, y - MARKER / 2, MARKER, MARKER)
        for x, y in axes.transData.transform(list(points.values()))
    ]
    for name, point in sorted(points.items(), key=lambda item: (item[0] not in front, -item[1][1])):
        for offset, side in ((6, "left"), (-6, "right")):
            text = axes.annotate(
                shorten(name, NAME_CHARACTERS),
                point,
                (offset, 0),
                textcoords="offset points",
                ha=side,
                va="center",
                color=INK,
            )
            box = text.get_window_extent()
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
            if inside and not box.count_overlaps(placed):
                placed.append(box)
                break
            text.remove()
