"""Writer of one complaint: its sentences, their order, and the names, amounts and dates in them."""

import datetime
import re
from dataclasses import dataclass

from complaints.sources.synthetic.banks import SLOT, Area, Banks, Issue
from complaints.sources.synthetic.draws import Draws

REDACTED_SHARE = 0.63
LENGTHS = (6, 11, 15, 19, 23, 27, 31, 35, 39, 44, 50, 57, 65, 75, 88, 109, 150)
"""Words of a complaint at equally spaced quantiles (0, 1/16, ... 1)."""
LONG_LENGTHS = (150, 180, 220, 280, 400, 700)
"""Words of the very long complaints, at equally spaced quantiles."""
LONG_SHARE = 0.03
STYLES = ("plain", "mixed", "neighbour", "vague")
"""Styles of correctly labelled complaints: about their issue only, about a neighbouring issue as well, about a
neighbouring issue only, or without saying what happened. The CFPB's form asks for one issue out of dozens."""
STYLE_WEIGHTS = (66, 18, 6, 10)
SHORT = 20
"""A text with a target of fewer words than this is shortened to one clause."""
KINDS = ("background", "behaviours", "chronology", "fillers", "harms", "emotions", "demands", "threats")
"""Kinds of further sentences, in the order of a story."""
KIND_WEIGHTS = (30, 26, 16, 12, 10, 10, 10, 4)
SYNONYM_RATE = 0.3
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
PEOPLE = ("a representative", "the manager", "a lady on the phone", "a man in their office", "their agent")
MARK = re.compile(r"(?<![A-Za-z])X{2,}(?![A-Za-z])")
FIRST_CLAUSE = re.compile(r"^(?!(?:When|After|Although|If|Before|Since|Because|While|As|Even|Once)\b)(.{25,}?),")


@dataclass(frozen=True)
class Voice:
    """Narrator and subject of one complaint."""

    area: Area
    company: str
    noun: str
    day: datetime.date
    redacted: bool


def voice_for(draws: Draws, banks: Banks, issue: Issue, day: datetime.date) -> Voice:
    """Return a random voice for one of the issue's areas on a day."""
    area = banks.areas[draws.pick(issue.areas)]
    return Voice(area, draws.pick(area.companies), draws.pick(area.nouns), day, draws.chance(REDACTED_SHARE))


def fill(draws: Draws, sentence: str, voice: Voice) -> str:
    """Return the sentence with its slots filled, an initial capital and a final punctuation mark."""
    filled = SLOT.sub(lambda match: _value(draws, match.group(1), voice), sentence).strip()
    if filled[-1] not in ".!?,":
        filled += "."
    return filled[0].upper() + filled[1:]


def _value(draws: Draws, slot: str, voice: Voice) -> str:
    if slot == "company":
        return "XXXX" if voice.redacted and draws.chance(0.12) else voice.company
    if slot == "product":
        return voice.noun
    if slot == "amount":
        return _amount(draws)
    if slot == "date":
        return _date(draws, voice)
    if slot == "person":
        return draws.pick(("XXXX", "XXXX XXXX", "Mr. XXXX", "Ms. XXXX")) if voice.redacted else draws.pick(PEOPLE)
    return str({"months": draws.between(2, 24), "days": 5 * draws.between(1, 12), "count": draws.between(2, 12)}[slot])


def _amount(draws: Draws) -> str:
    """Return an amount with two significant digits in the CFPB's notation: {$12.00} up to {$99000.00}."""
    dollars = draws.between(10, 99) * draws.weighted((1, 10, 100, 1000), (30, 40, 25, 5))
    return f"{{${dollars}.00}}" if draws.chance(0.9) else draws.pick((f"${dollars}", f"{dollars} dollars"))


def _date(draws: Draws, voice: Voice) -> str:
    day = voice.day - datetime.timedelta(days=draws.between(3, 400))
    if voice.redacted:
        return draws.pick(("XX/XX/XXXX", "XX/XX/XXXX", f"XX/XX/{day.year}", f"XXXX XXXX, {day.year}", "XXXX XXXX"))
    return draws.pick((f"{MONTHS[day.month - 1]} {day.day}", f"{day.month}/{day.day}/{day.year}"))


