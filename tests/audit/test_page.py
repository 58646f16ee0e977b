"""The page of an audit: self-contained, complete, and readable on a phone and a desktop in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.audit_data import MANIFEST, PARAMS, complaint, measure
from support.complaints_of import complaints as complaints_of
from support.complaints_of import evidence_of

from complaints.audit import renames
from complaints.audit.measure import Audit
from complaints.audit.page import render
from complaints.audit.tables import CSV_FILES, NUMBERS_FILE, write_tables
from complaints.reporting.html_page import Section

LETTER = "I am writing about my credit report, which lists an account that was never opened by me or for me"
LABELS = [
    "Problem with a credit reporting company's investigation into an existing problem or dispute of a consumer",
    "Problem_with_a_label_that_is_one_word_of_more_letters_than_any_phone_can_show_on_one_line_of_a_page",
    "<script>alert(1)</script>",
    "Fees",
    "Fees.",
]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def complaints() -> list[dict[str, Any]]:
    days = ["2016-05-01", "2017-08-01", "2020-02-02"]
    rows = [complaint(f"{LETTER} {'XXXX ' * n}", LABELS[n % 5], days[n % 3], "train") for n in range(40)]
    rows += [complaint(f"{LETTER} and this one has many more words, {n}", LABELS[n % 2], days[0]) for n in range(9)]
    rows += [complaint("w" * 2000 + f" {n}", "Fees", days[1]) for n in range(3)]
    rows += [complaint("w" * 2000, "Fees", days[1], split) for split in ("train", "test")]
    rows += [complaint("call 212-555-0142 or write to jane@example.org", "Fees")] * 2
    rows += [complaint("El banco me cobró una comisión que no debía y se niega a devolverme el dinero", "Fees")]
    return rows


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return measure(tmp_path_factory.mktemp("audit"), complaints())


@pytest.fixture(scope="module")
def html(measured: Audit) -> str:
    return render(measured, MANIFEST, PARAMS)


def test_the_page_is_self_contained_and_shows_labels_escaped(html: str) -> None:
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert html.count('src="data:image/png;base64,') == 3
    links = re.findall(r'(?:src|href)="(?!data:|#)([^"]*)', html)
    assert set(links) == {NUMBERS_FILE, *CSV_FILES}


def test_the_files_that_the_page_links_to_are_written_into_its_folder(measured: Audit, tmp_path: Path) -> None:
    write_tables(tmp_path, measured, [], [])
    assert {path.name for path in tmp_path.iterdir()} == {NUMBERS_FILE, *CSV_FILES}


def test_every_section_is_in_the_contents(html: str) -> None:
    links = dict(re.findall(r'<a href="#(\d+)">([^<]+)</a>', html))
    assert links == dict(re.findall(r'<h2 id="(\d+)">([^<]+)</h2>', html))
    assert len(links) > 10


def test_the_page_shows_no_personal_data(html: str) -> None:
    assert "call XXXX or write to XXXX" in html
    assert "555-0142" not in html
    assert "jane@" not in html
    assert '<td>e-mail addresses</td><td class="number">2</td><td class="number">2</td>' in html


def test_the_page_shows_duplicates_contradictions_leaks_and_languages(html: str) -> None:
    assert re.search(r"<td>test</td><td>train</td>" + r'<td class="number">[\d.%]+</td>' * 4, html)
    assert '<td>es</td><td class="number">1</td>' in html
    assert '<td>Fees</td><td class="number">' in html.partition("Labels with nearly the same name</h2>")[2]
    assert "Near duplicates that consumers filed under different issues" in html


def test_a_page_without_findings_says_so(tmp_path: Path) -> None:
    rows = [complaint("The bank charged me a fee"), complaint("They never answered my letters", "Other")]
    html = render(measure(tmp_path, rows), MANIFEST, PARAMS)
    for sentence in (
        "No text has a duplicate.",
        "All duplicates of a text have the same label.",
        "The source has fewer than two splits of its own",
        "None was found.",
        "All labels are in the table of the most frequent ones.",
    ):
        assert sentence in html
    assert "Labels over time" not in html


def test_the_page_of_synthetic_data_says_so(measured: Audit, html: str) -> None:
    synthetic = render(measured, {"source": "sample", "synthetic": True}, PARAMS)
    assert "Synthetic data" in synthetic
    assert "Synthetic" not in html


def test_more_sections_follow_at_the_end(measured: Audit) -> None:
    html = render(measured, MANIFEST, PARAMS, [Section("One more")])
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", html)[-1] == "One more"


def test_without_a_label_map_page_and_files_say_nothing_about_one(measured: Audit, tmp_path: Path) -> None:
    found = renames.candidates(evidence_of(complaints_of("Late fee", "fee"), complaints_of("Fee", "month")), {}, 10)
    assert "map" in render(measured, MANIFEST, PARAMS, [renames.section(found)]).casefold()
    html = render(measured, MANIFEST, PARAMS, [renames.section(found, has_map=False)], has_map=False)
    body = html.partition("<body")[2].casefold()
    assert re.findall(r".{20}\bmaps?\b.{20}|map_defects", body) == []
    write_tables(tmp_path, measured, found, None)
    assert {path.name for path in tmp_path.iterdir()} == {NUMBERS_FILE, *CSV_FILES} - {"map_defects.csv"}
    assert set(re.findall(r'(?:src|href)="(?!data:|#)([^"]*)', html)) == {path.name for path in tmp_path.iterdir()}


def test_the_page_lists_each_label_once(tmp_path: Path) -> None:
    rows = [complaint(f"text {i}", f"label-{i:02}") for i in range(10)]
    for listed in (1, 7, 20):
        params = {"listed_labels": listed}
        html = render(measure(tmp_path, rows, **params), MANIFEST, PARAMS.__class__(**vars(PARAMS) | params))
        tables = html.partition("The most frequent labels</h2>")[2].partition("Labels with nearly")[0]
        shown = re.findall(r"<td>(label-\d\d)</td>", tables)
        assert len(shown) == len(set(shown)) == min(10, 2 * listed)


def test_the_same_complaints_give_the_same_page(measured: Audit, html: str, tmp_path: Path) -> None:
    assert render(measure(tmp_path, complaints()), MANIFEST, PARAMS) == html


def browse(page: Path, width: int, height: int, *flags: str) -> str:
    """Return the output of headless Chromium for a page in a window of this size."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={page.parent / 'profile'}", f"--window-size={width},{height}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_exceeds_the_window_and_tables_that_scroll_have_hints(html: str, tmp_path: Path, width: int) -> None:
    frame = tmp_path / "frame.html"
    (tmp_path / "page.html").write_text(html)
    script = """
        const view = document.querySelector('iframe'), inside = view.contentDocument;
        const hinted = e => e.previousElementSibling.matches('.hint') && e.previousElementSibling.offsetHeight > 0;
        const tables = [...inside.querySelectorAll('.table')];
        const wide = [...inside.querySelectorAll('h1,h2,p,img,nav,.table')]
            .filter(e => e.getBoundingClientRect().right > view.clientWidth).length;
        document.title = [view.clientWidth, inside.documentElement.scrollWidth, wide,
            tables.filter(e => e.scrollWidth > e.clientWidth).length,
            tables.filter(e => (e.scrollWidth > e.clientWidth) != hinted(e)).length,
            [...inside.images].every(e => e.naturalWidth > 0)].join(' ');
    """
    # The least width of a window exceeds that of a phone, but a frame can be narrower.
    frame.write_text(
        f'<body style="margin:0"><iframe src="page.html" width="{width}" height="800" style="border:0" '
        f'onload="{script}"></iframe>'
    )
    shown = browse(frame, 1400, 900, "--dump-dom", "--allow-file-access-from-files")
    title = re.search(r"<title>([^<]*)</title>", shown)
    assert title, shown
    window, page, wide, scrolling, wrong_hints, loaded = title[1].split()
    assert (int(window), int(page), int(wide), int(wrong_hints), loaded) == (width, width, 0, 0, "true")
    # In a narrow window, wide tables scroll inside their boxes.
    assert (int(scrolling) > 0) == (width == 390)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
def test_no_part_of_the_page_is_blank(html: str, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(html)
    browse(page, 1280, 3000, f"--screenshot={picture}")
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape == (3000, 1280)
    inked = (pixels < 128).sum(axis=1).reshape(10, 300).sum(axis=1)
    assert np.all(inked > 0)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
@pytest.mark.parametrize("dark", [False, True])
def test_page_and_figures_follow_the_preferred_colour_scheme(html: str, tmp_path: Path, dark: bool) -> None:
    page, screenshot = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(html)
    # Chromium's names of the schemes are 0 for dark and 1 for light.
    browse(page, 1280, 3000, f"--screenshot={screenshot}", f"--blink-settings=preferredColorScheme={int(not dark)}")
    pixels = np.asarray(Image.open(screenshot).convert("L"))
    assert np.mean(pixels < 128) > 0.8 if dark else np.mean(pixels > 128) > 0.8
    # Figures have no white background on a dark page.
    assert np.mean(pixels == 255) < 0.01 if dark else np.mean(pixels == 255) > 0.5
