"""Self-contained HTML pages of headings, text, tables and figures, for phones and desktops.

The markup and the style are in page.html.jinja. This module prepares the texts that the template shows; the template
escapes every one of them.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.reporting.templates import load_template


class Share(float):
    """A number that a cell shows in percent."""


Cell = str | int | float | None

LEAST_SECTIONS_FOR_CONTENTS = 10
"""A page with at least this many sections has a table of contents."""

MEDIUM, LONG = 30, 100
"""Cells with more characters have a minimum width, so that they do not become narrow columns of single words."""

MEDIUM_WIDTH, LONG_WIDTH = 20, 36
"""The minimum widths of such cells in characters; the template's style sets them in rem."""

PADDING_WIDTH, LEAST_WIDTH = 2, 7
"""The padding and the minimum width of any cell in characters."""

PHONE_WIDTH, HALF_WIDTH = 51, 72
"""Tables that need more characters scroll on a phone, or do not fit into half of a desktop's width."""


@dataclass(frozen=True)
class Section:
    """One heading with, in this order, paragraphs, a table and a figure; all but the heading are optional.

    `text` is plain text with a blank line between paragraphs. `header` names the columns of `rows`. In a row, text is
    aligned left and numbers are aligned right: an int has thousands separators, a float three decimals, a Share is
    shown in percent, None as an empty cell. `png` is a file whose bytes are copied into the page; the heading is its
    text alternative.
    """

    heading: str
    text: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    png: Path | None = None


@dataclass(frozen=True)
class _Piece:
    """A stretch of a paragraph: plain text, or the name of a file to link to."""

    text: str
    is_file: bool


@dataclass(frozen=True)
class _CellView:
    """A formatted cell and its CSS class, "" for none."""

    text: str
    kind: str


@dataclass(frozen=True)
class _SectionView:
    heading: str
    paragraphs: list[list[_Piece]]
    header: list[_CellView]
    rows: list[list[_CellView]]
    png: str | None
    """The figure in base64."""
    half: bool
    """Whether half of a desktop's width is enough."""
    scrolls: bool
    """Whether the table is probably wider than a phone."""


@dataclass(frozen=True)
class _Page:
    title: str
    banner: str
    lead: list[list[_Piece]]
    has_contents: bool
    sections: list[_SectionView]


def render(
    title: str, lead: str, sections: Sequence[Section], banner: str = "", linked_files: Sequence[str] = ()
) -> str:
    """Return the complete page as HTML that loads nothing from outside itself.

    Args:
        title: Text of the tab and of the first heading.
        lead: The paragraphs under the title.
        sections: The content; from LEAST_SECTIONS_FOR_CONTENTS sections on, the page has a table of contents.
        banner: A warning above the lead, "" for none.
        linked_files: Names of files in the folder of the page; a paragraph that names one links to it.

    Raises:
        ValueError: if a row's length is not the header's.
        FileNotFoundError: if a figure is missing.
    """
    page = _Page(
        title=title,
        banner=banner,
        lead=_paragraphs(lead, linked_files),
        has_contents=len(sections) >= LEAST_SECTIONS_FOR_CONTENTS,
        sections=[_section(section, linked_files) for section in sections],
    )
    return load_template("complaints.reporting", "page.html.jinja").render(page=page)


def _section(section: Section, linked_files: Sequence[str]) -> _SectionView:
    for row in section.rows:
        if len(row) != len(section.header):
            raise ValueError(f"a row has {len(row)} cells under {len(section.header)} headings: {list(row)}")
    columns = list(zip(*section.rows, strict=True)) if section.rows else [()] * len(section.header)
    # A column is numeric, and its heading is aligned right, if it has cells and none of them is text.
    numeric = [bool(column) and not any(isinstance(cell, str) for cell in column) for column in columns]
    header = [_CellView(name, "number" if n else "") for name, n in zip(section.header, numeric, strict=True)]
    rows = [[_cell(cell) for cell in row] for row in section.rows]
    width = _least_width([header, *rows])
    return _SectionView(
        heading=section.heading,
        paragraphs=_paragraphs(section.text, linked_files),
        header=header,
        rows=rows,
        png=base64.b64encode(section.png.read_bytes()).decode("ascii") if section.png is not None else None,
        half=width <= HALF_WIDTH,
        scrolls=width > PHONE_WIDTH,
    )


def _paragraphs(text: str, linked_files: Sequence[str]) -> list[list[_Piece]]:
    return [_pieces(part.strip(), linked_files) for part in text.split("\n\n") if part.strip()]


def _pieces(paragraph: str, linked_files: Sequence[str]) -> list[_Piece]:
    if not linked_files:
        return [_Piece(paragraph, is_file=False)]
    names = "|".join(map(re.escape, linked_files))
    pieces = re.split(rf"(?<![\w./-])({names})(?![\w-])", paragraph)
    # re.split returns the matches of the group at the odd positions.
    return [_Piece(text, is_file=position % 2 == 1) for position, text in enumerate(pieces) if text]


def _cell(cell: Cell) -> _CellView:
    if cell is None:
        return _CellView("", "")
    if isinstance(cell, str):
        return _CellView(cell, "long" if len(cell) > LONG else "medium" if len(cell) > MEDIUM else "")
    form = ".1%" if isinstance(cell, Share) else ".3f" if isinstance(cell, float) else ","
    return _CellView(f"{cell:{form}}", "number")


def _least_width(lines: Sequence[Sequence[_CellView]]) -> int:
    """Return an estimate of the width, in characters, below which a browser cannot shrink a table."""
    return sum(max(LEAST_WIDTH, *map(_least_cell_width, column)) + PADDING_WIDTH for column in zip(*lines, strict=True))


def _least_cell_width(cell: _CellView) -> int:
    if cell.kind == "number":
        return len(cell.text)
    fixed = {"medium": MEDIUM_WIDTH, "long": LONG_WIDTH}
    return fixed.get(cell.kind) or max(map(len, cell.text.split(" ")))
