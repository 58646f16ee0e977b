"""Trade-off between accuracy and macro-F1 over the strength of the logit adjustment, one line for each rule."""

from collections.abc import Sequence
from pathlib import Path

from complaints.evaluation.scoreboard import ScoreboardRow
from complaints.reporting.figures import GREY, WIDTH, canvas, shorten
from complaints.reporting.html_page import Section
from complaints.scoring.rungs import parent_of

FILE = "tradeoff.png"
NAME_CHARACTERS = 40
HEIGHT = 3.6
"""Height of the axes in inches."""

TEXT = (
    "Each line is a decision rule over its candidates for tau, from the smallest (small dot) to the largest; the large "
    "dot is the tau that was chosen. Scores are cross-fitted: a row is scored with weights from other clusters."
)


def tradeoff_section(folder: Path, rows: Sequence[ScoreboardRow]) -> list[Section]:
    """Draw the trade-off curves of the rules into a folder and return the section, none without fitted rules.

    A compressed model has the rule of the one that it was made from, whose curve this is.
    """
    own = [row for row in rows if not parent_of(row.model)]
    fitted = [(row.name, row.rule, row.rule.fit.curve) for row in own if row.rule and row.rule.fit]
    if not fitted:
        return []
    below = 0.45 + 0.17 * len(fitted)
    height = HEIGHT + below + 0.3
    with canvas(folder / FILE, height) as figure:
        axes = figure.add_axes((0.6 / WIDTH, below / height, (WIDTH - 0.8) / WIDTH, HEIGHT / height))
        for name, rule, points in fitted:
            x, y = [point.accuracy for point in points], [point.macro_f1 for point in points]
            (line,) = axes.plot(x, y, linewidth=1, label=f"{shorten(name, NAME_CHARACTERS)}, tau {rule.tau:g}")
            chosen = next(index for index, point in enumerate(points) if point.tau == rule.tau)
            axes.plot(x[:1], y[:1], "o", markersize=2.5, color=line.get_color())
            axes.plot([x[chosen]], [y[chosen]], "o", markersize=6, color=line.get_color())
        axes.set(xlabel="accuracy", ylabel="macro-F1")
        axes.tick_params(labelcolor=GREY)
        axes.set_title("Accuracy against macro-F1")
        figure.legend(loc="lower left", frameon=False, bbox_to_anchor=(0.1 / WIDTH, 0))
    return [Section("Accuracy against macro-F1 of each decision rule", TEXT, png=folder / FILE)]
