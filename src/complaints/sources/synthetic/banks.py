"""Phrase banks: YAML files of the sentences of consumers about every issue, checked on loading."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from complaints.core.errors import UserError

ISSUES_FILE = "issues.yaml"
SHARED_FILE = "shared.yaml"
SLOTS = ("company", "product", "amount", "date", "person", "months", "days", "count")
SLOT = re.compile(r"\{(" + "|".join(SLOTS) + r")\}")
MIN_PHRASES = 8
SENTENCES = (
    "openings", "behaviours", "chronology", "emotions", "harms", "fillers", "demands", "threats", "closings", "vague",
)  # fmt: skip


@dataclass(frozen=True)
class Area:
    """A part of the market: its product in the form before and after 2017-04-24, and how people talk about it."""

    before: str
    after: str
    nouns: tuple[str, ...]
    companies: tuple[str, ...]
    background: tuple[str, ...]


@dataclass(frozen=True)
class Issue:
    """A class: its share in complaints of 7,000, its areas, its older names with their shares, and what it says.

    `era` is "before", "after" or "both" for an issue that kept its name, "renamed" for one that has older names.
    """

    name: str
    complaints: int
    areas: tuple[str, ...]
    era: str
    before: dict[str, int]
    neighbours: tuple[str, ...]
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Banks:
    """Everything that complaints are made of."""

    issues: dict[str, Issue]
    areas: dict[str, Area]
    sentences: dict[str, tuple[str, ...]]
    letters: dict[str, tuple[str, ...]]
    synonyms: dict[str, tuple[str, ...]]
    misspellings: dict[str, str]


def load_banks(folder: Path) -> Banks:
    """Read all banks of a folder: issues.yaml, shared.yaml, and phrases by issue in every other *.yaml file.

    Raises:
        UserError: a file is missing or not YAML; an issue is unknown, twice there or has fewer than 8 distinct phrases;
            a phrase has a slot that nothing fills; an entry lacks a key.
    """
    shared_path = folder / SHARED_FILE
    shared = _read(shared_path)
    area_entries = _mapping(shared_path, shared, "areas")
    areas = {name: _area(shared_path, name, _mapping(shared_path, area_entries, name)) for name in area_entries}
    phrases = _phrases(folder)
    issues_path = folder / ISSUES_FILE
    entries = _read(issues_path)
    for name, (path, _) in phrases.items():
        if name not in entries:
            raise UserError(f"{path}: {name!r} is not an issue of {ISSUES_FILE}; correct the name or add it there")
    issues = {
        name: _issue(issues_path, name, _mapping(issues_path, entries, name), entries, areas, phrases)
        for name in entries
    }
    letters = {
        name: _sentences(shared_path, f"letters of {name!r}", texts)
        for name, texts in _mapping(shared_path, shared, "letters").items()
    }
    for name in letters:
        if name not in issues:
            raise UserError(f"{shared_path}: letters of {name!r}, which is not an issue of {ISSUES_FILE}")
    synonyms = _mapping(shared_path, shared, "synonyms").items()
    misspellings = _mapping(shared_path, shared, "misspellings")
    _strings(shared_path, "misspellings", list(misspellings.values()))
    return Banks(
        issues=issues,
        areas=areas,
        sentences={kind: _sentences(shared_path, kind, shared.get(kind)) for kind in SENTENCES},
        letters=letters,
        synonyms={old: _sentences(shared_path, f"synonyms of {old!r}", new) for old, new in synonyms},
        misspellings=misspellings,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; the synthetic corpus is made from it") from None
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: not valid YAML ({getattr(error, 'problem', None) or error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping at the top")
    return content


def _mapping(path: Path, content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    if not isinstance(value, dict) or not value:
        raise UserError(f"{path}: {key!r} must be a mapping with at least one entry")
    return value


def _strings(path: Path, what: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item.strip() for item in value):
        raise UserError(f"{path}: {what} must be a list of texts, none of them empty; quote what YAML reads otherwise")
    return tuple(value)


def _sentences(path: Path, what: str, value: object) -> tuple[str, ...]:
    sentences = _strings(path, what, value)
    for sentence in sentences:
        if "{" in SLOT.sub("", sentence) or "}" in SLOT.sub("", sentence):
            known = " ".join(f"{{{slot}}}" for slot in SLOTS)
            raise UserError(f"{path}: {what}: {sentence!r} has a slot that is not one of {known}")
    return sentences


def _area(path: Path, name: str, entry: dict[str, Any]) -> Area:
    try:
        return Area(
            before=entry["before"],
            after=entry["after"],
            nouns=_strings(path, f"nouns of area {name}", entry["nouns"]),
            companies=_strings(path, f"companies of area {name}", entry["companies"]),
            background=_sentences(path, f"background of area {name}", entry["background"]),
        )
    except KeyError as error:
        raise UserError(f"{path}: area {name} lacks {error}") from None


def _phrases(folder: Path) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Return the phrases of every issue with the file they stand in."""
    found: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name in (ISSUES_FILE, SHARED_FILE):
            continue
        for name, value in _read(path).items():
            if name in found:
                raise UserError(f"{path}: {name!r} has phrases in {found[name][0].name} already; keep one list")
            phrases = _sentences(path, repr(name), value)
            distinct = len(set(phrases))
            if distinct < MIN_PHRASES:
                raise UserError(f"{path}: {name!r} has {distinct} distinct phrases; write at least {MIN_PHRASES}")
            found[name] = (path, phrases)
    return found


def _issue(
    path: Path,
    name: str,
    entry: dict[str, Any],
    known: dict[str, Any],
    areas: dict[str, Area],
    phrases: dict[str, tuple[Path, tuple[str, ...]]],
) -> Issue:
    try:
        complaints, before = entry["complaints"], entry.get("before", {})
        issue_areas = _strings(path, f"{name!r}: areas", entry["areas"])
        neighbours = _strings(path, f"{name!r}: neighbours", entry["neighbours"])
        era = "renamed" if before else entry["era"]
    except KeyError as error:
        raise UserError(f"{path}: {name!r} lacks {error}") from None
    for unknown in (*(a for a in issue_areas if a not in areas), *(n for n in neighbours if n not in known)):
        raise UserError(f"{path}: {name!r} names {unknown!r}, which is neither an area nor an issue")
    if era not in ("before", "after", "both", "renamed"):
        raise UserError(f"{path}: {name!r}: era is {era!r}; it must be before, after or both")
    for count in (complaints, *before.values()):
        if type(count) is not int or count < 1:
            raise UserError(f"{path}: {name!r}: {count!r} is not a number of complaints")
    if sum(before.values()) > complaints:
        raise UserError(f"{path}: {name!r} has more complaints under its older names than in all")
    if name not in phrases:
        raise UserError(f"{path}: {name!r} has no phrases; write at least {MIN_PHRASES} in one of the other files")
    return Issue(name, complaints, issue_areas, era, before, neighbours, phrases[name][1])
