"""What raw complaints look like before anything is changed: labels, lengths, redaction, copies, contradictions."""

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from complaints import page, plots
from complaints.errors import UserError
from complaints.text import REDACTED, count_words, each_text, group_keys

RARE = (5, 10, 50)
"""A label with fewer complaints than one of these is counted as rare, once for each."""

WORD_EDGES = (0, 1, 3, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000)
"""Where the bins of the word counts begin; fixed, so that audits of different data can be compared."""

PERCENTILES = (5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class Audit:
    """What `measure` returns: reports/audit/audit.json, (label, complaints) by frequency, and the word histogram.

    The histogram has (fewest words, most words, complaints) for each bin, both ends included.
    """

    numbers: dict[str, Any]
    label_counts: list[tuple[str, int]]
    word_counts: list[tuple[int, int, int]]


def measure(raw: pa.Table, short_words: int) -> Audit:
    """Measure complaints of RAW_SCHEMA; shares are rounded to four digits, words are runs of anything but white space.

    A text is blank if it has no word and short if it has one, but fewer than `short_words`. Labels are compared
    without the white space around them. Everything on texts but their number speaks of those that are not blank.

    Raises:
        UserError: if no complaint has both a text and a label.
    """
    words = np.fromiter(map(count_words, each_text(raw["text"])), np.int64, raw.num_rows)
    redacted = np.fromiter((bool(REDACTED.search(text)) for text in each_text(raw["text"])), bool, raw.num_rows)
    groups = np.array(list(group_keys(raw["text"], raw["row_id"])), dtype=str)
    trimmed = pc.utf8_trim_whitespace(raw["label"])
    labels = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    spoken = words > 0
    if not np.any(spoken & pc.is_valid(labels).to_numpy()):
        raise UserError(
            f"none of the {raw.num_rows} complaints has both a text and a label; check which columns "
            "fetch.file.columns takes them from"
        )
    label_counts = sorted(
        ((item["values"], item["counts"]) for item in pc.value_counts(labels.drop_null()).to_pylist()),
        key=lambda pair: (-pair[1], pair[0]),
    )
    dates = pc.min_max(raw["date"])
    numbers = {
        "rows": raw.num_rows,
        "texts": {
            "blank": int(np.sum(~spoken)),
            "short": int(np.sum(spoken & (words < short_words))),
            "redacted_share": _share(int(np.sum(redacted)), int(np.sum(spoken))),
            "words": _word_numbers(words[spoken]),
        },
        "labels": _label_numbers(label_counts, labels.null_count),
        "copies": _copy_numbers(groups[spoken]),
        "contradictions": _contradiction_numbers(groups[spoken], labels.filter(pa.array(spoken))),
        "dates": {
            "first": _day(dates["min"]),
            "last": _day(dates["max"]),
            "missing": raw["date"].null_count,
        },
    }
    return Audit(numbers, label_counts, _word_histogram(words))


def _share(part: float, whole: float) -> float:
    return round(float(part) / float(whole), 4)


def _day(date: pa.Scalar) -> str | None:
    return date.as_py().isoformat() if date.is_valid else None


def _word_numbers(words: np.ndarray) -> dict[str, int]:
    """Return the percentiles of word counts, each the count of a text there is, and the two ends."""
    values = np.percentile(words, PERCENTILES, method="inverted_cdf")
    numbers = {f"p{percent:02}": int(value) for percent, value in zip(PERCENTILES, values, strict=True)}
    return {"min": int(words.min()), **numbers, "max": int(words.max())}


def _label_numbers(label_counts: Sequence[tuple[str, int]], missing: int) -> dict[str, Any]:
    counts = np.array([count for _, count in label_counts])
    return {
        "distinct": len(counts),
        "missing": missing,
        "largest_share": _share(counts.max(), counts.sum()),
        "imbalance_ratio": round(float(counts.max() / counts.min()), 1),
        **{f"under_{limit}": int(np.sum(counts < limit)) for limit in RARE},
    }


def _copy_numbers(groups: np.ndarray) -> dict[str, Any]:
    """Count exact copies after normalising; a copy is any row of a group but one."""
    sizes = np.unique(groups, return_counts=True)[1]
    copies = len(groups) - len(sizes)
    return {
        "groups": int(np.sum(sizes > 1)),
        "copies": copies,
        "share": _share(copies, len(groups)),
        "largest_group": int(sizes.max()),
    }


def _contradiction_numbers(groups: np.ndarray, labels: pa.ChunkedArray) -> dict[str, Any]:
    """Count texts that stand under several labels, and the accuracy that they leave within reach.

    A classifier gives all copies of a text one label. The best it can do is each text's most frequent one.
    """
    _, group = np.unique(groups[pc.is_valid(labels).to_numpy()], return_inverse=True)
    names = labels.drop_null()
    label = pc.index_in(names, value_set=names.unique()).to_numpy()
    width = int(label.max()) + 1
    pairs, counts = np.unique(group.astype(np.int64) * width + label, return_counts=True)
    best = np.zeros(int(group.max()) + 1, np.int64)
    np.maximum.at(best, pairs // width, counts)
    several = np.bincount(pairs // width) > 1
    return {
        "texts": int(np.sum(several)),
        "rows": int(np.sum(several[group])),
        "accuracy_ceiling": _share(best.sum(), len(group)),
    }


def _word_histogram(words: np.ndarray) -> list[tuple[int, int, int]]:
    counts = np.histogram(words, bins=[*WORD_EDGES, np.inf])[0]
    last = int(np.flatnonzero(counts)[-1])
    ends = [edge - 1 for edge in WORD_EDGES[1:]]
    ends.append(max(int(words.max()), WORD_EDGES[-1]))
    return [(WORD_EDGES[i], ends[i], int(counts[i])) for i in range(last + 1)]


def csv_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as CSV with the same line ends everywhere."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def render(audit: Audit, manifest: dict[str, Any], short_words: int, listed_labels: int) -> str:
    """Return the audit as one HTML page; `manifest` is data/raw/source.json."""
    banner = ""
    if manifest["synthetic"]:
        banner = "Synthetic data: this project made these complaints itself. No consumer wrote them."
    labels = audit.numbers["labels"]
    contradictions = audit.numbers["contradictions"]
    common = audit.label_counts[:listed_labels]
    rare = audit.label_counts[len(common) :][-listed_labels:]
    with tempfile.TemporaryDirectory() as folder:
        tail, lengths = Path(folder, "tail.png"), Path(folder, "lengths.png")
        draw_label_tail(tail, [count for _, count in audit.label_counts])
        draw_lengths(lengths, audit.word_counts)
        sections = [
            page.Section("In numbers", header=("what", "how many"), rows=_facts(audit, manifest, short_words)),
            page.Section(
                "Complaints per label",
                "One bar per raw label, the most frequent first. The first has "
                f"{labels['imbalance_ratio']:,.0f} times as many complaints as the last. "
                f"Dashed lines stand at {', '.join(map(str, RARE))}.",
                png=tail,
            ),
            page.Section("The most frequent labels", header=("label", "complaints"), rows=common),
            page.Section(
                "The least frequent labels",
                "" if rare else "All labels stand in the table above.",
                header=("label", "complaints") if rare else (),
                rows=rare,
            ),
            page.Section("Length", "Complaints by their number of words; the bins widen as texts grow.", png=lengths),
            page.Section(
                "What no classifier can get right",
                f"{contradictions['texts']:,} texts stand under several raw labels, in {contradictions['rows']:,} "
                "complaints. A classifier gives all copies of a text one label, so on these complaints none can be "
                f"right more often than {contradictions['accuracy_ceiling']:.2%} of the time. Joining labels that "
                "mean the same lifts that bound; hidden mislabelling lowers it, and cannot be seen here.",
            ),
        ]
        lead = "What the raw complaints look like, before labels are merged and anything is left out."
        return page.render("Audit of the complaints", lead, sections, banner)


def _facts(audit: Audit, manifest: dict[str, Any], short_words: int) -> list[tuple[str, str]]:
    n = audit.numbers
    texts, labels, copies, dates = n["texts"], n["labels"], n["copies"], n["dates"]
    words = texts["words"]
    span = f"{dates['first']} to {dates['last']}" if dates["first"] else "none"
    return [
        ("source", manifest["source"]),
        ("complaints", f"{n['rows']:,}"),
        ("blank texts", f"{texts['blank']:,}"),
        (f"texts of fewer than {short_words} words", f"{texts['short']:,}"),
        ("words, median", f"{words['p50']:,}"),
        ("words, 5 % to 95 %", f"{words['p05']:,} to {words['p95']:,}"),
        ("words, longest", f"{words['max']:,}"),
        ("texts with redaction marks", f"{texts['redacted_share']:.1%}"),
        ("labels", f"{labels['distinct']:,}"),
        ("share of the most frequent label", f"{labels['largest_share']:.1%}"),
        *((f"labels under {limit} complaints", f"{labels[f'under_{limit}']:,}") for limit in RARE),
        ("complaints without a label", f"{labels['missing']:,}"),
        ("copies of an earlier text", f"{copies['copies']:,} ({copies['share']:.1%})"),
        ("most complaints with one text", f"{copies['largest_group']:,}"),
        ("dates", span),
        ("complaints without a date", f"{dates['missing']:,}"),
    ]


def draw_label_tail(path: Path, counts: Sequence[int]) -> None:
    """Draw one bar per label on a logarithmic scale, `counts` from most to fewest, as PNG."""
    with _picture(path, 2.6) as axes:
        # The axis starts below one complaint, so that a label with a single one still shows.
        floor = 0.7
        heights = np.array(counts) - floor
        axes.bar(range(1, len(counts) + 1), heights, width=1.0, bottom=floor, color=plots.SERIES_COLORS["test"])
        axes.set(yscale="log", ylim=(floor, max(counts) * 1.5), xlim=(0.5, len(counts) + 0.5))
        axes.set(xlabel="labels, most frequent first", ylabel="complaints")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        for limit in RARE:
            axes.axhline(limit, color=plots.GREY, linewidth=0.7, linestyle="--")


def draw_lengths(path: Path, bins: Sequence[tuple[int, int, int]]) -> None:
    """Draw the histogram of word counts, one bar per bin of `Audit.word_counts`, as PNG."""
    with _picture(path, 0.6 + 0.19 * len(bins)) as axes:
        names = [f"{first:,}" if first == last else f"{first:,}-{last:,}" for first, last, _ in bins]
        bars = axes.barh(range(len(bins)), [count for *_, count in bins], color=plots.SERIES_COLORS["test"])
        axes.bar_label(bars, fmt="{:,.0f}", padding=3)
        axes.set_yticks(range(len(bins)), names)
        axes.set(ylim=(len(bins) - 0.4, -0.6), ylabel="words", xlabel="complaints")
        axes.margins(x=0.12)
        axes.xaxis.set_major_formatter("{x:,.0f}")


@contextmanager
def _picture(path: Path, height: float) -> Iterator[Axes]:
    """Yield axes of `height` inches under the fixed style, then save them; the bytes depend on what is drawn alone."""
    with matplotlib.style.context(["default", plots.STYLE]):
        figure = Figure(figsize=(plots.WIDTH, height), dpi=plots.DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure.subplots()
        figure.savefig(path, format="png", dpi=plots.DPI, metadata={"Software": None})
