"""Pictures of a scoreboard as PNG, the same bytes for the same numbers, narrow enough for a phone."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from complaints.scoring.metrics import ClassScores

DPI = 144
WIDTH = 4.8
"""Width of every picture in inches: at 8 points it stays legible when a phone shows it 360 px wide."""
LINE = 0.155
"""Height of a line of text in inches."""
NOTE = 0.5
"""Width of a column of numbers in inches."""
CHARACTERS_PER_INCH = 15.5
MOST_BARS = 400
"""A picture has at most 65,535 pixels in height; with more classes only the most frequent are drawn."""

BLUE, GREY, RED, INK = "#aecbeb", "#8a8a8a", "#c4161c", "#1a1a1a"
TIER_COLORS = {"head": "#7fb3e6", "mid": "#f5c26b", "tail": "#d9a3d0"}
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
def _figure(path: Path, height: float) -> Iterator[Figure]:
    """Yield a figure of `height` inches under the fixed style, then save it; matplotlib's own settings do not count."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        yield figure
        canvas.draw()
        # A palette makes the file a third as large; no picture here has more than a few colours and their shades.
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        picture.quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, format="png")


def _bar_list(path: Path, title: str, heads: Sequence[str], bars: Sequence[Bar], ticks: Mapping[float, str]) -> None:
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
    with _figure(path, height) as figure:
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


def per_class_f1(
    path: Path, title: str, labels: Sequence[str], order: Sequence[int], train_support: np.ndarray, scores: ClassScores
) -> None:
    """Draw the F1 of each class in the given order of class ids, those with rows and F1 = 0 in red."""
    bars = []
    for i in order[:MOST_BARS]:
        notes = [f"{train_support[i]:,}", f"{scores.support[i]:,}", f"{scores.f1[i]:.2f}"]
        if scores.support[i] == 0:
            bars.append(Bar(labels[i], 0.0, [*notes[:2], "–"], ink=GREY))
        elif scores.f1[i] == 0:
            # A bar of no length has no colour: a short mark stands for it.
            bars.append(Bar(labels[i], 0.012, notes, color=RED, ink=RED))
        else:
            bars.append(Bar(labels[i], float(scores.f1[i]), notes))
    ticks = {0.0: "F1  0", 0.25: "0.25", 0.5: "0.5", 0.75: "0.75", 1.0: "1"}
    _bar_list(path, title + _left_out(order), ("train", "rows", "F1"), bars, ticks)


def label_distribution(
    path: Path, title: str, labels: Sequence[str], order: Sequence[int], train_support: np.ndarray, tiers: Sequence[str]
) -> None:
    """Draw the training rows of each class on a logarithmic scale, coloured by tier."""
    most = math.log10(train_support.max())
    # The axis starts below one row, so that a class of one row still has a bar.
    start = -0.2
    bars = [
        Bar(
            labels[i],
            math.log10(train_support[i]) if train_support[i] else start,
            [tiers[i], f"{train_support[i]:,}"],
            TIER_COLORS[tiers[i]],
        )
        for i in order[:MOST_BARS]
    ]
    ticks = {start: "", **{float(power): f"{10**power:,}" for power in range(math.ceil(most))}, most: ""}
    _bar_list(path, title + _left_out(order), ("tier", "train"), bars, ticks)


def _left_out(order: Sequence[int]) -> str:
    return f" (the {MOST_BARS} most frequent of {len(order)} classes)" if len(order) > MOST_BARS else ""


def confusions(path: Path, title: str, pairs: Sequence[tuple[str, str, int, float]]) -> None:
    """Draw (true, predicted, rows, share of the true class) as bars of rows, in the given order; at least one."""
    most = max(count for _, _, count, _ in pairs)
    bars = [
        Bar(f"{true}\n→ {predicted}", float(count), [f"{count:,}", f"{share:.0%}"])
        for true, predicted, count, share in pairs
    ]
    _bar_list(path, title, ("rows", "share"), bars, {0.0: "0 rows", float(most): f"{most:,}"})


