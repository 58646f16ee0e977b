"""The page is one file, escapes what it shows, and fits a phone."""

import base64
import html.parser
import re
from pathlib import Path

import pytest

from complaints.reporting.html_page import Section, render


class _Page(html.parser.HTMLParser):
    """Collects a page's links, alternative texts, visible text and tags that were not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.alternatives: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        for name, value in attrs:
            if name in {"src", "href"}:
                self.references.append(value or "")
            if name == "alt":
                self.alternatives.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


def test_pictures_are_inside_the_page_and_nothing_is_outside(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG bytes")
    text = render("T", "lead", [Section("A picture", png=picture)])
    page = _Page(text)
    assert page.references == ["data:image/png;base64," + base64.b64encode(b"\x89PNG bytes").decode()]
    assert page.alternatives == ["A picture"]
    assert page.open == []
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", text.replace(page.references[0], ""))


def test_markup_in_any_text_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    evil = "<script>alert('&')</script>\""
    picture = tmp_path / "a.png"
    picture.write_bytes(b"")
    text = render(evil, evil, [Section(evil, evil, [evil], [[evil]], picture)], banner=evil)
    assert "<script" not in text
    page = _Page(text)
    # The title twice, banner and lead; heading, text, column and cell of the section.
    assert page.text.count(evil) == 8
    assert page.alternatives == [evil]


def test_numbers_stand_right_and_are_formatted() -> None:
    text = render("T", "", [Section("S", header=["name", "n", "f"], rows=[["a", 12345, 0.12345], ["b", None, 2.0]])])
    assert '<th>name</th><th class="number">n</th><th class="number">f</th>' in text
    assert '<td>a</td><td class="number">12,345</td><td class="number">0.123</td>' in text
    assert '<td>b</td><td></td><td class="number">2.000</td>' in text


def test_a_table_without_rows_still_has_its_heading() -> None:
    assert "<th>name</th>" in render("T", "", [Section("S", header=["name"])])


def test_a_row_of_another_length_than_the_header_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        render("T", "", [Section("S", header=["a", "b"], rows=[["x"]])])


def test_blank_lines_part_paragraphs() -> None:
    assert "<p>one\ntwo</p>\n<p>three</p>" in render("T", "one\ntwo\n\n\n\nthree", [])


def test_wide_content_scrolls_inside_a_page_as_wide_as_the_screen() -> None:
    text = render("T", "", [Section("S", header=["a"], rows=[["x"]])])
    assert 'content="width=device-width, initial-scale=1"' in text
    assert re.search(r"\.table \{ overflow-x: auto; \}", text)
    assert '<div class="table">\n<table>' in text


def test_a_banner_appears_only_when_given() -> None:
    assert 'class="banner"' in render("T", "", [], banner="SYNTHETIC")
    assert 'class="banner"' not in render("T", "", [])
