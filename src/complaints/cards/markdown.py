"""Markdown of the cards: escaped names, tables and scores."""

import html
import re
from collections.abc import Iterable, Sequence

from complaints.core.errors import printable
from complaints.report.tables import Line, interval, number
from complaints.reporting.markdown_table import markdown_table

_MARKS = re.compile(r"([\\`*_{}\[\]|~#$@])")


def escaped(text: str) -> str:
    """Return a text of the data, such as a class name, as one line of Markdown that shows these characters."""
    return _MARKS.sub(r"\\\1", html.escape(printable(text), quote=False))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return a table whose first `texts` columns are left-aligned."""
    return markdown_table([header, *rows], [index >= texts for index in range(len(header))])


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """Return a table of names and values; values of None are left out."""
    return table(("fact", "value"), [(name, str(value)) for name, value in rows if value is not None], texts=2)


def score(line: Line, metric: str) -> str | None:
    """Return a score with its 95 % interval, None if the line does not have it."""
    found, value = interval(line, metric), number(line, metric)
    if found is not None:
        return f"{found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})"
    return None if value is None else f"{value:.3f}"


def paragraphs(parts: Iterable[str | None]) -> str:
    """Return parts of a page with blank lines between them, without those that are empty."""
    return "\n\n".join(part for part in parts if part)
