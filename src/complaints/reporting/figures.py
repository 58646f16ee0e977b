"""Figures as PNG files in one style, with the same bytes for the same numbers, narrow enough for a phone."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

DPI = 144

WIDTH = 4.8
"""Width of every figure in inches: text of 8 points stays legible when a phone shows it 360 px wide."""

LINE_HEIGHT = 0.155
"""Height of a line of text in inches."""

MARGIN = 0.1
"""Blank space at the left edge in inches."""

NUMBER_WIDTH = 0.5
"""Width of a column of numbers in inches."""

CHARACTERS_PER_INCH = 15.5

MOST_CHARACTERS = 120
"""Labels are shortened to this length: the time that matplotlib takes for a text grows with its length."""

BLUE, GREY, RED, INK = "#aecbeb", "#8a8a8a", "#c4161c", "#1a1a1a"

SERIES_COLORS = {"train": "#7f7f7f", "validation": "#c77700", "test": "#2166ac", "accuracy": "#2166ac"}

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # matplotlib would parse a label with two dollar signs as a formula.
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Bar:
    """A bar with a text on it, and numbers to its right."""

    text: str
    value: float
    numbers: Sequence[str]
    color: str = BLUE
    ink: str = INK


@dataclass(frozen=True)
class BarList:
    """Bars from top to bottom under a title; `column_names` head the bars' numbers.

    `ticks` maps positions on the axis, from its start to its end, to their names.
    """

    title: str
    column_names: Sequence[str]
    bars: Sequence[Bar]
    ticks: Mapping[float, str]


def shorten(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text of at most `most` characters, cut with an ellipsis if it is longer."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


@contextmanager
def canvas(path: Path, height: float, layout: Literal["constrained"] | None = None) -> Iterator[Figure]:
    """Yield a figure of `height` inches in the fixed style, then save it; matplotlib's own settings have no effect."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout=layout)
        agg = FigureCanvasAgg(figure)
        yield figure
        agg.draw()
        # A palette makes the file a third as large; no figure here has more than a few colours and their shades.
        image = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")
        image.quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, format="png")


@contextmanager
def panel(path: Path, height: float) -> Iterator[Axes]:
    """Yield the only axes of a figure as `canvas` yields figures; its margins follow its labels."""
    with canvas(path, height, layout="constrained") as figure:
        yield figure.subplots()


def bar_list(path: Path, content: BarList) -> None:
    """Draw one bar per line of text, the text on the bar itself and the columns of numbers at the right."""
    plot_width = WIDTH - NUMBER_WIDTH * len(content.column_names) - MARGIN - 0.05
    texts = [_wrapped(bar.text, int(plot_width * CHARACTERS_PER_INCH)) for bar in content.bars]
    heights = np.array([len(lines) for lines in texts], dtype=float) * LINE_HEIGHT + 0.05
    title = textwrap.wrap(shorten(content.title), int(WIDTH * CHARACTERS_PER_INCH * 0.8))
    body = float(heights.sum())
    height = 0.42 + 0.17 * len(title) + body + 0.3
    with canvas(path, height) as figure:
        figure.text(MARGIN / WIDTH, 1 - 0.08 / height, "\n".join(title), va="top", weight="bold", size=9)
        axes = figure.add_axes((MARGIN / WIDTH, 0.3 / height, plot_width / WIDTH, body / height))
        axes.set(ylim=(body, 0), yticks=[])
        _style_axis(axes, content.ticks)
        ends = [(plot_width + NUMBER_WIDTH * (i + 1)) / plot_width for i in range(len(content.column_names))]
        top = 1 + 2 / 72 / body
        for x, name in zip(ends, content.column_names, strict=True):
            axes.text(x, top, name, transform=axes.transAxes, ha="right", va="bottom", color=GREY)
        start, end = min(content.ticks), max(content.ticks)
        values = np.array([bar.value for bar in content.bars])
        middles = np.cumsum(heights) - heights / 2
        colors = [bar.color for bar in content.bars]
        axes.barh(middles, values - start, left=start, height=heights - 0.04, color=colors)
        text_start = start + (end - start) * 0.01
        for bar, lines, y in zip(content.bars, texts, middles, strict=True):
            axes.text(text_start, y, "\n".join(lines), va="center", color=bar.ink, linespacing=1.25)
            for x, number in zip(ends, bar.numbers, strict=True):
                axes.text(x, y, number, transform=axes.get_yaxis_transform(), ha="right", va="center", color=bar.ink)


def _wrapped(text: str, characters: int) -> list[str]:
    """Return the lines of a text after each of its own lines is shortened and wrapped."""
    return [part for line in text.split("\n") for part in textwrap.wrap(shorten(line), characters) or [""]]


def _style_axis(axes: Axes, ticks: Mapping[float, str]) -> None:
    """Draw the ticks as grey names above and below a grid, inside the figure."""
    axes.set(xlim=(min(ticks), max(ticks)), xticks=list(ticks))
    axes.set_xticklabels(list(ticks.values()), color=GREY)
    axes.tick_params(top=True, labeltop=True, length=0, pad=2)
    # Centred on their ticks, the outer names would be half outside the figure.
    first, *_, last = axes.xaxis.get_major_ticks()
    for label in (first.label1, first.label2):
        label.set_horizontalalignment("left")
    for label in (last.label1, last.label2):
        label.set_horizontalalignment("right")
    axes.spines["bottom"].set_visible(False)
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
