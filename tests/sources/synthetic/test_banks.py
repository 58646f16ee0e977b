"""The phrase banks are complete, and a wrong bank is refused by file and line."""

import shutil
from pathlib import Path

import pytest
from support.paths import ROOT

from complaints.core.errors import UserError
from complaints.sources.synthetic.banks import load_banks
from complaints.sources.synthetic.corpus import make_corpus

BANKS = ROOT / "data/sources/synthetic"
CLASSES = 113


def test_every_issue_has_eight_phrases_of_its_own() -> None:
    issues = load_banks(BANKS).issues
    assert len(issues) == CLASSES + 7
    owner: dict[str, str] = {}
    for name, issue in issues.items():
        assert len(set(issue.phrases)) >= 8
        for phrase in issue.phrases:
            assert owner.setdefault(phrase.casefold(), name) == name, phrase
    older = [label for issue in issues.values() for label in issue.before]
    assert len(older) == len(set(older))
    assert not set(older) & set(issues)


def broken(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """Copy the banks, and replace the first occurrence of a string in one file."""
    folder = shutil.copytree(BANKS, tmp_path / "banks")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


APR = "APR or interest rate"
PHRASES = "accounts_and_cards.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (PHRASES, "Late fee:", "Late feee:", "'Late feee' is not an issue"),
        (PHRASES, "Late fee:", "Late fee:\n- Once\nLater fee:", "Late fee has 1 distinct phrases"),
        (PHRASES, "{company}", "{firm}", r".+\[0\] is '.*\{firm\}.*'; it must have no slot except \{company\} "),
        (PHRASES, "Late fee:", "Rewards:\n- a\nLate fee:", "found duplicate key"),
        (
            "issues.yaml",
            "complaints: 10",
            "complaints: many",
            f"{APR}.complaints is 'many'; it must be a valid int",
        ),
        ("issues.yaml", "areas: [card]", "areas: [moon]", f"'{APR}' names 'moon'"),
        ("issues.yaml", "era: before", "era: never", f"{APR}.era is 'never'; it must be 'before', 'after' or 'both'"),
        ("issues.yaml", "  era: before\n", "", f"{APR}.era is missing"),
        (
            "issues.yaml",
            "  before:\n",
            "  era: both\n  before:\n",
            ".+.era is given, but an issue with names in `before`",
        ),
        ("issues.yaml", 'debt not owed": 179', 'debt not owed": 17900', ".+.before has 17900 complaints in total"),
        ("issues.yaml", f'"{APR}":', f'"APR":\n  complaints: 7\n"{APR}":', "APR lacks areas, neighbours"),
        ("shared.yaml", "closings:", "endings:", "unknown key endings"),
        ("shared.yaml", "    nouns:", "    noun:", r"unknown key areas\.\w+\.noun; did you mean 'nouns'"),
        ("shared.yaml", "areas:", "areas: [", ".*expected"),
        ("shared.yaml", "letters:", "letters:\n  Late fees: [Dear all]", "letters of 'Late fees'"),
    ],
)
def test_a_broken_bank_is_refused_with_its_line(tmp_path: Path, file: str, old: str, new: str, problem: str) -> None:
    with pytest.raises(UserError, match=rf"{file}, line \d+: {problem}"):
        make_corpus(broken(tmp_path, file, old, new), rows=100, seed=1)


def test_missing_banks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"shared.yaml is missing"):
        make_corpus(tmp_path, rows=100, seed=1)


def test_an_issue_in_two_banks_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(BANKS, tmp_path / "banks")
    phrases = "\n".join(f"- phrase {number}" for number in range(8))
    (folder / "more.yaml").write_text(f"Late fee:\n{phrases}\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"more.yaml, line 1: 'Late fee' has phrases in accounts_and_cards.yaml already"
    ):
        load_banks(folder)


def test_an_issue_without_phrases_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(BANKS, tmp_path / "banks")
    (folder / "accounts_and_cards.yaml").unlink()
    with pytest.raises(UserError, match=r"issues.yaml, line \d+: 'APR or interest rate' has no phrases"):
        load_banks(folder)
