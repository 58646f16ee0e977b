"""Noise of typed texts: slips, capitals, and the small edits of near duplicates."""

import re

from complaints.sources.synthetic.draws import Draws

WORD = re.compile(r"[A-Za-z']+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
CAPITALS = ("all", "some", "none")
CAPITALS_WEIGHTS = (3, 8, 89)
SLIPS = (0, 12, 50)
"""Slips per 1,000 words of three kinds of writers."""
SLIPS_WEIGHTS = (45, 40, 15)
"""Percentage of each kind of writer."""


def typed(draws: Draws, text: str, misspellings: dict[str, str]) -> str:
    """Return the text as a person may type it: with slips, in capitals, without capitals, or unchanged."""
    text = _with_slips(draws, text, misspellings, draws.weighted(SLIPS, SLIPS_WEIGHTS))
    if draws.chance(0.08):
        text = text.replace("'", "")
    if draws.chance(0.06):
        text = re.sub(r"[.] +", draws.pick((" ", ", ", "  ", "...")), text)
    if draws.chance(0.06):
        text = re.sub(r"(?<![A-Z])[A-Z](?![A-Z])", lambda match: match.group().lower(), text)
    capitals = draws.weighted(CAPITALS, CAPITALS_WEIGHTS)
    if capitals == "all":
        return text.upper()
    if capitals == "some":
        sentences = SENTENCE_END.split(text)
        loud = draws.between(0, len(sentences) - 1)
        return text.replace(sentences[loud], sentences[loud].upper().rstrip(".") + draws.pick((".", "!", "!!!")), 1)
    return text


def _with_slips(draws: Draws, text: str, misspellings: dict[str, str], per_thousand: int) -> str:
    if per_thousand == 0:
        return text

    def slip(match: re.Match[str]) -> str:
        word = match.group()
        usual = misspellings.get(word)
        if usual and draws.chance(per_thousand * 6 / 1000):
            return usual
        if len(word) > 4 and word.islower() and draws.chance(per_thousand / 1000):
            return _slipped(draws, word)
        return word

    return WORD.sub(slip, text)


def _slipped(draws: Draws, word: str) -> str:
    """Return the word with one letter swapped with the next, omitted or doubled."""
    position = draws.between(1, len(word) - 3)
    kind = draws.between(0, 2)
    if kind == 0:
        return word[:position] + word[position + 1] + word[position] + word[position + 2 :]
    return word[:position] + word[position + 1 :] if kind == 1 else word[:position] + word[position] + word[position:]


def edited(draws: Draws, text: str) -> str:
    """Return a near duplicate of the text: one small edit, and one more for every 40 words."""
    duplicate = text
    for _ in range(1 + len(text.split()) // 40):
        duplicate = _edit(draws, duplicate)
    while duplicate == text:
        duplicate = _edit(draws, duplicate)
    return duplicate


def _edit(draws: Draws, text: str) -> str:
    words = text.split(" ")
    position = draws.between(0, len(words) - 1)
    kind = draws.between(0, 4)
    if kind == 0:
        return text.rstrip(".") + draws.pick((". Thank you.", ".", ". Please help.", ". XXXX XXXX", ". This is true."))
    if kind == 1 and "XX" in text:
        words = [word.replace("XXXX", "XXXX XXXX", 1) if n == position else word for n, word in enumerate(words)]
        return " ".join(words)
    if kind == 2 and "{$" in text:
        dollars = 10 * draws.between(3, 99)
        return re.sub(r"\{\$\d+\.00\}", f"{{${dollars}.00}}", text, count=1)
    if kind == 3:
        return " ".join(
            [*words[:position], draws.pick(("also", "again", "now", "please", "really")), *words[position:]]
        )
    if len(words[position]) > 4 and words[position].isalpha() and words[position].islower():
        words[position] = _slipped(draws, words[position])
    return " ".join(words)
