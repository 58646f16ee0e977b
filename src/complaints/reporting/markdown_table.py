"""Tables whose columns are aligned, as plain text and as Markdown that a terminal shows well too."""

from collections.abc import Sequence

LEAST_WIDTH = 3
"""Least width of a column of Markdown: its rule has three characters."""


def aligned(lines: Sequence[Sequence[str]], numbers: Sequence[bool], least: int = 0) -> list[list[str]]:
    """Return lines with cells of one width for each column, at least `least`; columns of numbers end at the right."""
    widths = [max(least, *map(len, column)) for column in zip(*lines, strict=True)]
    return [
        [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ]
        for line in lines
    ]


def markdown_table(lines: Sequence[Sequence[str]], numbers: Sequence[bool]) -> str:
    """Return lines of cells as a Markdown table, the first line as its header.

    Args:
        lines: The cells; a `|` in them is escaped by the caller.
        numbers: Whether a column has numbers, for each column.
    """
    header, *others = aligned(lines, numbers, LEAST_WIDTH)
    rule = ["-" * (len(cell) - 1) + (":" if number else "-") for cell, number in zip(header, numbers, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *others))
