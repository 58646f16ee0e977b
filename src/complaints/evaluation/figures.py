"""Figures of a scoreboard: F1 and rows per class, confusions, macro-F1, learning curves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from complaints.evaluation.histories import History
from complaints.reporting.figures import GREY, INK, RED, SERIES_COLORS, WIDTH, Bar, BarList, bar_list, canvas, shorten
from complaints.scoring.metrics import ClassScores

MOST_CLASSES = 400
"""A figure shows at most the 400 most frequent classes: matplotlib draws at most 65,535 pixels in height."""

MOST_PAIRS = 200
"""A figure shows at most this many confusions, for the same reason."""

MOST_POINT_LABELS = 8
"""The largest number of points of a learning curve that have their value written at them."""

LABEL_HEIGHT = 0.11
"""Height of such a label, in units of the scores' axis from 0 to 1."""

NAME_CHARACTERS = 60
"""Names of models are shortened to one line of this length."""

TIER_COLORS = {"head": "#7fb3e6", "mid": "#f5c26b", "tail": "#d9a3d0"}


@dataclass(frozen=True)
class ClassList:
    """The C classes in the order in which a figure shows them."""

    labels: Sequence[str]
    """The name of each class, by its id."""
    order: Sequence[int]
    """Class ids from top to bottom."""
    train_support: np.ndarray
    """Training rows of each class, int64 [C]."""
    tiers: Sequence[str]
    """The tier of each class, a key of TIER_COLORS."""

    def shown(self) -> Sequence[int]:
        """Return the class ids that a figure has space for."""
        return self.order[:MOST_CLASSES]

    def title(self, title: str) -> str:
        """Return the title, with a note if classes are left out."""
        if len(self.order) <= MOST_CLASSES:
            return title
        return f"{title} (the {MOST_CLASSES} most frequent of {len(self.order)} classes)"


def per_class_f1(path: Path, title: str, classes: ClassList, scores: ClassScores) -> None:
    """Draw the F1 of each class; classes with rows and F1 = 0 are red, classes without rows are grey."""
    bars = []
    for i in classes.shown():
        numbers = [f"{classes.train_support[i]:,}", f"{scores.support[i]:,}", f"{scores.f1[i]:.2f}"]
        label = classes.labels[i]
        if scores.support[i] == 0:
            bars.append(Bar(label, 0.0, [*numbers[:2], "–"], ink=GREY))
        elif scores.f1[i] == 0:
            # A bar of length 0 would show no colour.
            bars.append(Bar(label, 0.012, numbers, color=RED, ink=RED))
        else:
            bars.append(Bar(label, float(scores.f1[i]), numbers))
    ticks = {0.0: "F1  0", 0.25: "0.25", 0.5: "0.5", 0.75: "0.75", 1.0: "1"}
    bar_list(path, BarList(classes.title(title), ("train", "rows", "F1"), bars, ticks))


def label_distribution(path: Path, title: str, classes: ClassList) -> None:
    """Draw the training rows of each class on a logarithmic scale, coloured by tier."""
    support = classes.train_support
    most = math.log10(support.max())
    # The axis starts below one row, so that the bar of a class with one row has a length.
    start = -0.2
    bars = []
    for i in classes.shown():
        value = math.log10(support[i]) if support[i] else start
        tier = classes.tiers[i]
        bars.append(Bar(classes.labels[i], value, [tier, f"{support[i]:,}"], TIER_COLORS[tier]))
    ticks = {start: "", **{float(power): f"{10**power:,}" for power in range(math.ceil(most))}, most: ""}
    bar_list(path, BarList(classes.title(title), ("tier", "train"), bars, ticks))


def confusions(path: Path, title: str, pairs: Sequence[tuple[str, str, int, float]]) -> None:
    """Draw the first MOST_PAIRS confusions as bars of rows; each is (true, predicted, rows, share of the true class).

    Raises:
        ValueError: if `pairs` is empty.
    """
    most = max(count for _, _, count, _ in pairs)
    bars = [
        Bar(f"{true}\n→ {predicted}", float(count), [f"{count:,}", f"{share:.0%}"])
        for true, predicted, count, share in pairs[:MOST_PAIRS]
    ]
    bar_list(path, BarList(title, ("rows", "share"), bars, {0.0: "0 rows", float(most): f"{most:,}"}))


