"""The ledger names no complaint, survives a merge, and is refused when it is damaged."""

import json
from pathlib import Path

import pytest
from support.paths import ROOT

from complaints.core.errors import UserError
from complaints.lineage.withdrawals import stale, withdrawn
from complaints.withdrawals.ledger import (
    NONE,
    Affected,
    Withdrawals,
    normal_form,
    read_ledger,
    write_ledger,
)

TEXT = "They called my phone 212-555-0147 at night about {$120.00}."


def test_a_complaint_is_covered_by_its_id_and_by_its_text() -> None:
    ledger = NONE.extended(["1000326"], [str(normal_form(TEXT))])
    assert ledger.covers("1000326", "another text")
    assert ledger.covers("7", f"  {TEXT.upper()}\n")
    assert ledger.covers("7", TEXT.replace("212-555-0147", "XXXX"))
    assert not ledger.covers("7", "They called my phone at night.")
    assert not ledger.covers("", "")


@pytest.mark.parametrize("text", ["", " ", "XXXX", "XXXX XX/XX/2015 {$5.00}.", "!?"])
def test_a_text_without_a_word_has_no_digest(text: str) -> None:
    assert normal_form(text) is None


def test_a_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.json"
    md5 = f"{'a' * 32}.dir"
    ledger = NONE.extended(["1", "2"], ["a b"])
    ledger = Withdrawals(ledger.groups, {md5: Affected(path="models/minilm", role="train")})
    write_ledger(path, ledger)
    assert read_ledger(path) == ledger
    before = path.read_bytes()
    write_ledger(path, read_ledger(path).extended(["2", "1"], ["a b"]))
    assert path.read_bytes() == before
    assert stale(ledger, md5) == "stale: trained on withdrawn complaints (data/withdrawn.json)"
    assert stale(ledger, "b" * 32) is None


def test_the_file_has_neither_id_nor_text_nor_an_unsalted_digest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_ledger(tmp_path / name, NONE.extended(["1000326"], [str(normal_form(TEXT))]))
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()
    assert "1000326" not in (tmp_path / "a").read_text()
    assert "night" not in (tmp_path / "a").read_text()


def test_ledgers_of_two_branches_are_merged_by_keeping_both_groups(tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.json"
    trees = []
    for row_id in ("1", "2"):
        write_ledger(path, NONE.extended([row_id], []))
        trees.append(json.loads(path.read_text()))
    trees[0]["withdrawn"].update(trees[1]["withdrawn"])
    path.write_text(json.dumps(trees[0]))
    merged = read_ledger(path)
    assert [merged.covers_id(row_id) for row_id in "123"] == [True, True, False]
    assert merged.extended(["1", "2"], []) == merged


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "cannot be read as JSON"),
        ('{"withdrawn": {"', "cannot be read as JSON"),
        ("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> other\n", "keep the entries of both sides"),
        ('{"withdrawn": {"00": {"ids": [], "texts": []}}}', "withdrawn"),
        ('{"withdrawn": {"%s": {"ids": ["1000326"], "texts": []}}}' % ("0" * 32), "ids"),
        ('{"ids": []}', "ids"),
        ("\udcff", "withdrawn.json"),
    ],
)
def test_a_damaged_ledger_is_refused_in_one_line(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=said) as caught:
        read_ledger(path)
    assert "\n" not in str(caught.value)


def test_the_committed_ledger_is_empty_and_a_project_without_one_has_no_withdrawals(tmp_path: Path) -> None:
    assert withdrawn(ROOT) == NONE == withdrawn(tmp_path)
    assert not NONE
    write_ledger(tmp_path / "empty", NONE)
    assert (tmp_path / "empty").read_bytes() == (ROOT / "data/withdrawn.json").read_bytes()
    with pytest.raises(UserError, match="git checkout"):
        read_ledger(tmp_path / "none")
