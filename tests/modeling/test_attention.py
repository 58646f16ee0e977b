"""Packed, bucketed and padded batches give the same logits, whatever the backbone."""

import copy

import numpy as np
import pytest
import torch
import transformers as hf
from support.random_encoders import CONFIGS, LENGTHS, build, rows

from complaints.modeling import attention, classifier


@pytest.mark.parametrize("name", CONFIGS)
def test_real_tokens_have_the_states_and_gradients_of_a_padded_batch(name):
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
def test_heads_of_transformers_give_the_logits_of_a_padded_batch(name):
    plain = classifier.StockClassifier(build(hf.AutoModelForSequenceClassification, CONFIGS[name]))
    packed = copy.deepcopy(plain)
    attention.skip_padding(packed.model.base_model)
    inputs = rows(plain.model.config)
    torch.testing.assert_close(packed(**inputs), plain(**inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_logits_do_not_depend_on_the_rows_beside(pooling):
    model = classifier.LinearClassifier(build(hf.AutoModel, CONFIGS["modernbert"]), pooling, 3).eval()
    attention.skip_padding(model.encoder)
    inputs = rows(model.encoder.config, width=48)
    together = model(**inputs)
    for row, length in enumerate(LENGTHS):
        alone = model(**{key: value[row : row + 1, :length] for key, value in inputs.items()})
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["bert", "modernbert", "llama"])
def test_attention_in_float32_is_that_of_transformers(name):
    plain = build(hf.AutoModel, CONFIGS[name])
    other = copy.deepcopy(plain)
    attention.prepare(other, "never", kernel_runs=False, compiled=False, slow_half=True)
    inputs = rows(plain.config)
    real = inputs["attention_mask"].bool()
    torch.testing.assert_close(other(**inputs).last_hidden_state[real], plain(**inputs).last_hidden_state[real])
    kinds = set()
    attend = torch.nn.functional.scaled_dot_product_attention

    def watched(query, *arguments, **named):
        kinds.add(query.dtype)
        return attend(query, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
        half = other(**inputs).last_hidden_state
    assert kinds == {torch.float32}
    torch.testing.assert_close(half[real].float(), plain(**inputs).last_hidden_state[real], atol=0.1, rtol=0.1)


def test_saved_encoder_does_not_ask_for_padding_free_attention(tmp_path):
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


def test_kernel_is_called_as_it_wants_to_be(monkeypatch):
    """No processor runs the kernel; torch still checks its arguments and gives the shape of its result."""
    if attention.varlen_kernel() is None:
        pytest.skip("this torch has no attention with windows over rows of any length")
    monkeypatch.setattr(attention, "_attention_for", lambda value: attention.varlen_kernel())
    layer = torch.nn.Module()
    layer.is_causal = False
    query, key, value = (torch.empty(1, heads, 20, 8, device="meta", dtype=torch.bfloat16) for heads in (4, 2, 2))
    starts = torch.empty(4, dtype=torch.int32, device="meta")
    output, _ = attention.padding_free_attention(
        layer, query.float(), key, value, None, 0.3, 5, cu_seq_lens_q=starts, max_length_q=16
    )
    assert output.shape == (1, 20, 4, 8)
    assert output.dtype == torch.bfloat16


def test_window_reaches_as_far_as_the_kernel_says():
    """A window of (2, 0) is the token and the two before it."""
    random = np.random.default_rng(0)
    q, k, v = (torch.from_numpy(random.normal(size=(7, 1, 4)).astype("f4")) for _ in range(3))
    starts = torch.tensor([0, 3, 7])
    output = attention._unpacked_attention(q, k, v, starts, starts, 5, 5, scale=1.0, window_size=(2, 0))
    for place in range(7):
        first = max(place - 2, 0 if place < 3 else 3)
        weights = (k[first : place + 1, 0] @ q[place, 0]).softmax(0)
        torch.testing.assert_close(output[place, 0], weights @ v[first : place + 1, 0])
