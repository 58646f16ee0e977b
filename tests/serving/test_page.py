"""The page in headless Chromium: typed into, clicked, and a file dropped on it."""

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import CHROMIUM, Browser, browser
from support.served import RunningServer

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; install the package chromium")

TEXT = "the bank lost my card <img src=x onerror=alert(1)>"
SHOWN = (
    "!document.querySelector('#result').hidden && !/Computing/.test(document.querySelector('#why-state').textContent)"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture
def page(chromium: Browser, unsure_server: RunningServer) -> Iterator[Browser]:
    """The page, open; afterwards it has asked nobody but its server, and broken no rule of its content policy."""
    chromium.requested.clear()
    chromium.complaints.clear()
    chromium.open(unsure_server.address)
    chromium.wait("document.querySelector('#facts dd')")
    yield chromium
    outside = [url for url in chromium.requested if not url.startswith((unsure_server.address, "data:,", "blob:"))]
    assert outside == []
    assert chromium.complaints == []


def text_of(page: Browser, selector: str) -> str:
    return str(page.run(f"document.querySelector('{selector}').innerText"))


def test_a_typed_complaint_has_label_bars_and_a_person(page: Browser, unsure_server: RunningServer) -> None:
    page.click("#text")
    page.type(TEXT)
    page.click("#submit")
    page.wait(SHOWN)
    wanted = unsure_server.post("/predict", {"text": TEXT}).json["predictions"][0]
    assert text_of(page, "#result-head") == wanted["label"]
    assert "send to a person" in text_of(page, "#unsure")
    rows = page.run(
        "[...document.querySelectorAll('#top li')].map(e => [e.children[0].textContent, e.children[1].textContent, "
        "e.querySelector('.bar span').getBoundingClientRect().width / e.querySelector('.bar').clientWidth])"
    )
    assert [row[0] for row in rows] == [item["label"] for item in wanted["top"]]
    for (_, shown, width), item in zip(rows, wanted["top"], strict=True):
        assert float(shown.partition("\xa0")[0]) == pytest.approx(100 * item["probability"], abs=0.5)
        assert width == pytest.approx(item["probability"], abs=0.01)
    assert "models/knn" in text_of(page, "#near-state")
    assert wanted["label"] in text_of(page, "#state")
    assert unsure_server.get("/model").json["digest"][:12] in text_of(page, "#facts")
    assert page.run("document.querySelectorAll('#result img').length") == 0


def test_words_are_marked_by_their_shares(page: Browser, unsure_server: RunningServer) -> None:
    """Characters beyond the first plane of Unicode are two in a browser and one in the answer."""
    text = "\U0001f4b8 the bank <b>lost</b> my card, a late fee \U0001f595"
    page.click("#text")
    page.type(text)
    page.click("#submit")
    page.wait(SHOWN)
    assert page.run("document.querySelector('#words').textContent") == text
    (part,) = unsure_server.post("/explain", {"text": text}).json["attributions"]
    most = max(abs(token["score"]) for token in part["tokens"])
    strong = [token for token in part["tokens"] if abs(token["score"]) >= 0.12 * most]
    marks = page.run("[...document.querySelectorAll('#words mark')].map(e => [e.textContent, e.className])")
    assert marks == [
        [text[token["start"] : token["end"]], "for" if token["score"] > 0 else "against"] for token in strong
    ]
    best = max(part["tokens"], key=lambda token: token["score"])
    assert f": \u201c{text[best['start'] : best['end']]}\u201d" in text_of(page, "#strongest")
    assert "integrated gradients" in text_of(page, "#strongest")


def test_the_keyboard_is_enough(page: Browser) -> None:
    page.run("document.activeElement.blur()")
    page.press("Tab", 9)
    assert page.run("document.activeElement.id") == "text"
    page.type("a late fee")
    page.press("Enter", 13, modifiers=2)
    page.wait(SHOWN)
    order = []
    for _ in range(9):
        page.press("Tab", 9)
        order.append(page.run("document.activeElement.id || document.activeElement.tagName"))
    assert order[:4] == ["submit", "column", "format", "chosen"]


def test_an_empty_text_is_said(page: Browser) -> None:
    page.click("#submit")
    assert "empty" in text_of(page, "#problem")


def test_a_dropped_file_comes_back_labelled(page: Browser, unsure_server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "mine <b>.csv"
    file.write_text("id,complaint_text\n1,the bank lost my card\n2,\n3,a late fee\n")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "downloads"))
    page.drop(file, "#file")
    page.wait("document.querySelector('#file-state a')")
    assert "3 rows, 2 to send to a person, 1 without text" in text_of(page, "#file-state")
    page.click("#file-state a")
    labelled = tmp_path / "downloads"
    end = time.monotonic() + 30
    while not list(labelled.glob("*.csv")):
        assert time.monotonic() < end, (list(tmp_path.rglob("*")), text_of(page, "#file-state"))
        time.sleep(0.05)
    (saved,) = labelled.glob("*.csv")
    rows = list(csv.DictReader(io.StringIO(saved.read_text())))
    assert [row["complaint_text"] for row in rows] == ["the bank lost my card", "", "a late fee"]
    assert [row["unsure"] for row in rows] == ["true", "", "true"]
    wanted = unsure_server.post("/predict", {"texts": ["the bank lost my card", "a late fee"]}).json["predictions"]
    assert [row["label_2"] for row in rows if row["complaint_text"]] == [item["top"][1]["label"] for item in wanted]


