"""The audit's page stands alone, shows what was measured, and fits a phone and a desk in a real browser."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.audit_data import MANIFEST, PARAMS, complaint, measure

from complaints.audit.measure import Audit
from complaints.audit.page import render
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


def complaints() -> list[dict]:
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


def test_the_page_stands_alone_and_shows_labels_escaped(html: str) -> None:
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert html.count('src="data:image/png;base64,') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', html)


def test_every_section_is_in_the_contents(html: str) -> None:
    links = dict(re.findall(r'<a href="#(\d+)">([^<]+)</a>', html))
    assert links == dict(re.findall(r'<h2 id="(\d+)">([^<]+)</h2>', html))
    assert len(links) > 10


def test_the_page_shows_no_personal_data(html: str) -> None:
    assert "call XXXX or write to XXXX" in html
    assert "555-0142" not in html
    assert "jane@" not in html
    assert '<td>e-mail addresses</td><td class="number">2</td><td class="number">2</td>' in html


def test_the_page_shows_copies_contradictions_leaks_and_languages(html: str) -> None:
    assert re.search(r"<td>test</td><td>train</td>" + r'<td class="number">[\d.%]+</td>' * 4, html)
    assert '<td>es</td><td class="number">1</td>' in html
    assert '<td>Fees</td><td class="number">' in html.partition("Labels with nearly the same name</h2>")[2]
    assert "Near-copies that consumers filed under different issues" in html


def test_a_page_without_findings_says_so(tmp_path: Path) -> None:
    rows = [complaint("The bank charged me a fee"), complaint("They never answered my letters", "Other")]
    html = render(measure(tmp_path, rows), MANIFEST, PARAMS)
    for sentence in (
        "No text has a copy.",
        "All copies of a text have the same label.",
        "The source brings no two splits of its own",
        "None was found.",
        "All labels stand in the table above.",
    ):
        assert sentence in html
    assert "Labels over time" not in html


def test_the_page_of_synthetic_data_says_so(measured: Audit, html: str) -> None:
    synthetic = render(measured, {"source": "sample", "synthetic": True}, PARAMS)
    assert "Synthetic data" in synthetic
    assert "Synthetic" not in html


def test_more_sections_stand_at_the_end(measured: Audit) -> None:
    html = render(measured, MANIFEST, PARAMS, [Section("One more")])
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", html)[-1] == "One more"


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
    """Open a page in headless Chromium, as a window of this size, and return what it prints."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={page.parent / 'profile'}", f"--window-size={width},{height}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_stands_out_of_the_window(html: str, tmp_path: Path, width: int) -> None:
    frame = tmp_path / "frame.html"
    (tmp_path / "page.html").write_text(html)
    script = """
        const view = document.querySelector('iframe'), inside = view.contentDocument;
        const tables = [...inside.querySelectorAll('.table')];
        const wide = [...inside.querySelectorAll('h1,h2,p,img,nav,.table')]
            .filter(e => e.getBoundingClientRect().right > view.clientWidth).length;
        document.title = [view.clientWidth, inside.documentElement.scrollWidth, wide,
            tables.filter(e => e.scrollWidth > e.clientWidth).length,
            [...inside.images].every(e => e.naturalWidth > 0)].join(' ');
    """
    # A window cannot be as narrow as a phone's, but a frame in it can.
    frame.write_text(
        f'<body style="margin:0"><iframe src="page.html" width="{width}" height="800" style="border:0" '
        f'onload="{script}"></iframe>'
    )
    shown = browse(frame, 1400, 900, "--dump-dom", "--allow-file-access-from-files")
    title = re.search(r"<title>([^<]*)</title>", shown)
    assert title, shown
    window, page, wide, scrolling, pictures = title[1].split()
    assert (int(window), int(page), int(wide), pictures) == (width, width, 0, "true")
    # Wide tables scroll in a box of their own, where the window is narrow.
    assert (int(scrolling) > 0) == (width == 390)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")
def test_the_page_is_drawn_over_its_whole_height(html: str, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(html)
    browse(page, 1280, 3000, f"--screenshot={picture}")
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape == (3000, 1280)
    inked = (pixels < 128).sum(axis=1).reshape(10, 300).sum(axis=1)
    assert np.all(inked > 0)
