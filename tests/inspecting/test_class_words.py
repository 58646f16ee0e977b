"""Words of classes: means over complaints in which near duplicates count once, and none of few complaints."""

import numpy as np

from complaints.attribution.words import WORD, Attribution, Stretch
from complaints.inspecting.class_words import LEAST_CLUSTERS, MOST_WORDS, ClassWord, find_class_words
from complaints.inspecting.samples import HeldOut


def sample(texts: list[tuple[str, str, int]]) -> HeldOut:
    """Return complaints from text, cluster and predicted class."""
    predicted = np.array([class_id for _, _, class_id in texts])
    ids = [str(number) for number in range(len(texts))]
    return HeldOut(
        ids, [text for text, _, _ in texts], [cluster for _, cluster, _ in texts], predicted, np.eye(3)[predicted]
    )


def attributions(texts: HeldOut, shares: dict[str, float]) -> list[Attribution]:
    return [
        Attribution([Stretch(*m.span(), shares.get(m[0], 0.0)) for m in WORD.finditer(text)], 1.0, "")
        for text in texts.texts
    ]


def test_a_share_is_a_mean_over_the_complaints_with_the_word() -> None:
    texts = sample(
        [
            ("fee Fee loan !", "a", 0),
            ("fee loan", "b", 0),
            ("fee loan debt", "c", 0),
            ("loan", "c", 0),  # a near duplicate of the last
            ("debt card", "d", 1),
        ]
    )
    # In the first complaint the word occurs twice, and in another case.
    fees, other = find_class_words(texts, attributions(texts, {"fee": 1.0, "Fee": 3.0, "loan": -1.0, "!": 9.0}))
    assert (fees.class_id, fees.complaints, other.class_id, other.complaints) == (0, 3, 1, 1)
    assert fees.words == [ClassWord("fee", 2.0, 3)]
    assert other.words == []
    raised, _ = find_class_words(texts, attributions(texts, {"fee": 1.0, "loan": 2.0, "debt": 9.0}))
    assert [(word.word, word.complaints) for word in raised.words] == [("loan", 3), ("fee", 3)]


def test_near_duplicates_are_no_further_complaints() -> None:
    texts = sample([("debt", "a", 0)] * 9 + [("debt", "b", 0)])
    assert LEAST_CLUSTERS > 2
    (words,) = find_class_words(texts, attributions(texts, {"debt": 1.0}))
    assert (words.complaints, words.words) == (2, [])


def test_the_list_of_a_class_is_short() -> None:
    many = {f"word{number}": 1.0 + number for number in range(40)}
    texts = sample([(" ".join(many), str(number), 2) for number in range(3)])
    (words,) = find_class_words(texts, attributions(texts, many))
    assert [word.word for word in words.words] == [f"word{39 - number}" for number in range(MOST_WORDS)]