def macro_f1(
    path: Path, title: str, names: Sequence[str], series: Mapping[str, Sequence[tuple[float, float, float]]]
) -> None:
    """Draw the macro-F1 of the named rows as bars with intervals, one bar for each split.

    `series` maps each split to (value, low, high), in the order of `names`.
    """
    step = 0.2 * len(series) + 0.35
    height = 0.75 + step * len(names)
    with canvas(path, height) as figure:
        axes = figure.add_axes((0.15 / WIDTH, 0.3 / height, (WIDTH - 0.7) / WIDTH, step * len(names) / height))
        tops = np.arange(len(names)) * step
        longest = max(high for triples in series.values() for _, _, high in triples)
        for index, (split, triples) in enumerate(series.items()):
            middles = tops + 0.32 + 0.2 * index
            axes.barh(middles, [value for value, _, _ in triples], height=0.17, color=SERIES_COLORS[split], label=split)
            for (value, low, high), y in zip(triples, middles, strict=True):
                axes.plot([low, high], [y, y], color=INK, linewidth=1)
                axes.text(high + longest * 0.015, y, f"{value:.3f}", va="center")
        for name, y in zip(names, tops, strict=True):
            axes.text(0, y + 0.13, f" {shorten(name, NAME_CHARACTERS)}", va="center", weight="bold")
        # If every F1 is 0, the axis still needs a length.
        axes.set(xlim=(0, longest * 1.02 or 1.0), ylim=(step * len(names), 0), yticks=[])
        axes.tick_params(labelcolor=GREY)
        figure.text(0.1 / WIDTH, 1 - 0.08 / height, title, va="top", weight="bold", size=9)
        figure.legend(loc="upper right", ncols=len(series), frameon=False, bbox_to_anchor=(1, 1 - 0.18 / height))


def learning_curves(path: Path, histories: Mapping[str, History]) -> None:
    """Draw the loss per step and the validation scores of each model."""
    height = 4.6 * len(histories)
    with canvas(path, height) as figure:
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
    validation = _column(history.epochs, "step"), _column(history.epochs, "validation_loss")
    axes.plot(*validation, "o-", color=color, markersize=4, label="validation")
    axes.set_title(f"{shorten(model, NAME_CHARACTERS)}: loss")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.02, 0.97))


def _validation(axes: Axes, model: str, epochs: Sequence[Mapping[str, str]]) -> None:
    steps = _column(epochs, "step")
    series = {name: _column(epochs, f"validation_{name}") for name in ("accuracy", "macro_f1")}
    colors = {"accuracy": SERIES_COLORS["accuracy"], "macro_f1": SERIES_COLORS["validation"]}
    for name, values in series.items():
        axes.plot(steps, values, "o-", color=colors[name], markersize=4, label=name.replace("_f1", "-F1"))
    # The last point has its label in any case, and the labels of others keep a distance from each other.
    every = max(1, -(-len(steps) // MOST_POINT_LABELS))
    for index in range(len(steps) - 1, -1, -every):
        values_here = {name: float(values[index]) for name, values in series.items()}
        for name, y in label_positions(values_here).items():
            text = f"{values_here[name]:.3f}"
            axes.annotate(text, (steps[index], y), ha="center", va="center", color=colors[name], annotation_clip=False)
    axes.set_title(f"{shorten(model, NAME_CHARACTERS)}: validation")
    # The labels of points at 1 are inside the axes.
    axes.set(ylim=(0, 1 + 1.5 * LABEL_HEIGHT), yticks=np.arange(6) / 5)
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 0.97))


def label_positions(values: Mapping[str, float]) -> dict[str, float]:
    """Return the vertical middles of the labels of points with one abscissa, on an axis from 0 to 1.

    A label is above its point. If this would overlap the label of the next higher point, the label of the lowest point
    is below its point, unless it would leave the axis there; other labels move up.
    """
    distance = 0.9 * LABEL_HEIGHT
    ascending = sorted(values, key=lambda name: values[name])
    positions = {name: values[name] + distance for name in ascending}
    for lower, higher in pairwise(ascending):
        if positions[higher] - positions[lower] >= LABEL_HEIGHT:
            continue
        if lower == ascending[0] and values[lower] - distance >= LABEL_HEIGHT / 2:
            positions[lower] = values[lower] - distance
        else:
            positions[higher] = positions[lower] + LABEL_HEIGHT
    return positions


def _column(history: Sequence[Mapping[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in history])
