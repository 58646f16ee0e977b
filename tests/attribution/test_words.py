"""Scores of stretches of characters become scores of words."""

import pytest

from complaints.attribution.words import Attribution, Stretch, by_words


def test_subtokens_of_a_word_are_added_and_others_keep_their_own() -> None:
    text = "re-billed, didn't"
    pieces = [Stretch(0, 2, 1.0), Stretch(2, 3, 0.5), Stretch(3, 7, 2.0), Stretch(7, 9, 3.0), Stretch(11, 17, -1.0)]
    found = {text[word.start : word.end]: word.score for word in by_words(text, pieces)}
    assert found == {"re": 1.0, "-": 0.5, "billed": 5.0, "didn't": -1.0}


def test_a_piece_over_several_words_is_divided_by_characters() -> None:
    (the, bank) = by_words("the  bank", [Stretch(0, 9, 7.0)])
    assert (the.score, bank.score) == pytest.approx((3.0, 4.0))


def test_a_piece_between_words_is_one_of_its_own() -> None:
    assert by_words("fee\n\ncard", [Stretch(3, 5, 2.0)]) == [Stretch(3, 5, 2.0)]


def test_the_completeness_error_is_relative() -> None:
    words = [Stretch(0, 1, -1.5), Stretch(2, 3, -0.4)]
    assert Attribution(words, -2.0, "").completeness_error == pytest.approx(0.05)
    assert Attribution([], 0.0, "").completeness_error == 0.0
