"""Style, canvas and bar lists shared by the figures of all pages."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

DPI = 144

WIDTH = 4.8
"""Width of every picture in inches: at 8 points it stays legible when a phone shows it 360 px wide."""

LINE = 0.155
"""Height of a line of text in inches."""

NOTE = 0.5
"""Width of a column of numbers in inches."""

CHARACTERS_PER_INCH = 15.5

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
    # A label with two dollar signs is no formula.
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Bar:
    """A line of text on a bar, with numbers beside it."""

    text: str
    value: float
    notes: Sequence[str]
    color: str = BLUE
    ink: str = INK


@contextmanager
def canvas(path: Path, height: float) -> Iterator[Figure]:
    """Yield a figure of `height` inches under the fixed style, then save it; matplotlib's own settings do not count."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI)
        agg = FigureCanvasAgg(figure)
        yield figure
        agg.draw()
        # A palette makes the file a third as large; no picture here has more than a few colours and their shades.
        picture = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")
        picture.quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, format="png")


def bar_list(path: Path, title: str, heads: Sequence[str], bars: Sequence[Bar], ticks: Mapping[float, str]) -> None:
    """Draw one bar per line of text, the text on the bar itself and columns of numbers, named `heads`, at the right.

    `ticks` maps positions on the axis, from its start to its end, to their names.
    """
    plot_width = WIDTH - NOTE * len(heads) - 0.15
    wrap = int(plot_width * CHARACTERS_PER_INCH)
    texts = [[line for part in bar.text.split("\n") for line in textwrap.wrap(part, wrap) or [""]] for bar in bars]
    lines = np.array([len(text) for text in texts], dtype=float)
    heights = lines * LINE + 0.05
    middles = np.cumsum(heights) - heights / 2
    title_lines = textwrap.wrap(title, int(WIDTH * CHARACTERS_PER_INCH * 0.8))
    top = 0.42 + 0.17 * len(title_lines)
    body = float(heights.sum())
    height = top + body + 0.3
    start, end = min(ticks), max(ticks)
    with canvas(path, height) as figure:
        figure.text(0.1 / WIDTH, 1 - 0.08 / height, "\n".join(title_lines), va="top", weight="bold", size=9)
        axes = figure.add_axes((0.1 / WIDTH, 0.3 / height, plot_width / WIDTH, body / height))
        axes.set(xlim=(start, end), ylim=(body, 0), yticks=[], xticks=list(ticks))
        axes.set_xticklabels(list(ticks.values()), color=GREY)
        axes.tick_params(top=True, labeltop=True, length=0, pad=2)
        # The outer names would stand half outside the picture.
        outer = axes.xaxis.get_major_ticks()
        for label in (outer[0].label1, outer[0].label2):
            label.set_horizontalalignment("left")
        for label in (outer[-1].label1, outer[-1].label2):
            label.set_horizontalalignment("right")
        axes.spines["bottom"].set_visible(False)
        axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
        axes.set_axisbelow(True)
        values = np.array([bar.value for bar in bars])
        axes.barh(middles, values - start, left=start, height=heights - 0.04, color=[bar.color for bar in bars])
        points = 1 / 72
        for index, name in enumerate(heads):
            x = (plot_width + NOTE * (index + 1)) / plot_width
            axes.text(x, 1 + 2 * points / body, name, transform=axes.transAxes, ha="right", va="bottom", color=GREY)
        for bar, text, y in zip(bars, texts, middles, strict=True):
            axes.text(start + (end - start) * 0.01, y, "\n".join(text), va="center", color=bar.ink, linespacing=1.25)
            for index, note in enumerate(bar.notes):
                x = (plot_width + NOTE * (index + 1)) / plot_width
                place = axes.get_yaxis_transform()
                axes.text(x, y, note, transform=place, ha="right", va="center", color=bar.ink)
