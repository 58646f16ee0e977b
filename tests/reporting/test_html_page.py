"""HTML pages: one file, escaped texts, formatted numbers, and a layout for phones and desktops."""

import base64
import html.parser
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from complaints.reporting import html_page
from complaints.reporting.html_page import Section, Share, render
from complaints.reporting.templates import load_template


class _Page(html.parser.HTMLParser):
    """Parser that collects a page's links, alternative texts, visible texts and unclosed tags."""

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


def test_figures_are_inside_the_page_and_nothing_is_loaded_from_outside(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG bytes")
    text = render("T", "lead", [Section("A picture", png=picture)])
    page = _Page(text)
    assert page.references == ["data:image/png;base64," + base64.b64encode(b"\x89PNG bytes").decode()]
    assert page.alternatives == ["A picture"]
    assert page.open == []
    assert not re.search(r"https?:|//|url\(|@import|<script|<link", text.replace(page.references[0], ""))


def test_markup_in_any_text_is_shown_as_text(tmp_path: Path) -> None:
    evil = "<script>alert('&')</script>\""
    picture = tmp_path / "a.png"
    picture.write_bytes(b"")
    text = render(evil, evil, [Section(evil, evil, [evil], [[evil]], picture)], evil, ["a.csv"])
    assert "<script" not in text
    page = _Page(text)
    # The title twice, banner and lead; heading, text, column and cell of the section.
    assert page.text.count(evil) == 8
    assert page.alternatives == [evil]


def test_numbers_are_aligned_right_and_formatted() -> None:
    text = render("T", "", [Section("S", header=["name", "n", "f"], rows=[["a", 12345, 0.12345], ["b", None, 2.0]])])
    assert '<th>name</th><th class="number">n</th><th class="number">f</th>' in text
    assert '<td>a</td><td class="number">12,345</td><td class="number">0.123</td>' in text
    assert '<td>b</td><td></td><td class="number">2.000</td>' in text


def test_a_table_without_rows_has_its_header() -> None:
    assert "<th>name</th>" in render("T", "", [Section("S", header=["name"])])


def test_a_row_of_another_length_than_the_header_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        render("T", "", [Section("S", header=["a", "b"], rows=[["x"]])])


def test_blank_lines_separate_paragraphs() -> None:
    assert "<p>one\ntwo</p>\n<p>three</p>" in render("T", "one\ntwo\n\n\n\nthree", [])


def test_wide_content_scrolls_inside_a_page_as_wide_as_the_screen() -> None:
    text = render("T", "", [Section("S", header=["a"], rows=[["x"]])])
    assert 'content="width=device-width, initial-scale=1"' in text
    assert re.search(r"\.table \{ overflow-x: auto;", text)
    assert '<div class="table">\n<table>' in text


def test_a_banner_appears_only_when_given() -> None:
    assert 'class="banner"' in render("T", "", [], banner="SYNTHETIC")
    assert 'class="banner"' not in render("T", "", [])


def test_a_share_is_shown_in_percent() -> None:
    assert '<td class="number">12.3%</td>' in render("T", "", [Section("S", header=["f"], rows=[[Share(0.1234)]])])


def test_names_of_linked_files_are_links_in_paragraphs_and_nowhere_else() -> None:
    text = "See a.csv, data/a.csv, a.csv-old, xa.csv and b.csv."
    sections = [Section("a.csv", text, ["a.csv"], [["a.csv"]])]
    assert _Page(render("a.csv", text, sections, "a.csv", ["a.csv", "b.csv"])).references == ["a.csv", "b.csv"] * 2
    assert _Page(render("a.csv", text, sections, "a.csv")).references == []


@pytest.mark.parametrize("sections", [html_page.LEAST_SECTIONS_FOR_CONTENTS - 1, html_page.LEAST_SECTIONS_FOR_CONTENTS])
def test_long_pages_have_a_table_of_contents(sections: int) -> None:
    page = _Page(render("T", "", [Section(f"S{i}") for i in range(sections)]))
    has_contents = sections == html_page.LEAST_SECTIONS_FOR_CONTENTS
    assert page.references == [f"#{i + 1}" for i in range(sections if has_contents else 0)]


def test_tables_wider_than_a_phone_have_a_hint_that_they_scroll() -> None:
    narrow = Section("S", header=["a", "b"], rows=[["x", 1]])
    wide = Section("S", header=[f"column {i}" for i in range(12)], rows=[["x"] * 12])
    assert 'class="hint"' not in render("T", "", [narrow])
    assert 'class="hint"' in render("T", "", [wide])
    assert '<section class="half">' in render("T", "", [narrow])
    assert '<section class="half">' not in render("T", "", [wide])


def test_the_same_content_has_the_same_bytes() -> None:
    sections = [Section("S", "one\n\ntwo a.csv", ["a"], [["x"], ["y"]])]
    pages = [render("T", "lead", sections, "banner", ["a.csv"])]
    load_template.cache_clear()
    pages.append(render("T", "lead", sections, "banner", ["a.csv"]))
    assert pages[0] == pages[1]
    assert pages[0].startswith("<!doctype html>\n")
    assert pages[0].endswith("</html>\n")


def test_files_of_the_package_other_than_modules_are_installed() -> None:
    """A template that package-data misses would be absent from a wheel."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folder = Path(html_page.__file__).parent
    files = {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".py"}
    assert files
    assert files == {path.name for pattern in setuptools["package-data"]["complaints.reporting"]
                     for path in folder.glob(pattern)}  # fmt: skip


@pytest.mark.parametrize("stage", ["audit", "evaluate"])
def test_stages_with_a_page_depend_on_the_folder_of_the_template(stage: str) -> None:
    """DVC hashes every file in a folder, so a change of the template makes the stages stale."""
    dependencies = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"][stage]["deps"]
    assert Path(html_page.__file__).parent in [ROOT / path for path in dependencies]
