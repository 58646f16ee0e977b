"""Report of a comparison as headings, paragraphs and tables, which text and Markdown show in their own ways."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from complaints.comparing.blocks import Block, Folded, Heading, Paragraph, Table
from complaints.comparing.changes import KINDS, STAGES, Change
from complaints.comparing.classes import ClassChange
from complaints.comparing.comparison import Comparison, PairResult
from complaints.comparing.fixes import Flip
from complaints.comparing.verdicts import in_words
from complaints.lineage.snapshots import WORKSPACE
from complaints.uncertainty.paired import Difference

HEADLINES = ("accuracy", "macro_f1")
MOST_CLASSES = 5
"""Classes shown each way beside those beyond noise."""
MOST_IDS = 5
VALUE_CHARACTERS = 60
TEXT_CHARACTERS = 400


def document(comparison: Comparison, most_texts: int) -> list[Block]:
    """Return the report of a comparison.

    Args:
        comparison: The comparison.
        most_texts: Number of rows each way that are shown with their texts, for each pair.
    """
    results = comparison.results
    blocks: list[Block] = []
    if len(results) > 1:
        blocks += [Heading(f"{len(results)} pairs on {comparison.options.subset}"), _overview(results)]
        blocks.append(
            Paragraph("Verdicts and p-values are corrected for the number of pairs (Holm), intervals are not.")
        )
    for result in results:
        if len(results) > 1 and _is_same(result):
            continue
        blocks += [Heading(result.title, 2 if len(results) > 1 else 1), *_pair(comparison, result)]
        if most_texts:
            blocks += _texts(result, most_texts)
    return [*blocks, Folded("How to read this", [Paragraph(text) for text in _explanations(comparison)])]


def _is_same(result: PairResult) -> bool:
    """Return whether a side's answers are those of the other, so that the line in the overview says all."""
    return all(one.value == one.error == 0 for one in result.metrics.values())


def _overview(results: Sequence[PairResult]) -> Table:
    header = ["pair", *(word for metric in HEADLINES for word in (metric, "verdict"))]
    lines = []
    for result in results:
        cells = [(signed(result.metrics[metric].value), in_words(result.metrics[metric])) for metric in HEADLINES]
        lines.append([result.title, *(cell for pair in cells for cell in pair)])
    return Table(header, lines, [False, True, False, True, False])


def _pair(comparison: Comparison, result: PairResult) -> list[Block]:
    a, b = result.pair.titles
    heads = [result.metrics[metric] for metric in HEADLINES]
    lines = [_metric_line(metric, difference) for metric, difference in result.metrics.items()]
    header = ["metric", "a", "b", "b - a", "95 % interval", "p", "detectable", "verdict on b"]
    blocks: list[Block] = [
        Paragraph(f"a: {a}. b: {b}. {'. '.join(map(_headline, heads))}."),
        *map(Paragraph, [f"Note: {note}." for note in (*comparison.test.notes, *result.changes.notes)]),
        Table(header, lines, [False, *[True] * 6, False]),
        Paragraph(_rows(comparison, result)),
        *_changes(result),
    ]
    shown = [*_classes(comparison, result.classes), *_complaints(result)]
    return [*blocks, *shown]


def _headline(one: Difference) -> str:
    return f"{one.metric}: {in_words(one)} ({signed(one.value)}, 95 % interval {signed(one.low)} to {signed(one.high)})"


def _metric_line(metric: str, one: Difference) -> list[str]:
    values = [
        f"{side.value:.4f}" + (f" (sd {side.spread:.4f})" if side.spread is not None else "") for side in (one.a, one.b)
    ]
    interval = f"{signed(one.low)} to {signed(one.high)}"
    return [metric, *values, signed(one.value), interval, p_value(one.p), f"{one.mde:.4f}", in_words(one)]


def _rows(comparison: Comparison, result: PairResult) -> str:
    rows, subset = comparison.test.rows, comparison.options.subset
    clusters = len(np.unique(rows.clusters))
    text = (
        f"On {subset}: {len(rows.true):,} rows in {clusters:,} clusters of near duplicates, "
        f"{len(np.unique(rows.true))} classes with rows."
    )
    if (test := result.mcnemar) is not None:
        text += (
            f" Right on a alone: {test.only_a:,} rows, on b alone: {test.only_b:,}; McNemar's exact test of equal "
            f"accuracy has p {'=' if test.p >= 0.001 else ''} {p_value(test.p)}.".replace("  ", " ")
        )
    return text


