"""Figures of an audit: complaints per label, lengths of texts, labels over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from complaints.audit.label_stats import RARE
from complaints.reporting.figures import GREY, INK, SERIES_COLORS, panel, shorten

STRIP_LABEL_CHARACTERS = 72
"""Labels above strips are shortened to one line of this length."""


def label_tail(path: Path, counts: Sequence[int]) -> None:
    """Draw one bar per label on a logarithmic scale; `counts` are in descending order."""
    with panel(path, 2.6) as axes:
        # The axis starts below one complaint, so that the bar of a label with one complaint has a height.
        floor = 0.7
        edges = np.arange(len(counts) + 1) + 0.5
        axes.stairs(counts, edges, baseline=floor, fill=True, color=SERIES_COLORS["test"])
        axes.set(yscale="log", ylim=(floor, max(counts) * 1.5), xlim=(0.5, len(counts) + 0.5))
        axes.set(xlabel="labels, most frequent first", ylabel="complaints")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        for limit in RARE:
            axes.axhline(limit, color=GREY, linewidth=0.7, linestyle="--")


def word_counts(path: Path, bins: Sequence[tuple[int, int, int]]) -> None:
    """Draw the histogram of word counts, one bar per bin of `lengths.histogram`."""
    with panel(path, 0.6 + 0.19 * len(bins)) as axes:
        names = [f"{first:,}" if first == last else f"{first:,}-{last:,}" for first, last, _ in bins]
        bars = axes.barh(range(len(bins)), [count for *_, count in bins], color=SERIES_COLORS["test"])
        axes.bar_label(bars, fmt="{:,.0f}", padding=3)
        axes.set_yticks(range(len(bins)), names)
        axes.set(ylim=(len(bins) - 0.4, -0.6), ylabel="words", xlabel="complaints")
        axes.margins(x=0.12)
        axes.xaxis.set_major_formatter("{x:,.0f}")


def label_quarters(path: Path, names: Sequence[str], first: int, counts: np.ndarray) -> None:
    """Draw a strip for each label, darker in quarters with more complaints, darkest in the label's own peak quarter.

    Args:
        path: The PNG file to write.
        names: The labels, one per row of `counts`, each written above its strip.
        first: The first quarter, in quarters since 1970.
        counts: Complaints, int64 [labels, quarters], at least one quarter.
    """
    labels, width = counts.shape
    # The square root keeps quarters with few complaints visible next to the peak.
    shades = np.sqrt(counts / np.maximum(counts.max(axis=1, keepdims=True), 1))
    with panel(path, 0.5 + 0.32 * labels) as axes:
        for row in range(labels):
            axes.imshow(
                shades[row : row + 1], cmap="Blues", vmin=-0.06, vmax=1, aspect="auto", interpolation="nearest",
                extent=(first, first + width, row + 0.95, row + 0.5),
            )  # fmt: skip
            name = shorten(names[row], STRIP_LABEL_CHARACTERS)
            # Wide letters may exceed the figure; the layout must not shrink the strips for them.
            axes.text(first, row + 0.45, name, va="bottom", color=INK, in_layout=False)
        years = np.arange(-(-first // 4), (first + width) // 4 + 1)
        # At most eight years are named, so that the names do not overlap.
        step = max(1, -(-len(years) // 8))
        axes.set(xlim=(first, first + width), ylim=(labels, 0), yticks=[])
        axes.set_xticks(years[::step] * 4, [str(1970 + year) for year in years[::step]])
        axes.tick_params(top=True, labeltop=True, length=2, labelcolor=GREY)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
