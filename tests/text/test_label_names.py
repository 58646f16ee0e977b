"""Labels that look alike are one label, and nothing that can be seen of a label changes."""

import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.text.label_names import even_out


def evened(*labels: str | None) -> list[str | None]:
    return even_out(pa.array(labels, pa.string())).to_pylist()


@pytest.mark.parametrize(
    "label",
    [
        "Late fees",
        " Late fees\n",
        "Late\u00a0fees",
        "Late  fees",
        "Late\r\nfees",
        "Late\u2003\u3000fees",
        "Late\x85fees",
        "La\u200bte fees\u200b",
        "\ufeffLate fees",
        "La\u00adte fees",
        "\u202eLate fees\u202c",
        "Late\x1ffees",
    ],
)
def test_labels_that_look_alike_become_one(label: str) -> None:
    assert evened(label) == ["Late fees"]


def test_composed_and_combining_accents_are_one_letter() -> None:
    assert evened("Cafe\u0301 fees", "Caf\u00e9 fees") == ["Caf\u00e9 fees"] * 2


@pytest.mark.parametrize("label", [None, "", " ", "\u200b", "\u00a0\ufeff\t"])
def test_a_label_that_shows_nothing_is_none(label: str | None) -> None:
    assert evened(label) == [None]


def test_case_punctuation_and_other_scripts_stay() -> None:
    labels = [
        "Can't repay my loan",
        "can't repay my loan",
        "Other (i.e. fees)",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u2713 \U0001f600",
    ]
    assert evened(*labels) == labels


def visible(label: str | None) -> Counter[str]:
    marks = unicodedata.normalize("NFD", label or "")
    return Counter(mark for mark in marks if unicodedata.category(mark)[0] not in "CZ")


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12) | st.none()))
def test_evening_out_twice_is_evening_out_once_and_loses_nothing_that_shows(labels: list[str | None]) -> None:
    once = evened(*labels)
    assert evened(*once) == once
    assert list(map(visible, once)) == list(map(visible, labels))
