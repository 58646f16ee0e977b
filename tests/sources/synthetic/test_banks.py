"""The phrase banks are complete, and a wrong bank is refused by file and name."""

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
    """Copy the banks and replace one piece of text."""
    folder = shutil.copytree(BANKS, tmp_path / "banks")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("accounts_and_cards.yaml", "Late fee:", "Late feee:", r"accounts_and_cards.yaml: 'Late feee' is not an issue"),
        ("accounts_and_cards.yaml", "Late fee:", "Late fee:\n- Once\nLater fee:", r"'Late fee' has 1 distinct phrases"),
        ("accounts_and_cards.yaml", "{company}", "{firm}", r"accounts_and_cards.yaml: '.+': '.*\{firm\}.*' has a slot"),
        (
            "accounts_and_cards.yaml",
            "Late fee:",
            "Rewards:\n- a\nLate fee:",
            r"accounts_and_cards.yaml, line \d+: not valid YAML",
        ),
        ("issues.yaml", "complaints: 10", "complaints: many", r"issues.yaml: 'APR or .*': 'many' is not a number"),
        ("issues.yaml", "areas: [card]", "areas: [moon]", r"issues.yaml: 'APR or interest rate' names 'moon'"),
        ("issues.yaml", "era: before", "era: never", r"issues.yaml: 'APR or interest rate': era is 'never'"),
        ("issues.yaml", "  era: before\n", "", r"issues.yaml: 'APR or interest rate' lacks 'era'"),
        ("issues.yaml", '"APR or interest rate":', '"APR":\n  complaints: 7\n"APR or interest rate":', r"'APR' lacks"),
        ("shared.yaml", "closings:", "endings:", r"shared.yaml: closings must be a list"),
        ("shared.yaml", "areas:", "areas: [", r"shared.yaml, line \d+: not valid YAML"),
        ("shared.yaml", "letters:", "letters:\n  Late fees: [Dear all]", r"shared.yaml: letters of 'Late fees'"),
    ],
)
def test_a_broken_bank_is_refused_by_file_and_name(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_corpus(broken(tmp_path, file, old, new), rows=100, seed=1)


def test_missing_banks_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"shared.yaml is missing"):
        make_corpus(tmp_path, rows=100, seed=1)


def test_an_issue_in_two_banks_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(BANKS, tmp_path / "banks")
    phrases = "\n".join(f"- phrase {number}" for number in range(8))
    (folder / "more.yaml").write_text(f"Late fee:\n{phrases}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"more.yaml: 'Late fee' has phrases in accounts_and_cards.yaml already"):
        load_banks(folder)


def test_an_issue_without_phrases_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(BANKS, tmp_path / "banks")
    (folder / "accounts_and_cards.yaml").unlink()
    with pytest.raises(UserError, match=r"issues.yaml: 'APR or interest rate' has no phrases"):
        load_banks(folder)
