"""Deletion test of attributions: true ones pass, random ones do not, and near duplicates are no more evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from support import small_tfidf
from support.tiny_models import save_bert
from support.tiny_task import backbone_in

from complaints.attribution.words import Attribution, Stretch, by_words
from complaints.backbones.tokenizer import load_tokenizer
from complaints.engine.distributed import make_accelerator
from complaints.engine.setup import Setup
from complaints.inspecting.deletion import attribute_all, deletable, measure_deletions
from complaints.inspecting.explained import Explained, ExplainedNetwork, ExplainedTfidf
from complaints.inspecting.samples import HeldOut, sample_rows
from complaints.modeling.classifier import Checkpoint, build

NOISE = "yesterday my bank sent a letter about an account and did not say ... why,"


def held_out(model: Explained, texts: Sequence[str]) -> HeldOut:
    probabilities = np.concatenate([model.without(text, [[]]) for text in texts])
    ids = [str(number) for number in range(len(texts))]
    return HeldOut(ids, list(texts), ids, probabilities.argmax(1), probabilities)


def noisy(number: int) -> str:
    random = np.random.default_rng(number)
    words = [*random.permutation(NOISE.split()), *small_tfidf.TOPICS[number % 4].split()[:3]]
    return " ".join(random.permutation(words))


@dataclass(frozen=True)
class Guessing:
    """A model whose reasons have nothing to do with its labels."""

    model: Explained

    def attribute(self, text: str, class_id: int) -> Attribution:
        words = self.model.attribute(text, class_id).words
        scores = np.random.default_rng(len(text)).normal(size=len(words)).tolist()
        return Attribution([Stretch(w.start, w.end, s) for w, s in zip(words, scores, strict=True)], 1.0, "guess")

    def without(self, text: str, deletions: Sequence[Sequence[Stretch]]) -> np.ndarray:
        return self.model.without(text, deletions)


def test_true_attributions_pass_and_guesses_do_not() -> None:
    model = ExplainedTfidf(small_tfidf.fitted())
    texts = held_out(model, [noisy(number) for number in range(40)])
    found = measure_deletions(model, texts, attribute_all(model, texts))
    assert found.tested == 40
    assert found.complete == 1
    assert found.errors.max() < 1e-6
    for one in found.deletions:
        assert one.difference.value == pytest.approx(one.top - one.random)
        assert one.difference.low > 0.05
    assert found.deletions[1].top > found.deletions[0].top
    guess = Guessing(model)
    guessed = measure_deletions(guess, texts, attribute_all(guess, texts))
    assert guessed.complete == 0
    for one in guessed.deletions:
        assert one.difference.low < 0 < one.difference.high
    assert guessed.deletions[0].random == found.deletions[0].random  # the same random words


def test_near_duplicates_are_not_more_evidence() -> None:
    model = ExplainedTfidf(small_tfidf.fitted())
    texts = held_out(model, [noisy(number) for number in range(12)])
    twice = texts.take([*range(12), *range(12)])
    apart = replace(twice, clusters=[str(number) for number in range(24)])

    def width(sample: HeldOut) -> float:
        difference = measure_deletions(model, sample, attribute_all(model, sample)).deletions[0].difference
        return difference.high - difference.low

    assert width(twice) == pytest.approx(width(texts), rel=0.05)
    assert width(apart) < 0.8 * width(texts)


def test_texts_of_one_word_are_left_out_and_marks_are_no_words() -> None:
    model = ExplainedTfidf(small_tfidf.fitted())
    texts = held_out(model, ["fee !!!"])
    found = measure_deletions(model, texts, attribute_all(model, texts))
    assert (found.tested, found.deletions) == (0, [])
    words = by_words("fee !!! 24", [Stretch(0, 10, 1.0)])
    assert [(word.start, word.end) for word in deletable("fee !!! 24", Attribution(words, 1.0, ""))] == [
        (0, 3),
        (8, 10),
    ]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> ExplainedNetwork:
    """A tiny encoder that reads six tokens."""
    backbone = backbone_in(save_bert(tmp_path_factory.mktemp("bert")))
    torch.manual_seed(1)
    tokenizer = load_tokenizer(backbone.folder)
    model = build(backbone, "linear", "mean", ["a", "b", "c"]).eval()
    setup = Setup(make_accelerator("cpu", "fp32"), "fast", "fp32", backbone, backbone, tokenizer)
    return ExplainedNetwork(setup, Checkpoint(model, tokenizer, ["a", "b", "c"], 6, "start", "fp32"))


def test_deleted_words_make_no_room_for_words_behind_the_cut(network: ExplainedNetwork) -> None:
    text = "the late fee card loan debt report"
    words = {text[word.start : word.end]: word for word in network.attribute(text, 1).words}
    assert list(words) == ["the", "late", "fee", "card"]
    whole, without, empty = network.without(text, [[], [words["late"], words["card"]], list(words.values())])
    ids = network.checkpoint.tokenizer("the fee", return_tensors="pt")
    with torch.no_grad():
        expected = network.checkpoint.model(ids["input_ids"], ids["attention_mask"]).softmax(-1)[0]
    assert without == pytest.approx(expected.tolist(), abs=1e-6)
    assert not np.allclose(whole, without, atol=1e-6)
    assert empty.sum() == pytest.approx(1)


def test_words_are_deleted_from_the_text_of_tfidf() -> None:
    model = ExplainedTfidf(small_tfidf.fitted())
    text = small_tfidf.NEW[0]
    first, *_, last = model.attribute(text, 0).words
    gone = text[: first.start] + text[first.end : last.start] + text[last.end :]
    assert model.without(text, [[first, last]]) == pytest.approx(model.without(gone, [[]]))


def test_samples_are_whole_clusters() -> None:
    clusters = [str(number // 3) for number in range(30)]
    rows = sample_rows(clusters, 10)
    assert len(rows) == 9
    assert set(rows) == {row for row in range(30) if clusters[row] in {clusters[one] for one in rows}}
    assert set(sample_rows(clusters, 7)) < set(rows)
    assert sample_rows(clusters, 2).tolist() == [0, 1]
