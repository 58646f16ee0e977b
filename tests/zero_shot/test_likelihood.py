"""Likelihood of class names: the tree with its prefix cache computes what complete sequences do, and PMI by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from support.tiny_models import WORDS, save_bert, save_language_model, save_llama
from support.tiny_task import backbone_in

from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.zero_shot.likelihood import (
    Decoder,
    encode_prompts,
    load_decoder,
    log_likelihoods,
    score_by_likelihood,
    scores,
)
from complaints.zero_shot.name_tree import name_tree
from complaints.zero_shot.params import LikelihoodParams

NAMES = [[5, 6, 7], [5, 6], [5, 8, 7, 9], [6], [10, 11]]
CPU = torch.device("cpu")


def decoder_in(folder: Path, name: str) -> Decoder:
    return load_decoder(backbone_in(save_language_model(folder, name)), "fp32", CPU)


def uncached(folder: Path, prompt: list[int], name: list[int]) -> float:
    """Return the log-likelihood of a name, from one pass of transformers' own model over the complete sequence."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        found = torch.log_softmax(model(torch.tensor([prompt + name]), use_cache=False).logits[0].double(), -1)
    positions = range(len(prompt) - 1, len(prompt) + len(name) - 1)
    return sum(float(found[position, token]) for position, token in zip(positions, name, strict=True))


@pytest.mark.parametrize("name", ["Llama", "Olmo2", "Qwen2"])
@pytest.mark.parametrize("prompt", [[5], [7, 8, 9, 10, 5, 6]])
def test_the_prefix_cache_changes_nothing(tmp_path: Path, name: str, prompt: list[int]) -> None:
    decoder = decoder_in(tmp_path, name)
    found = log_likelihoods(decoder, prompt, name_tree(NAMES))
    expected = [uncached(tmp_path, prompt, own) for own in NAMES]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert len(set(np.round(found, 3))) == len(NAMES)


def test_a_prompt_leaves_no_trace_in_the_next_one(tmp_path: Path) -> None:
    decoder, tree = decoder_in(tmp_path, "Llama"), name_tree(NAMES)
    first = log_likelihoods(decoder, [5, 6, 7], tree)
    log_likelihoods(decoder, [9, 10], tree)
    np.testing.assert_array_equal(log_likelihoods(decoder, [5, 6, 7], tree), first)


def test_names_of_one_token_need_no_second_pass(tmp_path: Path) -> None:
    decoder = decoder_in(tmp_path, "Llama")
    tree = name_tree([[5], [6]])
    assert len(tree.tokens) == 0
    np.testing.assert_allclose(
        log_likelihoods(decoder, [7, 8], tree), [uncached(tmp_path, [7, 8], [token]) for token in (5, 6)], rtol=1e-5
    )


def test_the_tree_has_each_beginning_once() -> None:
    tree = name_tree(NAMES)
    assert tree.tokens.tolist() == [5, 6, 8, 7, 10]  # 5, 5 6, 5 8, 5 8 7, 10
    assert tree.depths.tolist() == [0, 1, 1, 2, 0]
    assert tree.lengths.tolist() == [3, 2, 4, 1, 2]
    assert tree.attends.sum(axis=1).tolist() == [1, 2, 2, 3, 1]
    with pytest.raises(ValueError, match="name 1 has no token"):
        name_tree([[1], []])


def test_scores_by_hand() -> None:
    given, alone, lengths = np.array([[-6.0, -4.0]]), np.array([-3.0, -3.5]), np.array([3, 1])
    assert scores(given, None, None).tolist() == [[-6, -4]]
    assert scores(given, None, lengths).tolist() == [[-2, -4]]
    assert scores(given, alone, None).tolist() == [[-3, -0.5]]  # log P(name | prompt) - log P(name | end of the prompt)
    assert scores(given, alone, lengths).tolist() == [[-1, -0.5]]


PARAMS: dict[str, Any] = {"prompt": "the report {text} the debt", "max_length": 8, "length_normalised": True}


def score(folder: Path, texts: list[str], labels: list[str], **changes: Any) -> np.ndarray:
    p = LikelihoodParams.model_validate({**PARAMS, "pmi": True, "backbone": backbone_in(folder).spec, **changes})
    return score_by_likelihood(p, Accelerator(cpu=True), "fp32", texts, labels)[0]


def test_pmi_subtracts_the_likelihood_after_the_end_of_the_prompt(tmp_path: Path) -> None:
    save_language_model(tmp_path)
    ids = {word: number for number, word in enumerate(WORDS)}
    texts, labels = ["bank fee", "call", "bank fee"], ["late fee", "card"]

    def sequence(words: str) -> list[int]:
        return [ids[word] for word in words.split()]

    expected = [
        [
            (
                uncached(tmp_path, sequence(f"the report {text} the debt"), sequence(label))
                - uncached(tmp_path, sequence("the debt"), sequence(label))
            )
            / len(label.split())
            for label in labels
        ]
        for text in texts
    ]
    np.testing.assert_allclose(score(tmp_path, texts, labels), expected, rtol=1e-4, atol=1e-6)
    plain = score(tmp_path, texts, labels, pmi=False)
    assert np.abs(plain - expected).max() > 0.1


def test_long_texts_are_cut_and_the_end_of_the_prompt_stays(tmp_path: Path) -> None:
    save_language_model(tmp_path)
    prompts = encode_prompts(load_tokenizer(tmp_path), PARAMS["prompt"], ["bank " * 30, ""], 8)
    assert [len(prompts.of(row)) for row in range(2)] == [2 + 8 + 2, 2 + 2]
    assert prompts.of(0)[-2:] == prompts.premise
    assert prompts.longest == 12


def test_a_prompt_that_is_too_long_for_the_model_is_refused(tmp_path: Path) -> None:
    save_language_model(tmp_path)
    with pytest.raises(UserError, match="is more than the 64 positions"):
        score(tmp_path, ["bank " * 99], ["late fee"], max_length=60)


@pytest.mark.parametrize("save", [save_bert, save_llama])
def test_a_model_without_an_output_layer_of_a_decoder_is_refused(tmp_path: Path, save: Any) -> None:
    with pytest.raises(UserError, match="is not a decoder with its output layer; name a causal language model"):
        score(save(tmp_path), ["bank"], ["late fee"])


def test_half_precision_is_close(tmp_path: Path) -> None:
    backbone = backbone_in(save_language_model(tmp_path))
    found = [
        log_likelihoods(load_decoder(backbone, precision, CPU), [5, 6], name_tree(NAMES))
        for precision in ("fp32", "bf16")
    ]
    first, second = found
    np.testing.assert_allclose(first, second, rtol=0.03)
