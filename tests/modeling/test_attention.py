"""Packed, bucketed and padded batches have the same logits, for every backbone."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file
from support.random_encoders import CONFIGS, LENGTHS, build, rows
from support.tiny_task import model_params, train_and_read, with_changes
from transformers import AutoModel, GPT2Config

from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.modeling import attention, classifier, product_attention
from complaints.modeling.attention import PADDING_FREE, prepare, runs_varlen


@pytest.mark.parametrize("name", CONFIGS)
def test_real_tokens_have_the_states_and_gradients_of_a_padded_batch(name: str) -> None:
    plain = build(hf.AutoModel, CONFIGS[name])
    packed = copy.deepcopy(plain)
    assert plain.config.model_type in attention.PACKABLE
    attention.skip_padding(packed)
    inputs = rows(plain.config)
    real = inputs["attention_mask"].bool()
    weights = torch.randn(16, generator=torch.Generator().manual_seed(2))
    states = []
    for encoder in (plain, packed):
        output = encoder(**inputs).last_hidden_state
        (output[real] @ weights).square().sum().backward()
        states.append(output)
    torch.testing.assert_close(states[1][real], states[0][real], atol=1e-5, rtol=0)
    assert (states[1][~real] == 0).all()
    for (key, expected), actual in zip(plain.named_parameters(), packed.parameters(), strict=True):
        if expected.grad is not None:
            scale = expected.grad.abs().max().item()
            torch.testing.assert_close(actual.grad, expected.grad, atol=1e-5 * max(1.0, scale), rtol=0, msg=key)


@pytest.mark.parametrize("name", ["albert", "bert", "modernbert", "distilbert", "roberta", "llama", "qwen2"])
def test_heads_of_transformers_give_the_logits_of_a_padded_batch(name: str) -> None:
    plain = classifier.StockClassifier(build(hf.AutoModelForSequenceClassification, CONFIGS[name]))
    packed = copy.deepcopy(plain)
    attention.skip_padding(packed.model.base_model)
    inputs = rows(plain.model.config)
    torch.testing.assert_close(packed(**inputs), plain(**inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_logits_do_not_depend_on_the_other_rows(pooling: str) -> None:
    model = classifier.LinearClassifier(build(hf.AutoModel, CONFIGS["modernbert"]), pooling, 3).eval()
    attention.skip_padding(model.encoder)
    inputs = rows(model.encoder.config, width=48)
    together = model(**inputs)
    for row, length in enumerate(LENGTHS):
        alone = model(**{key: value[row : row + 1, :length] for key, value in inputs.items()})
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["bert", "modernbert", "llama", "qwen2"])
@pytest.mark.parametrize("longest", [product_attention.PRODUCT_TOKENS, 4])
def test_attention_by_products_is_that_of_transformers(
    name: str, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_attention, "PRODUCT_TOKENS", longest)
    plain = build(hf.AutoModel, CONFIGS[name])
    other = copy.deepcopy(plain)
    attention.prepare(other, "never", kernel_runs=False, compiled=False, slow_half=True)
    inputs = rows(plain.config)
    real = inputs["attention_mask"].bool()
    for model in (plain, other):
        model(**inputs).last_hidden_state[real].pow(3).sum().backward()
    for (key, expected), actual in zip(plain.named_parameters(), other.parameters(), strict=True):
        if expected.grad is not None:
            torch.testing.assert_close(actual.grad, expected.grad, atol=2e-4, rtol=1e-3, msg=key)
    fused = []
    attend = torch.nn.functional.scaled_dot_product_attention

    def watched(query: torch.Tensor, *arguments: Any, **named: Any) -> torch.Tensor:
        fused.append(query.dtype)
        return attend(query, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
        half = other(**inputs).last_hidden_state
        # Without padding transformers leaves the mask of a decoder to the fused attention.
        alone = {key: value[:1, : LENGTHS[0]] for key, value in inputs.items()}
        first = other(**alone).last_hidden_state
    assert set(fused) <= {torch.float32}
    assert bool(fused) == (longest == 4 or name in {"llama", "qwen2"})
    torch.testing.assert_close(half[real].float(), plain(**inputs).last_hidden_state[real], atol=0.1, rtol=0.1)
    torch.testing.assert_close(first.float(), plain(**alone).last_hidden_state, atol=0.1, rtol=0.1)


def test_saved_encoder_has_no_setting_of_padding_free_attention(tmp_path: Path) -> None:
    encoder = build(hf.AutoModel, CONFIGS["bert"])
    names = list(encoder.state_dict())
    attention.skip_padding(encoder)
    encoder.save_pretrained(tmp_path)
    assert list(encoder.state_dict()) == names
    again = hf.AutoModel.from_pretrained(tmp_path).eval()
    inputs = rows(encoder.config)
    real = inputs["attention_mask"].bool()
    states = again(**inputs).last_hidden_state, encoder(**inputs).last_hidden_state
    torch.testing.assert_close(states[0][real], states[1][real], atol=1e-5, rtol=0)


def test_kernel_accepts_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel needs a GPU; on meta tensors torch checks its arguments and returns the shape of its result."""
    if attention.varlen_kernel() is None:
        pytest.skip("this torch has no attention with windows over rows of any length")
    monkeypatch.setattr(attention, "_attention_for", lambda value: attention.varlen_kernel())
    layer: Any = torch.nn.Module()
    layer.is_causal = False
    query, key, value = (torch.empty(1, heads, 20, 8, device="meta", dtype=torch.bfloat16) for heads in (4, 2, 2))
    starts = torch.empty(4, dtype=torch.int32, device="meta")
    output, _ = attention.padding_free_attention(
        layer, query.float(), key, value, None, 0.3, 5, cu_seq_lens_q=starts, max_length_q=16
    )
    assert output.shape == (1, 20, 4, 8)
    assert output.dtype == torch.bfloat16


