"""A page that quotes the beginning of a withdrawn text is found, and one of a complaint that remains is not."""

import csv
import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import Ran
from support.withdrawal_project import NEAR, TEXT, WITHDRAWN

from complaints.forgetting.excerpts import SHORTEST_EXCERPT, letters, openings
from complaints.forgetting.matcher import Matcher
from complaints.forgetting.search import search_file
from complaints.withdrawals.ledger import NONE, normal_form

QUOTED = TEXT[:199].rstrip() + "…"
LETTER = "To whom it may concern: I am writing about an account that I never opened and ask you to remove it at once. "


def page(path: Path, quoted: str) -> None:
    path.write_text(f"<!doctype html><table><tr><td>3</td><td>{html.escape(quoted)}</td></tr></table>")


def table(path: Path, quoted: str) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["rank", "text"], [1, quoted]])


def jsons(path: Path, quoted: str) -> None:
    path.write_text(json.dumps({"examples": [{"text": quoted}]}))


def log(path: Path, quoted: str) -> None:
    path.write_text(f"2026-01-01 INFO row 3 begins: {quoted}\n")


def matcher(*texts: str, remaining: tuple[str, ...] = ()) -> Matcher:
    made = Matcher(NONE.extended([], [str(normal_form(text)) for text in texts]), remaining=lambda: remaining)
    made.learn(set(), set(texts))
    return made


@pytest.mark.parametrize("write", [page, table, jsons, log])
def test_an_excerpt_is_found_in_every_format_of_reports(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    write(tmp_path / "report", QUOTED)
    assert search_file(tmp_path / "report", matcher(TEXT)) == {"excerpt"}
    write(tmp_path / "report", "Another text, which is quoted by nobody. " * 5)
    assert search_file(tmp_path / "report", matcher(TEXT)) == set()


def test_masked_personal_data_do_not_hide_an_excerpt(tmp_path: Path) -> None:
    text = f"Write to me at jane.doe@example.org and nowhere else. {TEXT}"
    page(tmp_path / "page", text.replace("jane.doe@example.org", "XXXX")[:199] + "…")
    assert search_file(tmp_path / "page", matcher(text)) == {"excerpt"}


def test_the_beginning_that_a_remaining_complaint_shares_is_not_an_excerpt(tmp_path: Path) -> None:
    mine, others = LETTER + "My own words: the blue house.", LETTER + "Its own words: the red boat."
    for quoted, found in ((others[:150], set()), (LETTER, set()), (mine[:130] + "…", {"excerpt"})):
        page(tmp_path / "page", quoted)
        assert search_file(tmp_path / "page", matcher(mine, remaining=(others, "x"))) == found, quoted
    page(tmp_path / "page", LETTER)
    assert search_file(tmp_path / "page", matcher(mine)) == {"excerpt"}


def test_a_beginning_is_long_enough_and_says_something() -> None:
    assert openings(["Short."], ["Short."]) == set()
    (opening,) = openings(["XXXX " * 30 + LETTER], [])
    assert opening.startswith("x" * 120)
    assert len(opening.strip("x")) >= 20
    (opening,) = openings([LETTER], [])
    assert (len(opening), letters(LETTER).startswith(opening)) == (SHORTEST_EXCERPT, True)
    assert openings([LETTER], [f"I quote: {LETTER}"]) == set()


def test_a_page_with_an_excerpt_alone_is_named(repo: Path, forget: Callable[..., tuple[Ran, str]]) -> None:
    Path("scratch").mkdir(exist_ok=True)
    page(Path("scratch/mine.html"), QUOTED)
    page(Path("scratch/near.html"), NEAR["7000007"][:199])
    _, out = forget(WITHDRAWN)
    assert "reports/evaluation/quotes.html of " in out.split("Objects in DVC's cache")[1].split("\n\n")[0]
    assert "  scratch/mine.html (excerpt)" in out
    assert "scratch/near.html" not in out
