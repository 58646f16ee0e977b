"""Normal forms and keys of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaints.dedup.normalize import REDACTED, normalize_text, text_key


@pytest.mark.parametrize("text", ["Maxx", "XXL", "TJXX", "X", "I saw X Corp", "xxxx"])
def test_letters_x_of_a_word_are_not_redaction(text: str) -> None:
    assert normalize_text(text) == text.lower()
    assert not REDACTED.search(text)


@pytest.mark.parametrize("text", ["XX", "XXXX", "(XXXX)", "XXXX1", "XXXX's", "XX/XX/XXXX"])
def test_runs_of_capital_x_are_redaction(text: str) -> None:
    assert REDACTED.search(text)
    assert "x" not in normalize_text(text)


@pytest.mark.parametrize("text", ["", " \n", "XXXX XXXX", "XX/XX/XXXX {$5.00} !", "...", "#"])
def test_text_without_words_has_no_duplicates(text: str) -> None:
    normal = normalize_text(text)
    assert text_key(normal, "1") != text_key(normal, "2")
    assert text_key(normalize_text(f" {text}\n"), "1") == text_key(normal, "1")


@given(st.text(alphabet="aAxX /#{}$1., \n\u200b", max_size=40))
def test_normalization_is_idempotent(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once
