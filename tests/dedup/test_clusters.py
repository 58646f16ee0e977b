"""Copies are found however the rows come in; changed words do not hide them, and other texts are left apart."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.dedup import clusters as dedup_clusters
from complaints.dedup.clusters import Clusters, CopyFinder
from complaints.dedup.normalize import REDACTED, normalise, text_key

WORDS = np.array([hashlib.sha256(str(i).encode()).hexdigest()[: 3 + i % 7] for i in range(5000)])


def find(texts: list[str], cuts: int = 1, order: np.ndarray | None = None) -> Clusters:
    finder = CopyFinder()
    for part in np.array_split(np.arange(len(texts)), cuts):
        finder.add(pa.array([texts[i] for i in part], pa.string()), pa.array([f"r{i}" for i in part], pa.string()))
    return finder.clusters(order)


def make_texts(count: int, seed: int = 0, words: tuple[int, int] = (20, 300)) -> list[str]:
    """Texts whose words are drawn as unevenly as in a language."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    weights /= weights.sum()
    return [" ".join(rng.choice(WORDS, rng.integers(*words), p=weights)) for _ in range(count)]


def change_words(text: str, share: float, rng: np.random.Generator) -> str:
    words = text.split()
    for place in rng.choice(len(words), max(1, round(share * len(words))), replace=False):
        words[place] = f"changed{rng.integers(10**9)}"
    return " ".join(words)


def test_copies_with_three_percent_of_their_words_changed_are_found_and_others_are_left_apart():
    rng = np.random.default_rng(1)
    texts = make_texts(2000)
    clusters = find(texts + [change_words(text, 0.03, rng) for text in texts], cuts=7)
    of_copy, of_text = clusters.near[2000:], clusters.near[:2000]
    assert np.mean(of_copy == np.arange(2000)) >= 0.98
    # A false merge is a text in the cluster of an earlier one that it is no copy of.
    assert np.mean((of_copy != np.arange(2000)) & (of_copy != np.arange(2000, 4000))) < 0.001
    assert np.mean(of_text != np.arange(2000)) < 0.001


def test_texts_that_share_a_bucket_with_others_are_compared_with_their_own(monkeypatch):
    rng = np.random.default_rng(3)
    letter = make_texts(1, 5, (220, 221))[0]
    own = [f"{letter} {text}" for text in make_texts(600, 6, (90, 91))]
    texts = own + [change_words(text, 0.06, rng) for text in own]
    found = np.mean(find(texts).near[600:] < 600)
    monkeypatch.setattr(dedup_clusters, "HEADS", 1)
    assert np.mean(find(texts).near[600:] < 600) < found > 0.96


def test_half_of_the_words_in_common_make_no_copy():
    rng = np.random.default_rng(2)
    texts = make_texts(300)
    clusters = find(texts + [change_words(text, 0.5, rng) for text in texts])
    assert np.array_equal(clusters.near, np.arange(600))


def test_exact_copies_differ_in_case_white_space_redaction_and_invisible_characters_alone():
    text = "On XX/XX/XXXX I paid {$12.00} to XXXX XXXX because they asked me to, again and again and again."
    other = (
        "on XX/XX/2016 i  paid {$1,300.50}\nto XXXX be\u200bcause they asked\ufeff me to, again AND AGAIN and again."
    )
    clusters = find([text, other, text + " Always."])
    assert clusters.exact.tolist() == [0, 0, 2]
    assert clusters.near.tolist() == [0, 0, 0]


def test_short_texts_are_copies_only_of_their_equals():
    clusters = find(["they keep calling me at work", "they keep calling me at home", "They keep calling me at WORK"])
    assert clusters.near.tolist() == [0, 1, 0]


def test_a_representative_is_the_first_by_the_order_given():
    text = make_texts(1)[0]
    clusters = find(["x y z", text, text + " more", text], order=np.array([3, 2, 1, 0]))
    assert clusters.exact.tolist() == [0, 3, 2, 3]
    assert clusters.near.tolist() == [0, 3, 3, 3]


@given(st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=25)
def test_neither_the_order_nor_the_batches_of_rows_matter(seed, cuts):
    rng = np.random.default_rng(seed)
    texts = make_texts(40, seed, (5, 60))
    texts += [change_words(text, 0.04, rng) for text in texts[:20]] + texts[:10] + ["", "XXXX"]
    # A chain, in which each text is a near-copy of its neighbours alone.
    words = make_texts(1, seed + 1, (200, 201))[0].split()
    texts += [" ".join(words[start : start + 100]) for start in range(0, 100, 15)]
    rank = rng.permutation(len(texts))
    here = find(texts, order=np.argsort(rank))
    place = rng.permutation(len(texts))
    there = find([texts[i] for i in place], cuts, order=np.argsort(rank[place]))
    assert [place[i] for i in there.near] == here.near[place].tolist()
    assert [place[i] for i in there.exact] == here.exact[place].tolist()
    assert sorted((place[i], place[j]) for i, j in there.joins) == sorted(here.joins)


def test_a_later_text_that_is_a_copy_of_two_clusters_joins_them_and_the_join_is_listed():
    words = make_texts(1, words=(100, 101))[0].split()
    left, right = " ".join(words[:80]), " ".join(words[20:])
    middle = " ".join(words)
    apart = find([left, right])
    assert (apart.near.tolist(), apart.joins) == ([0, 1], [])
    joined = find([left, right, middle, middle + " end"])
    assert (joined.near.tolist(), joined.joins) == ([0, 0, 0, 0], [(0, 1)])
    # When the middle comes first there is one cluster from the start.
    assert find([middle, left, right]).joins == []


@pytest.mark.parametrize("texts", [[], [""], ["", "XXXX", "..."], ["word"], ["é " * 40, "é " * 40]])
def test_texts_with_next_to_nothing_in_them_are_no_trouble(texts):
    clusters = find(texts)
    assert len(clusters.near) == len(texts)
    assert clusters.near.tolist() == ([0, 0] if len(texts) == 2 else list(range(len(texts))))


def test_a_text_of_a_megabyte_is_compared_like_any_other():
    long = " ".join(make_texts(1, words=(200_000, 200_001)))
    assert len(long) > 2**20
    clusters = find(["short text", long, change_words(long, 0.03, np.random.default_rng(0)), "another text"])
    assert clusters.near.tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize("text", ["Maxx", "XXL", "TJXX", "X", "I saw X Corp", "xxxx"])
def test_letters_x_that_belong_to_a_word_are_no_redaction(text):
    assert normalise(text) == text.lower()
    assert not REDACTED.search(text)


@pytest.mark.parametrize("text", ["XX", "XXXX", "(XXXX)", "XXXX1", "XXXX's", "XX/XX/XXXX"])
def test_runs_of_capital_x_are_redaction(text):
    assert REDACTED.search(text)
    assert "x" not in normalise(text)


@pytest.mark.parametrize("text", ["", " \n", "XXXX XXXX", "XX/XX/XXXX {$5.00} !", "...", "#"])
def test_a_text_that_says_nothing_is_nobodys_copy(text):
    normal = normalise(text)
    assert text_key(normal, "1") != text_key(normal, "2")
    assert text_key(normal, "1") == text_key(normal, "1")


@given(st.text(alphabet="aAxX /#{}$1., \n\u200b", max_size=40))
def test_a_normalised_text_normalises_to_itself(text):
    once = normalise(text)
    assert normalise(once) == once