def test_window_has_the_width_of_the_kernels_window() -> None:
    """A window of (2, 0) is the token and the two before it."""
    random = np.random.default_rng(0)
    q, k, v = (torch.from_numpy(random.normal(size=(7, 1, 4)).astype("f4")) for _ in range(3))
    starts = torch.tensor([0, 3, 7])
    output = attention._unpacked_attention(q, k, v, starts, starts, 5, 5, scale=1.0, window_size=(2, 0))
    for index in range(7):
        first = max(index - 2, 0 if index < 3 else 3)
        weights = (k[first : index + 1, 0] @ q[index, 0]).softmax(0)
        torch.testing.assert_close(output[index, 0], weights @ v[first : index + 1, 0])


@pytest.mark.parametrize("head", ["linear", "stock"])
def test_training_without_padding_has_the_losses_of_training_with_padding(
    workspace: Path, backbone_without_dropout: Backbone, head: str
) -> None:
    settings = model_params(backbone_without_dropout, head=head, head_start="random", packing="never")
    padded_losses, padded_logits = train_and_read(settings)
    losses, logits = train_and_read(with_changes(settings, packing="always"))
    np.testing.assert_allclose(losses, padded_losses, atol=1e-5)
    np.testing.assert_allclose(logits, padded_logits, atol=1e-4)


@pytest.mark.slow
def test_compiled_model_has_the_same_losses_and_saves_the_same_names(
    workspace: Path, backbone_without_dropout: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch.compile without its code generator, which takes a minute.
    compiled = []
    compiler = partial(torch.compile, backend="aot_eager")

    def compile_and_count(call: Any, **how: Any) -> Any:
        compiled.append(call)
        return compiler(call, **how)

    monkeypatch.setattr(torch, "compile", compile_and_count)
    settings = model_params(backbone_without_dropout, head_start="random", epochs=1, batch_tokens=160)
    losses, logits = train_and_read(settings)
    names = set(load_file("models/net/model.safetensors"))
    assert not compiled
    compiled_losses, compiled_logits = train_and_read(with_changes(settings, compile=True))
    assert len(compiled) == 2  # the blocks
    np.testing.assert_allclose(compiled_losses, losses, atol=1e-4)
    np.testing.assert_allclose(compiled_logits, logits, atol=1e-3)
    assert set(load_file("models/net/model.safetensors")) == names


def test_padding_is_skipped_if_requested_or_fast() -> None:
    encoder = AutoModel.from_config(copy.deepcopy(CONFIGS["bert"]))
    assert not prepare(encoder, "auto", kernel_runs=False, compiled=False)
    assert not prepare(encoder, "never", kernel_runs=True, compiled=False)
    assert encoder.config._attn_implementation != PADDING_FREE
    assert prepare(encoder, "auto", kernel_runs=True, compiled=False)
    assert encoder.config._attn_implementation == PADDING_FREE
    unknown = AutoModel.from_config(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=9))
    assert not prepare(unknown, "auto", kernel_runs=True, compiled=False)
    with pytest.raises(UserError, match=r"finetune\.packing: always is not tested for backbones of type gpt2"):
        prepare(unknown, "always", kernel_runs=True, compiled=False)


@pytest.mark.parametrize(
    ("capability", "precision", "expected"),
    [((7, 5), "fp16", False), ((8, 0), "bf16", True), ((9, 0), "fp16", True), ((9, 0), "fp32", False)],
)
def test_kernel_runs_on_new_gpus_in_half_precision(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str, expected: Any
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(attention, "varlen_kernel", lambda: len)
    assert runs_varlen("cuda", precision) is expected
    assert not runs_varlen("cpu", precision)