class Writer:
    """Composes complaints from the sentences of the banks."""

    def __init__(self, banks: Banks) -> None:
        """Compile the pattern of the expressions that have synonyms."""
        self.banks = banks
        longest_first = sorted(banks.synonyms, key=lambda expression: (-len(expression), expression))
        self._replaceable = re.compile(r"(?<!\{)\b(" + "|".join(re.escape(e) for e in longest_first) + r")\b")

    def complaint(self, draws: Draws, issue: Issue, voice: Voice, plain: bool = False) -> tuple[str, tuple[str, ...]]:
        """Return a complaint about an issue, and its two longest sentences before their slots are filled.

        With `plain` it describes its issue unambiguously. Two complaints with different pairs of longest sentences are
        not near duplicates.
        """
        style = "plain" if plain else draws.weighted(STYLES, STYLE_WEIGHTS)
        target = draws.quantile(LONG_LENGTHS if draws.chance(LONG_SHARE) else LENGTHS)
        story = self._story(draws, issue, style, target)
        if target < SHORT and not plain:
            story = [_shortened(story[0])]
        around = self._around(draws, voice, target - sum(len(sentence.split()) for sentence in story))
        before, after = around[: len(around) // 3], around[len(around) // 3 :]
        middle = draws.between(0, min(2, len(after))) if len(story) > 1 else 0
        sentences = [*before, story[0], *after[:middle], *story[1:], *after[middle:]]
        if target >= 25 and draws.chance(0.35):
            sentences.insert(0, self._sentence(draws, "openings", voice))
        if target >= 35 and draws.chance(0.35):
            sentences.append(self._sentence(draws, "closings", voice))
        longest = sorted(sorted(sentences, key=lambda sentence: (-len(sentence), sentence))[:2])
        text = _joined(draws, [fill(draws, self.varied(draws, sentence), voice) for sentence in sentences])
        if voice.redacted and not MARK.search(text):
            text = f"{text} {draws.pick([s for s in self.banks.sentences['fillers'] if MARK.search(s)])}"
        return text, tuple(longest)

    def letter(self, draws: Draws, template: str, voice: Voice) -> str:
        """Return a template letter with its slots filled."""
        return fill(draws, template, voice)

    def varied(self, draws: Draws, sentence: str, rate: float = SYNONYM_RATE) -> str:
        """Return the sentence with some of its expressions replaced by synonyms."""

        def other(match: re.Match[str]) -> str:
            expression = match.group()
            return draws.pick(self.banks.synonyms[expression]) if draws.chance(rate) else expression

        return self._replaceable.sub(other, sentence)

    def _story(self, draws: Draws, issue: Issue, style: str, target: int) -> list[str]:
        """Return the sentences about what happened, before their slots are filled."""
        most = 1 if target < 40 else 2 if target < 90 else 3
        neighbour = self.banks.issues[draws.pick(issue.neighbours)]
        if style == "vague":
            return draws.some(self.banks.sentences["vague"], draws.between(1, most))
        story = draws.some((neighbour if style == "neighbour" else issue).phrases, draws.between(1, most))
        if style == "mixed":
            story = draws.shuffled([story[0], draws.pick(neighbour.phrases)])
        return story

    def _around(self, draws: Draws, voice: Voice, words: int) -> list[str]:
        """Return sentences that fit any complaint of the area, with about `words` words in total."""
        sentences: dict[str, int] = {}
        while words > 5 and len(sentences) < 120:
            kind = draws.weighted(KINDS, KIND_WEIGHTS)
            sentence = self._sentence(draws, kind, voice)
            if sentence not in sentences:
                words -= len(sentence.split())
                # Mostly in the order of a story: the situation first, the demand last.
                sentences[sentence] = KINDS.index(kind) + draws.between(0, 3)
        return sorted(sentences, key=lambda sentence: sentences[sentence])

    def _sentence(self, draws: Draws, kind: str, voice: Voice) -> str:
        bank = voice.area.background if kind == "background" else self.banks.sentences[kind]
        sentence = draws.pick(bank)
        while MARK.search(sentence) and not voice.redacted:
            sentence = draws.pick(bank)
        return sentence


def _shortened(sentence: str) -> str:
    """Return the first clause of the sentence, or the sentence if it has only one."""
    match = FIRST_CLAUSE.match(sentence)
    return match.group(1) if match else sentence


def _joined(draws: Draws, sentences: list[str]) -> str:
    """Return the sentences as one text, in paragraphs if there are many."""
    paragraphs = len(sentences) > 4 and draws.chance(0.5)
    text = sentences[0]
    for sentence in sentences[1:]:
        text += ("\n\n" if paragraphs and draws.chance(0.3) else " ") + sentence
    return text
