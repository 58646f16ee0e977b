"""The page: parts of text, tables, figures and coloured complaints in one file, for phones and desktops."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from complaints.inspecting.coloured import Mark
from complaints.reporting.html_page import Cell, Share
from complaints.reporting.templates import load_template


@dataclass(frozen=True)
class Panel:
    """One colouring of a complaint."""

    title: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Complaint:
    """A complaint with its colourings, side by side where there is room."""

    title: str
    facts: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Part:
    """One heading with, in this order, paragraphs, a table, a figure and complaints; all but the heading are optional.

    `text` has a blank line between paragraphs. The heading is the text alternative of the figure.
    """

    heading: str
    text: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    png: Path | None = None
    complaints: Sequence[Complaint] = ()

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of `text`."""
        return self.text.split("\n\n") if self.text else []

    @property
    def image(self) -> str:
        """The figure in base64."""
        assert self.png is not None
        return base64.b64encode(self.png.read_bytes()).decode("ascii")


def render(title: str, lead: str, parts: Sequence[Part]) -> str:
    """Return the page as HTML that loads nothing from outside itself.

    Args:
        title: Text of the tab and of the first heading.
        lead: The paragraph under the title.
        parts: The content.
    """
    return load_template("complaints.inspecting", "page.html.jinja", cell).render(title=title, lead=lead, parts=parts)


def cell(value: Cell) -> str:
    """Return the text of a cell: a Share in percent, another float with three decimals, None as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:{'.1%' if isinstance(value, Share) else '.3f' if isinstance(value, float) else ','}}"