def macro_f1(path: Path, title: str, names: Sequence[str], series: Mapping[str, tuple[Sequence[float], ...]]) -> None:
    """Draw macro-F1 of the named rows for each split of `series`: (values, standard errors), as bars with errors."""
    step = 0.2 * len(series) + 0.35
    height = 0.75 + step * len(names)
    with _figure(path, height) as figure:
        axes = figure.add_axes((0.15 / WIDTH, 0.3 / height, (WIDTH - 0.7) / WIDTH, step * len(names) / height))
        tops = np.arange(len(names)) * step
        ends = [value + error for pair in series.values() for value, error in zip(*pair, strict=True)]
        for index, (split, (values, errors)) in enumerate(series.items()):
            places = tops + 0.32 + 0.2 * index
            axes.barh(places, values, height=0.17, color=SERIES_COLORS[split], label=split)
            axes.errorbar(values, places, xerr=errors, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
            for value, error, place in zip(values, errors, places, strict=True):
                axes.text(value + error + max(ends) * 0.015, place, f"{value:.3f}", va="center")
        for name, y in zip(names, tops, strict=True):
            axes.text(0, y + 0.13, f" {name}", va="center", weight="bold")
        # Where no row has any F1 an axis of no length would be drawn.
        axes.set(xlim=(0, max(ends) * 1.02 or 1.0), ylim=(step * len(names), 0), yticks=[])
        axes.tick_params(labelcolor=GREY)
        figure.text(0.1 / WIDTH, 1 - 0.08 / height, title, va="top", weight="bold", size=9)
        figure.legend(loc="upper right", ncols=len(series), frameon=False, bbox_to_anchor=(1, 1 - 0.18 / height))


@dataclass(frozen=True)
class History:
    """A fine-tuning run as rows of text."""

    steps: Sequence[Mapping[str, str]]
    """One row a step, with `step` and `loss`."""
    epochs: Sequence[Mapping[str, str]]
    """One row a validation, with `step`, `validation_loss`, `validation_accuracy` and `validation_macro_f1`."""


def learning_curves(path: Path, histories: Mapping[str, History]) -> None:
    """Draw, for each model, its loss per step and its validation scores."""
    height = 4.6 * len(histories)
    with _figure(path, height) as figure:
        panels = figure.subplots(2 * len(histories), 1, squeeze=False)[:, 0]
        figure.subplots_adjust(left=0.11, right=0.97, top=1 - 0.3 / height, bottom=0.45 / height, hspace=0.5)
        for index, (model, history) in enumerate(histories.items()):
            end = max([1.0, *_column(history.steps, "step")]) * 1.04
            _loss(panels[2 * index], model, history)
            _validation(panels[2 * index + 1], model, history.epochs)
            for axes in panels[2 * index : 2 * index + 2]:
                axes.set(xlabel="step", xlim=(-0.05 * end, end))


def _loss(axes: Axes, model: str, history: History) -> None:
    steps, losses = _column(history.steps, "step"), _column(history.steps, "loss")
    window = max(1, len(losses) // 40)
    axes.plot(steps, losses, color="#d8d8d8", linewidth=0.7, label="each step")
    if len(losses):
        smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
        axes.plot(steps[window - 1 :], smooth, color=SERIES_COLORS["train"], label=f"mean of {window}")
    color = SERIES_COLORS["validation"]
    held_out = _column(history.epochs, "step"), _column(history.epochs, "validation_loss")
    axes.plot(*held_out, "o-", color=color, markersize=4, label="validation")
    axes.set_title(f"{model}: loss")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.02, 0.97))


def _validation(axes: Axes, model: str, epochs: Sequence[Mapping[str, str]]) -> None:
    steps = _column(epochs, "step")
    for name, color in (("accuracy", SERIES_COLORS["accuracy"]), ("macro_f1", SERIES_COLORS["validation"])):
        values = _column(epochs, f"validation_{name}")
        axes.plot(steps, values, "o-", color=color, markersize=4, label=name.replace("_f1", "-F1"))
        for x, y in zip(steps, values, strict=True):
            axes.annotate(f"{y:.3f}", (x, y), xytext=(0, 5), textcoords="offset points", ha="center")
    axes.set_title(f"{model}: validation")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 0.97))


def _column(history: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in history])
