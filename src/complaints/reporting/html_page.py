"""One HTML page in one file: headings, text, tables and pictures, readable on a phone and on a desk."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path


class Share(float):
    """A number that a cell shows in percent."""


Cell = str | int | float | None

CONTENTS_FROM = 10
"""A page of so many sections has a table of contents."""

MEDIUM, LONG = 30, 100
"""Cells with more characters are kept from becoming narrow columns of single words."""

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.5rem 0 0.5rem; }
p { max-width: 42rem; overflow-wrap: anywhere; }
.banner { max-width: none; background: #fff3cd; border-left: 0.4rem solid #c77700; padding: 0.6rem 0.8rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; line-height: 1.35; }
th, td { padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
th { border-bottom-color: #888; }
td { min-width: 3rem; max-width: 26rem; overflow-wrap: break-word; }
.medium { min-width: 9rem; }
.long { min-width: 16rem; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { padding-left: 0; }
@media (max-width: 30rem) { table { font-size: 0.8125rem; } th, td { padding: 0.25rem 0.4rem; } }
nav { columns: 16rem; margin: 1rem 0; padding: 0.6rem 0.8rem; background: #f4f6f8; }
nav a { display: block; padding: 0.25rem 0; color: #0b57a4; break-inside: avoid; }
img { display: block; width: 100%; max-width: 46rem; height: auto; }
""".strip()


@dataclass(frozen=True)
class Section:
    """One heading with, in this order, paragraphs, a table and a picture; all but the heading may be left out.

    `text` is plain text whose paragraphs are parted by a blank line. `header` names the columns of `rows`.
    In a row, text stands left and numbers stand right: an int gets thousands separators, a float three decimals,
    a Share is shown in percent, None an empty cell. `png` is a file whose bytes are copied into the page; the heading
    is its text alternative.
    """

    heading: str
    text: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    png: Path | None = None


def render(title: str, lead: str, sections: Sequence[Section], banner: str = "") -> str:
    """Return the whole page as HTML that refers to nothing outside itself.

    Every text is escaped. `lead` is the paragraph under the title; `banner`, if given, is a warning above it. A page of
    CONTENTS_FROM sections or more has a table of contents.

    Raises ValueError for a row whose length is not the header's, FileNotFoundError for a missing picture.
    """
    top = [f"<h1>{escape(title)}</h1>"]
    if banner:
        top.append(f'<p class="banner" role="note">{escape(banner)}</p>')
    contents = _contents(sections) if len(sections) >= CONTENTS_FROM else []
    numbered = (_section(number, section) for number, section in enumerate(sections, 1))
    body = "\n".join([*top, *_paragraphs(lead), *contents, *numbered])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _contents(sections: Sequence[Section]) -> list[str]:
    links = (f'<a href="#{number}">{escape(section.heading)}</a>' for number, section in enumerate(sections, 1))
    return ['<nav aria-label="Contents">', *links, "</nav>"]


def _section(number: int, section: Section) -> str:
    parts = [f'<h2 id="{number}">{escape(section.heading)}</h2>', *_paragraphs(section.text)]
    if section.header:
        parts.append(_table(section.header, section.rows))
    if section.png is not None:
        data = base64.b64encode(section.png.read_bytes()).decode("ascii")
        parts.append(f'<img alt="{escape(section.heading)}" src="data:image/png;base64,{data}">')
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _paragraphs(text: str) -> list[str]:
    return [f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip()]


def _table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    # A column is numeric, and its heading stands right, when no cell of it is text.
    numeric = [bool(rows) and not any(isinstance(cell, str) for cell in column) for column in _columns(header, rows)]
    head = "".join(
        f'<th class="number">{escape(name)}</th>' if right else f"<th>{escape(name)}</th>"
        for name, right in zip(header, numeric, strict=True)
    )
    lines = ["<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows]
    return (
        f'<div class="table">\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody>\n</table>\n</div>"
    )


def _columns(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[tuple[Cell, ...]]:
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells under {len(header)} headings: {list(row)}")
    return list(zip(*rows, strict=True)) if rows else [() for _ in header]


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<td></td>"
    if isinstance(cell, str):
        kind = ' class="long"' if len(cell) > LONG else ' class="medium"' if len(cell) > MEDIUM else ""
        return f"<td{kind}>{escape(cell)}</td>"
    form = ".1%" if isinstance(cell, Share) else ".3f" if isinstance(cell, float) else ","
    return f'<td class="number">{cell:{form}}</td>'
