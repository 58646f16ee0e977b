"""Coloured text: signs and sizes without colour, contrast, ellipses, and no personal data."""

import re
from importlib.resources import files

import pytest

from complaints.attribution.words import WORD, Stretch
from complaints.inspecting.coloured import ELLIPSIS, MOST_CHARACTERS, coloured, without_personal_data

STYLE = files("complaints.inspecting").joinpath("page.html.jinja").read_text(encoding="utf-8")


def stretches(text: str, *scores: float) -> list[Stretch]:
    return [Stretch(*match.span(), score) for match, score in zip(WORD.finditer(text), scores, strict=False)]


def test_marks_say_the_sign_and_the_size() -> None:
    text = "the late  fee, again\n\nplease"
    marks = coloured(text, stretches(text, 0.02, -0.5, 1.0, 0.0, 0.12, -0.68))
    assert "".join(mark.text for mark in marks) == text
    marked = {mark.text: (mark.kind, mark.number) for mark in marks if mark.kind}
    assert marked == {
        "late": ("against2", "-0.50"),
        "fee": ("for3", "+1.00"),
        "again": ("for1", "+0.12"),
        "please": ("against3", "-0.68"),
    }


def test_shares_without_a_sign_have_none() -> None:
    (mark,) = coloured("late", stretches("late", 0.25), ("flow",))
    assert (mark.kind, mark.number) == ("flow3", "0.25")


def test_words_that_the_model_does_not_read_are_an_ellipsis() -> None:
    text = "late report fee card. "
    late, _, fee = stretches(text, 1.0, 1.0, 1.0)
    assert "".join(mark.text for mark in coloured(text, [late, fee])) == f"late{ELLIPSIS}fee{ELLIPSIS}"
    assert "".join(mark.text for mark in coloured(text, [late, fee], cut=False)) == text
    assert [mark.kind for mark in coloured("no share", stretches("no share", 0.0, 0.0))] == ["", "", ""]
    assert "".join(mark.text for mark in coloured("gone", [])) == ELLIPSIS


def test_long_texts_are_cut() -> None:
    text = "word " * 2000
    shown = "".join(mark.text for mark in coloured(text, stretches(text, *[1.0] * 2000)))
    assert MOST_CHARACTERS - 10 < len(shown) < MOST_CHARACTERS + 10
    assert shown.endswith(ELLIPSIS)


@pytest.mark.parametrize("value", ["jane.doe@example.org", "(212) 555-0187", "123-45-6789", "4111 1111 1111 1111"])
def test_personal_data_is_not_shown(value: str) -> None:
    text = f"They wrote to {value} about 2 fees."
    shown = without_personal_data(text)
    assert len(shown) == len(text)
    assert shown.startswith("They wrote to ")
    assert not set(re.findall(r"\w+", value)) & set(re.findall(r"\w+", shown))
    marks = coloured(text, stretches(text, *[1.0] * 20))
    assert "".join(mark.text for mark in marks) == shown
    assert without_personal_data("about 2 fees of {$30.00}") == "about 2 fees of {$30.00}"


def luminance(color: str) -> float:
    """Return the relative luminance of a colour, WCAG 2.2."""
    digits = color if len(color) == 6 else "".join(2 * digit for digit in color)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_keep_their_contrast_on_every_mark(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", STYLE, re.S)[scheme]
    colors = dict(re.findall(r"--([\w-]+): #([0-9a-f]+)", block))
    for kind in ("for", "against", "flow"):
        for level in (1, 2, 3):
            assert contrast(colors["text"], colors[f"{kind}{level}"]) >= 4.5, (kind, level)  # WCAG 1.4.3
        assert contrast(colors["page"], colors[f"{kind}-line"]) >= 3, kind  # WCAG 1.4.11
    assert contrast(colors["muted"], colors["page"]) >= 4.5