def test_a_file_that_is_refused_is_said(chromium: Browser, unsure_server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("words\nfee\n")
    chromium.open(unsure_server.address)
    chromium.drop(file, "#file")
    chromium.wait("!document.querySelector('#problem').hidden")
    assert "mine.csv has no column 'complaint_text'" in text_of(chromium, "#problem")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_phone_and_desktop_in_both_schemes(
    page: Browser, unsure_server: RunningServer, width: int, dark: bool
) -> None:
    page.open(unsure_server.address, width, 900, dark)
    page.click("#text")
    page.type(TEXT)
    page.click("#submit")
    page.wait(SHOWN)
    assert page.run("innerWidth") == width
    assert page.run("document.documentElement.scrollWidth") <= width
    color = page.run("getComputedStyle(document.body).backgroundColor")
    assert color == ("rgb(18, 18, 18)" if dark else "rgb(255, 255, 255)")
    small = page.run(
        "[...document.querySelectorAll('button, .button')].filter(e => e.offsetHeight && e.offsetHeight < 44).length"
    )
    assert small == 0


def test_screen_readers_have_names(page: Browser) -> None:
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and node["role"]["value"] in ("textbox", "button", "combobox", "link", "region")
    ]
    assert {name for role, name in controls if role == "textbox"} >= {"Complaint", "Column of the texts"}
    assert [control for control in controls if not control[1].strip()] == []
    page.call("Accessibility.disable")


def test_a_token_is_asked_for(chromium: Browser, server: RunningServer) -> None:
    chromium.open(server.address)
    chromium.wait("!document.querySelector('#token-form').hidden")
    chromium.click("#token")
    chromium.type(server.token or "")
    chromium.press("Enter", 13, text="\r")
    chromium.wait("document.querySelector('#facts dd')")
    chromium.click("#text")
    chromium.type("a late fee")
    chromium.click("#submit")
    chromium.wait(SHOWN)
    assert chromium.run("document.querySelector('#unsure').hidden")
    assert text_of(chromium, "#result-kind") == "Label"


def test_the_api_page_shows_the_paths(chromium: Browser, unsure_server: RunningServer) -> None:
    chromium.complaints.clear()
    chromium.requested.clear()
    chromium.open(f"{unsure_server.address}/docs")
    chromium.wait("document.querySelectorAll('.opblock').length >= 8")
    assert [url for url in chromium.requested if not url.startswith((unsure_server.address, "data:"))] == []
    assert not [line for line in chromium.complaints if "Content Security Policy" in line]
