"""Blocks of a report: headings, paragraphs and tables, and their forms as text and as Markdown."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from complaints.reporting.markdown_table import aligned, markdown_table

WIDTH = 100
_ESCAPES = {**{mark: f"\\{mark}" for mark in "\\`*_[]|~"}, "<": "&lt;", "&": "&amp;"}
_SPECIAL = re.compile(r"[\\`*\[\]|~<&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[>#]|^[+-](?= )|@|#(?=\d)")
"""What Markdown does not show as it is: marks, but not `_` in a word; beginnings of blocks; names and numbers to which
GitHub links, and whose owners it tells."""


@dataclass(frozen=True)
class Heading:
    """A heading of the first level or below it."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of running text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table; the columns of numbers are aligned right."""

    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    numbers: Sequence[bool]
    """Whether a column has numbers."""


@dataclass(frozen=True)
class Folded:
    """A part that a page can hide behind its title."""

    title: str
    blocks: Sequence["Block"]


Block = Heading | Paragraph | Table | Folded


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
            return "\n".join("  ".join(cells).rstrip() for cells in aligned((header, *lines), numbers))


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
            cells = [[escaped(cell) for cell in line] for line in (header, *lines)]
            return markdown_table(cells, numbers)


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(lambda found: _escape(found[0], found.start()), " ".join(text.split()))


def _escape(mark: str, position: int) -> str:
    if mark in _ESCAPES:
        return _ESCAPES[mark]
    return f"{mark}<!-- -->" if mark == "@" or position else f"\\{mark}"
