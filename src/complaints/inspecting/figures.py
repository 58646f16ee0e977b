"""Figures of a look inside: the map before and after fine-tuning, and the curves of the probes."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from complaints.reporting.figures import DPI, GREY, INK, STYLE, WIDTH, panel, shorten

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Colours of the most frequent classes, told apart by the colour-blind too (Okabe and Ito 2008)."""

LEGEND_LINE = 62
PROBE_LINES = {
    "pretrained": (":", ("#7f7f7f", "#e69f00", "#cc79a7")),
    "fine-tuned": ("-", ("#0072b2", "#d55e00", "#009e73")),
}
"""Network -> style of its lines, and their colours by pooling."""
MARKERS = ("o", "s", "^")


@contextmanager
def _canvas(path: Path, height: float, dpi: int = DPI) -> Iterator[Figure]:
    """Yield a figure as `reporting.figures.canvas` does, and save it in all colours: its palette would mix classes."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, height), dpi=dpi, layout="constrained")
        agg = FigureCanvasAgg(figure)
        yield figure
        agg.draw()
        Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB").save(path, format="png")


def draw_map(
    path: Path, points: Mapping[str, np.ndarray], labels: np.ndarray, right: np.ndarray, names: Sequence[str]
) -> None:
    """Draw the same rows in the space of each network, side by side; crosses are errors.

    Args:
        path: The file to write.
        points: Network -> positions, float [rows, 2].
        labels: Class ids, int [rows].
        right: Whether the fine-tuned model labels the row as the data does, bool [rows].
        names: Class names by id.
    """
    counts = np.bincount(labels, minlength=len(names))
    shown = [int(label) for label in np.argsort(-counts, kind="stable")[: len(COLORS)] if counts[label]]
    color_of = dict(zip(shown, COLORS, strict=False))
    entries = [(color_of[label], f"{names[label]} ({counts[label]})") for label in shown]
    if others := int(counts.sum() - counts[shown].sum()):
        entries.append((GREY, f"other ({others})"))
    lines = [(color, textwrap.fill(shorten(text), LEGEND_LINE)) for color, text in entries]
    legend_height = 0.17 * (sum(text.count("\n") + 1 for _, text in lines) + 2)
    with _canvas(path, 2.7 + legend_height) as figure:
        for axes, (network, positions) in zip(figure.subplots(1, len(points)), points.items(), strict=True):
            axes.set_title(network)
            _scatter(axes, positions, [color_of.get(int(label), GREY) for label in labels], right)
        handles = [Line2D([], [], color=color, marker="o", linestyle="", markersize=4) for color, _ in lines]
        handles += [Line2D([], [], color=INK, marker=marker, linestyle="", markersize=4) for marker in "ox"]
        texts = [text for _, text in lines] + ["labelled as in the data", "error of the fine-tuned model"]
        figure.legend(handles, texts, loc="outside lower left", frameon=False, fontsize=7)


def _scatter(axes: Axes, positions: np.ndarray, colors: Sequence[str], right: np.ndarray) -> None:
    axes.set(xticks=[], yticks=[])
    drawn = np.array(colors)
    # Other classes first: they lie under those with a colour of their own.
    for grey in (True, False):
        for marker, is_right, size in (("o", True, 9), ("x", False, 13)):
            rows = ((drawn == GREY) == grey) & (right == is_right)
            across, up = positions[rows].T
            axes.scatter(across, up, c=drawn[rows].tolist(), marker=marker, s=size, linewidths=0.9, alpha=0.85)


def draw_probes(path: Path, accuracies: Mapping[str, Mapping[str, Sequence[float]]], majority: float) -> None:
    """Draw the accuracy of the probes by layer; `accuracies` is network -> pooling -> accuracy of each layer."""
    with panel(path, 3.2) as axes:
        for network, by_pooling in accuracies.items():
            line, colors = PROBE_LINES[network]
            for (pooling, values), color, marker in zip(by_pooling.items(), colors, MARKERS, strict=False):
                axes.plot(values, line, color=color, marker=marker, markersize=3.5, label=f"{network}, {pooling}")
        axes.axhline(majority, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), label="majority class")
        layers = range(len(next(iter(next(iter(accuracies.values())).values()))))
        step = 1 + len(layers) // 13
        axes.set(xlabel="layer (0: token embeddings)", ylabel="accuracy on validation", xticks=list(layers)[::step])
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=7)


def draw_heads(path: Path, weights: np.ndarray) -> None:
    """Draw the attention of each head as a square, layers from top to bottom; `weights` are as `read_attention`'s."""
    layers, heads, tokens, _ = weights.shape
    gap = max(1, tokens // 12)
    size = tokens + gap
    picture = np.full((layers * size + gap, heads * size + gap), np.nan)
    for layer in range(layers):
        for head in range(heads):
            top, left = gap + layer * size, gap + head * size
            picture[top : top + tokens, left : left + tokens] = np.sqrt(weights[layer, head])
    colors = matplotlib.colormaps["Greys"].with_extremes(bad="#c9d8ea")
    with _canvas(path, 0.35 + (WIDTH - 0.45) * picture.shape[0] / picture.shape[1], 2 * DPI) as figure:
        axes = figure.subplots()
        axes.imshow(picture, cmap=colors, vmin=0, vmax=1, interpolation="none")
        middle = gap + tokens / 2
        step = 1 + heads // 17
        across, down = range(0, heads, step), range(layers)
        axes.set_xticks([middle + head * size for head in across], [str(head + 1) for head in across])
        axes.set_yticks([middle + layer * size for layer in down], [str(layer + 1) for layer in down])
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set(xlabel="head", ylabel="layer")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
