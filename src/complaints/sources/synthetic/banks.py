"""Phrase banks: YAML files of the sentences of consumers about every issue, read into models."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from complaints.core.config import check, line_of, read_yaml
from complaints.core.errors import UserError
from complaints.core.section import Count, Listed, Section, Text, rule

ISSUES_FILE = "issues.yaml"
SHARED_FILE = "shared.yaml"
SLOTS = ("company", "product", "amount", "date", "person", "months", "days", "count")
SLOT = re.compile(r"\{(" + "|".join(SLOTS) + r")\}")
MIN_PHRASES = 8


def _known_slots(sentence: str) -> str:
    if re.search(r"[{}]", SLOT.sub("", sentence)):
        slots = " ".join(f"{{{slot}}}" for slot in SLOTS)
        raise PydanticCustomError("slot", "Input should have no slot except {slots}", {"slots": slots})
    return sentence


Sentence = Annotated[Text, AfterValidator(_known_slots)]
Sentences = Listed[Sentence]


class Area(Section):
    """A part of the market: its product in the form before and after 2017-04-24, and how consumers describe it."""

    before: Text
    after: Text
    nouns: Listed[Text]
    companies: Listed[Text]
    background: Sentences


class SentencesByKind(Section):
    """Sentences that fit complaints about any issue."""

    openings: Sentences
    behaviours: Sentences
    chronology: Sentences
    emotions: Sentences
    harms: Sentences
    fillers: Sentences
    demands: Sentences
    threats: Sentences
    closings: Sentences
    vague: Sentences


class SharedBank(SentencesByKind):
    """Content of shared.yaml."""

    areas: Annotated[dict[Text, Area], Field(min_length=1)]
    letters: Annotated[dict[Text, Sentences], Field(min_length=1)]
    synonyms: Annotated[dict[Text, Sentences], Field(min_length=1)]
    misspellings: Annotated[dict[Text, Text], Field(min_length=1)]


class IssueEntry(Section):
    """Facts about an issue; issues.yaml documents each key."""

    complaints: Count
    areas: Listed[Text]
    era: Literal["before", "after", "both"] | None = None
    before: dict[Text, Count] = Field(default_factory=dict)
    neighbours: Listed[Text]

    @model_validator(mode="after")
    def _one_era(self) -> Self:
        if self.before and self.era:
            raise rule("era", "is given, but an issue with names in `before` has none; remove one of them")
        if not self.before and not self.era:
            raise rule("era", "is missing; write before, after or both")
        return self

    @model_validator(mode="after")
    def _older_names_have_fewer_complaints(self) -> Self:
        if (older := sum(self.before.values())) > self.complaints:
            raise rule("before", f"has {older} complaints in total, more than the {self.complaints} of the issue")
        return self


class NamedEntries(Section):
    """A file whose keys are names."""

    model_config = ConfigDict(extra="allow")


class PhraseBank(NamedEntries):
    """Phrases by issue."""

    __pydantic_extra__: dict[str, Sentences]

    @model_validator(mode="after")
    def _enough_phrases(self) -> Self:
        for name, phrases in self.__pydantic_extra__.items():
            if (distinct := len(set(phrases))) < MIN_PHRASES:
                raise rule(name, f"has {distinct} distinct phrases; write at least {MIN_PHRASES}")
        return self


@dataclass(frozen=True)
class Issue:
    """A class: its number of complaints in a corpus of 7,000, its areas, its older names, and its phrases."""

    name: str
    complaints: int
    areas: tuple[str, ...]
    era: str
    """Form that offered the issue: "before", "after" or "both"; "renamed" for an issue that has older names."""
    before: dict[str, int]
    """Number of complaints of each older name."""
    neighbours: tuple[str, ...]
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Banks:
    """Content of all phrase banks."""

    issues: dict[str, Issue]
    areas: dict[str, Area]
    sentences: dict[str, tuple[str, ...]]
    """Sentences by kind, a field of SentencesByKind."""
    letters: dict[str, tuple[str, ...]]
    synonyms: dict[str, tuple[str, ...]]
    misspellings: dict[str, str]


def _error(path: Path, location: tuple[str | int, ...], problem: str) -> UserError:
    line = line_of(path, location)
    return UserError(f"{path}{f', line {line}' if line else ''}: {problem}")


def _read_issues(path: Path) -> dict[str, IssueEntry]:
    entries = check(NamedEntries, read_yaml(path), path).model_extra or {}
    return {name: check(IssueEntry, entry, path, (name,)) for name, entry in entries.items()}


def _read_phrases(folder: Path, issues: dict[str, IssueEntry]) -> dict[str, tuple[str, ...]]:
    """Return the phrases of every issue from all files of the folder except issues.yaml and shared.yaml."""
    found: dict[str, tuple[str, ...]] = {}
    files: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name in (ISSUES_FILE, SHARED_FILE):
            continue
        bank: dict[str, Any] = check(PhraseBank, read_yaml(path), path).model_extra or {}
        for name, phrases in bank.items():
            if name not in issues:
                raise _error(path, (name,), f"{name!r} is not an issue of {ISSUES_FILE}; correct it or add it there")
            if name in files:
                raise _error(path, (name,), f"{name!r} has phrases in {files[name]} already; keep one list")
            found[name], files[name] = phrases, path.name
    return found


def _check_names(path: Path, issues: dict[str, IssueEntry], shared: SharedBank, phrases: dict[str, Any]) -> None:
    """Raise UserError for an issue of issues.yaml that names an unknown area or issue, or has no phrases."""
    for name, issue in issues.items():
        for key, known, names in (("areas", shared.areas, issue.areas), ("neighbours", issues, issue.neighbours)):
            for index, other in enumerate(names):
                if other not in known:
                    raise _error(path, (name, key, index), f"{name!r} names {other!r}, which is not one of the {key}")
        if name not in phrases:
            problem = f"{name!r} has no phrases; write at least {MIN_PHRASES} in one of the other files"
            raise _error(path, (name,), problem)


def load_banks(folder: Path) -> Banks:
    """Read all banks of a folder: issues.yaml, shared.yaml, and phrases by issue in every other *.yaml file.

    Raises:
        UserError: if `folder` is none; naming the file, and the line where there is one, if a file is missing or not
            YAML; as
            `config.check` does; if an issue or area is unknown; and if an issue has no phrases or two lists of them.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; with source: sample fetch.path names that of the phrase banks")
    shared_path, issues_path = folder / SHARED_FILE, folder / ISSUES_FILE
    shared = check(SharedBank, read_yaml(shared_path), shared_path)
    entries = _read_issues(issues_path)
    phrases = _read_phrases(folder, entries)
    _check_names(issues_path, entries, shared, phrases)
    for name in shared.letters:
        if name not in entries:
            raise _error(shared_path, ("letters", name), f"letters of {name!r}, which is not an issue of {ISSUES_FILE}")
    issues = {
        name: Issue(
            name=name,
            complaints=entry.complaints,
            areas=entry.areas,
            era=entry.era or "renamed",
            before=entry.before,
            neighbours=entry.neighbours,
            phrases=phrases[name],
        )
        for name, entry in entries.items()
    }
    return Banks(
        issues=issues,
        areas=shared.areas,
        sentences={kind: getattr(shared, kind) for kind in SentencesByKind.model_fields},
        letters=shared.letters,
        synonyms=shared.synonyms,
        misspellings=shared.misspellings,
    )
