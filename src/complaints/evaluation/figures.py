"""Pictures of a scoreboard as PNG, the same bytes for the same numbers, narrow enough for a phone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from complaints.reporting.figures import GREY, INK, RED, SERIES_COLORS, WIDTH, Bar, bar_list, canvas
from complaints.scoring.metrics import ClassScores

MOST_BARS = 400
"""A picture has at most 65,535 pixels in height; with more classes only the most frequent are drawn."""

TIER_COLORS = {"head": "#7fb3e6", "mid": "#f5c26b", "tail": "#d9a3d0"}


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
    bar_list(path, title + _left_out(order), ("train", "rows", "F1"), bars, ticks)


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
    bar_list(path, title + _left_out(order), ("tier", "train"), bars, ticks)


def _left_out(order: Sequence[int]) -> str:
    return f" (the {MOST_BARS} most frequent of {len(order)} classes)" if len(order) > MOST_BARS else ""


def confusions(path: Path, title: str, pairs: Sequence[tuple[str, str, int, float]]) -> None:
    """Draw (true, predicted, rows, share of the true class) as bars of rows, in the given order; at least one."""
    most = max(count for _, _, count, _ in pairs)
    bars = [
        Bar(f"{true}\n→ {predicted}", float(count), [f"{count:,}", f"{share:.0%}"])
        for true, predicted, count, share in pairs
    ]
    bar_list(path, title, ("rows", "share"), bars, {0.0: "0 rows", float(most): f"{most:,}"})


def macro_f1(path: Path, title: str, names: Sequence[str], series: Mapping[str, tuple[Sequence[float], ...]]) -> None:
    """Draw macro-F1 of the named rows for each split of `series`: (values, standard errors), as bars with errors."""
    step = 0.2 * len(series) + 0.35
    height = 0.75 + step * len(names)
    with canvas(path, height) as figure:
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
