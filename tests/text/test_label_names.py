"""Labels that look alike become equal, and every visible character stays."""

import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.text.label_names import normalize_label_names


def normalized(*labels: str | None) -> list[str | None]:
    return normalize_label_names(pa.array(labels, pa.string())).to_pylist()


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
def test_labels_that_look_alike_become_equal(label: str) -> None:
    assert normalized(label) == ["Late fees"]


def test_composed_and_combining_accents_become_equal() -> None:
    assert normalized("Cafe\u0301 fees", "Caf\u00e9 fees") == ["Caf\u00e9 fees"] * 2


@pytest.mark.parametrize("label", [None, "", " ", "\u200b", "\u00a0\ufeff\t"])
def test_label_without_a_visible_character_is_null(label: str | None) -> None:
    assert normalized(label) == [None]


def test_case_punctuation_and_other_scripts_stay() -> None:
    labels = [
        "Can't repay my loan",
        "can't repay my loan",
        "Other (i.e. fees)",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u2713 \U0001f600",
    ]
    assert normalized(*labels) == labels


def visible(label: str | None) -> Counter[str]:
    marks = unicodedata.normalize("NFD", label or "")
    return Counter(mark for mark in marks if unicodedata.category(mark)[0] not in "CZ")


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12) | st.none()))
def test_normalization_is_idempotent_and_keeps_every_visible_character(labels: list[str | None]) -> None:
    once = normalized(*labels)
    assert normalized(*once) == once
    assert list(map(visible, once)) == list(map(visible, labels))
