"""Duplicates are found in any order of rows and despite changed words; other texts stay separate."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.dedup import clusters as dedup_clusters
from complaints.dedup.clusters import Clusters, DuplicateFinder

WORDS = np.array([hashlib.sha256(str(i).encode()).hexdigest()[: 3 + i % 7] for i in range(5000)])


def find(texts: list[str], cuts: int = 1, order: np.ndarray | None = None) -> Clusters:
    finder = DuplicateFinder()
    for batch in np.array_split(np.arange(len(texts)), cuts):
        finder.add(pa.array([texts[i] for i in batch], pa.string()), pa.array([f"r{i}" for i in batch], pa.string()))
    return finder.clusters(order)


def make_texts(count: int, seed: int = 0, words: tuple[int, int] = (20, 300)) -> list[str]:
    """Return texts whose words follow Zipf's law."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    weights /= weights.sum()
    return [" ".join(rng.choice(WORDS, rng.integers(*words), p=weights)) for _ in range(count)]


def change_words(text: str, share: float, rng: np.random.Generator) -> str:
    words = text.split()
    for index in rng.choice(len(words), max(1, round(share * len(words))), replace=False):
        words[index] = f"changed{rng.integers(10**9)}"
    return " ".join(words)


def test_near_duplicates_with_three_percent_of_words_changed_are_found_and_other_texts_stay_separate() -> None:
    rng = np.random.default_rng(1)
    texts = make_texts(2000)
    clusters = find(texts + [change_words(text, 0.03, rng) for text in texts], cuts=7)
    of_duplicate, of_text = clusters.near[2000:], clusters.near[:2000]
    assert np.mean(of_duplicate == np.arange(2000)) >= 0.98
    # A false merge puts a text into the cluster of an earlier, unrelated one.
    assert np.mean((of_duplicate != np.arange(2000)) & (of_duplicate != np.arange(2000, 4000))) < 0.001
    assert np.mean(of_text != np.arange(2000)) < 0.001


def test_texts_in_a_bucket_of_several_clusters_are_compared_with_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    letter = make_texts(1, 5, (220, 221))[0]
    own = [f"{letter} {text}" for text in make_texts(600, 6, (90, 91))]
    texts = own + [change_words(text, 0.06, rng) for text in own]
    found = np.mean(find(texts).near[600:] < 600)
    monkeypatch.setattr(dedup_clusters, "COMPARISON_ROUNDS", 1)
    assert np.mean(find(texts).near[600:] < 600) < found > 0.96


def test_texts_with_half_of_their_words_in_common_are_not_near_duplicates() -> None:
    rng = np.random.default_rng(2)
    texts = make_texts(300)
    clusters = find(texts + [change_words(text, 0.5, rng) for text in texts])
    assert np.array_equal(clusters.near, np.arange(600))


def test_exact_duplicates_differ_only_in_case_white_space_redaction_and_invisible_characters() -> None:
    text = "On XX/XX/XXXX I paid {$12.00} to XXXX XXXX because they asked me to, again and again and again."
    other = (
        "on XX/XX/2016 i  paid {$1,300.50}\nto XXXX be\u200bcause they asked\ufeff me to, again AND AGAIN and again."
    )
    clusters = find([text, other, text + " Always."])
    assert clusters.exact.tolist() == [0, 0, 2]
    assert clusters.near.tolist() == [0, 0, 0]


def test_short_texts_have_only_exact_duplicates() -> None:
    clusters = find(["they keep calling me at work", "they keep calling me at home", "They keep calling me at WORK"])
    assert clusters.near.tolist() == [0, 1, 0]


def test_representative_is_the_first_row_in_the_given_order() -> None:
    text = make_texts(1)[0]
    clusters = find(["x y z", text, text + " more", text], order=np.array([3, 2, 1, 0]))
    assert clusters.exact.tolist() == [0, 3, 2, 3]
    assert clusters.near.tolist() == [0, 3, 3, 3]


@given(st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=25)
def test_clusters_do_not_depend_on_the_order_of_addition_or_on_batches(seed: int, cuts: int) -> None:
    rng = np.random.default_rng(seed)
    texts = make_texts(40, seed, (5, 60))
    texts += [change_words(text, 0.04, rng) for text in texts[:20]] + texts[:10] + ["", "XXXX"]
    # A chain: each text is a near duplicate of its neighbours only.
    words = make_texts(1, seed + 1, (200, 201))[0].split()
    texts += [" ".join(words[start : start + 100]) for start in range(0, 100, 15)]
    rank = rng.permutation(len(texts))
    here = find(texts, order=np.argsort(rank))
    shuffled = rng.permutation(len(texts))
    there = find([texts[i] for i in shuffled], cuts, order=np.argsort(rank[shuffled]))
    assert [shuffled[i] for i in there.near] == here.near[shuffled].tolist()
    assert [shuffled[i] for i in there.exact] == here.exact[shuffled].tolist()
    assert sorted((shuffled[i], shuffled[j]) for i, j in there.merges) == sorted(here.merges)


def test_later_near_duplicate_of_two_clusters_merges_them_and_the_merge_is_listed() -> None:
    words = make_texts(1, words=(100, 101))[0].split()
    left, right = " ".join(words[:80]), " ".join(words[20:])
    middle = " ".join(words)
    separate = find([left, right])
    assert (separate.near.tolist(), separate.merges) == ([0, 1], [])
    merged = find([left, right, middle, middle + " end"])
    assert (merged.near.tolist(), merged.merges) == ([0, 0, 0, 0], [(0, 1)])
    # If the middle comes first, there is one cluster from the start.
    assert find([middle, left, right]).merges == []


@pytest.mark.parametrize("texts", [[], [""], ["", "XXXX", "..."], ["word"], ["é " * 40, "é " * 40]])
def test_empty_and_tiny_texts_are_clustered(texts: list[str]) -> None:
    clusters = find(texts)
    assert len(clusters.near) == len(texts)
    assert clusters.near.tolist() == ([0, 0] if len(texts) == 2 else list(range(len(texts))))


def test_text_of_a_megabyte_is_compared_like_any_other() -> None:
    long = " ".join(make_texts(1, words=(200_000, 200_001)))
    assert len(long) > 2**20
    clusters = find(["short text", long, change_words(long, 0.03, np.random.default_rng(0)), "another text"])
    assert clusters.near.tolist() == [0, 1, 1, 3]
