"""Forms of a report: aligned text for a terminal, Markdown for a pull request, JSON for programs."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from complaints.comparing.comparison import Comparison, PairResult
from complaints.comparing.document import Block, Folded, Heading, Paragraph, Table
from complaints.comparing.sides import SystemName
from complaints.comparing.verdicts import in_words
from complaints.uncertainty.paired import Difference

WIDTH = 100
FORMAT = 1
"""Version of the JSON; it grows when a key changes its meaning or goes."""
_ESCAPES = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]|#"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def as_text(blocks: Sequence[Block]) -> str:
    """Return the report for a terminal."""
    return "\n\n".join(_text(block) for block in blocks)


def _text(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{text}\n{('=' if level == 1 else '-') * len(text)}"
        case Paragraph(text):
            return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        case Folded(title, inner):
            return f"{title}\n{textwrap.indent(as_text(inner), '  ')}"
        case Table(header, lines, numbers):
            return "\n".join("  ".join(cells).rstrip() for cells in _padded(header, lines, numbers))


def as_markdown(blocks: Sequence[Block]) -> str:
    """Return the report as GitHub's Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks)


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * (level + 1)} {escaped(text)}"
        case Paragraph(text):
            return escaped(text)
        case Folded(title, inner):
            return f"<details>\n<summary>{escaped(title)}</summary>\n\n{as_markdown(inner)}\n\n</details>"
        case Table(header, lines, numbers):
            cells = [[escaped(cell) for cell in line] for line in lines]
            padded = _padded([escaped(cell) for cell in header], cells, numbers)
            widths = [len(cell) for cell in padded[0]]
            rule = ["-" * (width - 1) + (":" if number else "-") for width, number in zip(widths, numbers, strict=True)]
            return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    return " ".join(text.split()).translate(_ESCAPES)


def _padded(header: Sequence[str], lines: Sequence[Sequence[str]], numbers: Sequence[bool]) -> list[list[str]]:
    """Return header and lines with cells of one width for each column."""
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    return [
        [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ]
        for line in (header, *lines)
    ]


def as_json(comparison: Comparison) -> str:
    """Return the comparison as JSON: keys sorted, numbers with six decimals."""
    rows = comparison.test.rows
    value = {
        "format": FORMAT,
        "subset": comparison.options.subset,
        "resamples": comparison.options.resamples,
        "rows": len(rows.true),
        "clusters": len(np.unique(rows.clusters)),
        "classes": len(np.unique(rows.true)),
        "notes": list(comparison.test.notes),
        "pairs": [_pair(comparison, result) for result in comparison.results],
    }
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _pair(comparison: Comparison, result: PairResult) -> dict[str, Any]:
    def side(systems: Sequence[SystemName]) -> list[dict[str, Any]]:
        return [asdict(system) | {"commit": comparison.commits[system.revision]} for system in systems]

    return {
        "a": side(result.pair.a),
        "b": side(result.pair.b),
        "metrics": {metric: _difference(one) for metric, one in result.metrics.items()},
        "mcnemar": None if result.mcnemar is None else asdict(result.mcnemar) | {"p": _rounded(result.mcnemar.p)},
        "classes": [
            {
                "label": comparison.test.labels[change.class_id],
                "rows": change.support,
                "beyond_noise": change.beyond_noise,
                **_difference(change.difference),
            }
            for change in result.classes
        ],
        "fixed": [flip.row_id for flip in result.flips.fixed],
        "broken": [flip.row_id for flip in result.flips.broken],
        "changes": {
            kind: [{"name": change.name, "a": list(change.a), "b": list(change.b)} for change in changes]
            for kind, changes in result.changes.by_kind.items()
        },
        "notes": list(result.changes.notes),
    }


def _difference(one: Difference) -> dict[str, Any]:
    numbers = {name: _rounded(getattr(one, name)) for name in ("value", "low", "high", "p", "mde")}
    sides = {
        name: {"value": _rounded(side.value), "spread": _rounded(side.spread)}
        for name, side in (("a", one.a), ("b", one.b))
    }
    return numbers | sides | {"needed_rows": one.needed_rows, "verdict": one.better, "words": in_words(one)}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 6)