def _changes(result: PairResult) -> list[Block]:
    blocks: list[Block] = []
    by_kind = result.changes.by_kind
    silent = [kind for kind in KINDS if not by_kind[kind]]
    for kind in KINDS:
        if by_kind[kind]:
            header = ["path" if kind == "code" else kind, "a", "b"]
            inner: list[Block] = [Table(header, [_change_line(change) for change in by_kind[kind]], [False] * 3)]
            if kind == "code" and (command := _git_diff(result)):
                inner.append(Paragraph(f"The lines: {command}"))
            blocks.append(Folded(f"Changed {kind}: {len(by_kind[kind])}", inner))
    if not result.changes.known:
        blocks.append(Paragraph("Other changes are not known: dvc.lock of a side does not say what made it."))
    elif silent := [kind for kind in silent if kind != STAGES]:
        where = " in the stages that both have" if by_kind[STAGES] else ""
        blocks.append(Paragraph(f"Unchanged{where}: {', '.join(silent)}."))
    return blocks


def _git_diff(result: PairResult) -> str:
    """Return the git command that shows the changed lines, "" if both sides are of one revision."""
    a, b = (side[0].revision for side in (result.pair.a, result.pair.b))
    if a == b:
        return ""
    return f"git diff {' '.join(name for name in (a, b) if name != WORKSPACE)} -- src stages dvc.yaml"


def _change_line(change: Change) -> list[str]:
    return [change.name, *(", ".join(map(_value, values)) for values in (change.a, change.b))]


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return shortened(text, VALUE_CHARACTERS)


def _classes(comparison: Comparison, changes: Sequence[ClassChange]) -> list[Block]:
    won = [change for change in changes if change.difference.value > 0]
    lost = [change for change in reversed(changes) if change.difference.value < 0]
    sure = [sum(change.beyond_noise for change in side) for side in (won, lost)]
    summary = (
        f"Classes with a higher F1 on b: {len(won)}, {sure[0]} of them beyond noise. "
        f"With a lower one: {len(lost)}, {sure[1]} of them beyond noise."
    )
    lines = []
    for side in (won, lost):
        for number, change in enumerate(side):
            if number < MOST_CLASSES or change.beyond_noise:
                lines.append(_class_line(comparison.test.labels[change.class_id], change))
    if not lines:
        return [Paragraph(summary)]
    header = ["class", "rows", "F1 a", "F1 b", "b - a", "95 % interval", "p", "beyond noise"]
    table = Table(header, lines, [False, *[True] * 6, False])
    return [Paragraph(summary), Folded("Classes with the surest differences", [table])]


def _class_line(label: str, change: ClassChange) -> list[str]:
    one = change.difference
    values = [f"{one.a.value:.3f}", f"{one.b.value:.3f}", f"{one.value:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}"]
    mark = "yes" if change.beyond_noise else ""
    return [shortened(label, VALUE_CHARACTERS), f"{change.support:,}", *values, p_value(one.p), mark]


def _complaints(result: PairResult) -> list[Block]:
    parts = []
    for name, rows in (("fixed", result.flips.fixed), ("broken", result.flips.broken)):
        ids = ", ".join(flip.row_id for flip in rows[:MOST_IDS]) + (", ..." if len(rows) > MOST_IDS else "")
        parts.append(f"{name}: {len(rows):,}" + (f" ({ids})" if rows else ""))
    return [Paragraph(f"Complaints {'; '.join(parts)}.")]


def _texts(result: PairResult, most: int) -> list[Block]:
    blocks: list[Block] = []
    for name, rows in (("Fixed", result.flips.fixed), ("Broken", result.flips.broken)):
        if rows:
            blocks.append(Folded(f"{name} complaints", [Paragraph(_with_text(flip)) for flip in rows[:most]]))
    return blocks


def _with_text(flip: Flip) -> str:
    text = shortened(flip.text, TEXT_CHARACTERS)
    return f"{flip.row_id}: {flip.true!r} was labelled {flip.a!r} by a, {flip.b!r} by b: {text}"


def _explanations(comparison: Comparison) -> list[str]:
    several = any(len(side) > 1 for result in comparison.results for side in (result.pair.a, result.pair.b))
    seeds = "Sides of several systems are means over seeds (sd: deviation over seeds), crossed with clusters. "
    return [
        f"Intervals and p-values come from {comparison.options.resamples:,} resamples of clusters of near duplicates, "
        f"the same for both sides. {seeds if several else ''}Metrics are means over the classes with test rows; nll "
        "and brier are errors, lower is better.",
        "Detectable: the true difference that these rows show with a probability of 80 %. A class is beyond noise if "
        "both the bootstrap and an exact sign test say so after Holm's correction over all classes.",
    ]


def signed(value: float) -> str:
    """Return a difference with its sign and four decimals; 0 has none."""
    return f"{value:+.4f}" if round(value, 4) else "0.0000"


def p_value(p: float) -> str:
    """Return a p-value with three decimals."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def shortened(text: str, width: int) -> str:
    """Return a text on one line of at most `width` characters, cut between words."""
    return textwrap.shorten(text, width, placeholder=" ...") if len(text) > width else " ".join(text.split())
