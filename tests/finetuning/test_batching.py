"""Batches by tokens hold every row once and no more than their budget, and train like others."""

import copy
import itertools
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from support.random_encoders import CONFIGS
from support.tiny_models import save_modernbert
from support.tiny_task import ROOT, backbone_in, default_params, digests, model_params, run, with_changes
from transformers import AutoModel, GPT2Config

from complaints import params
from complaints.backbones.tokens import TokenSet
from complaints.core.config import read_yaml
from complaints.core.errors import UserError
from complaints.engine import device, loop
from complaints.engine.batches import WIDTH_MULTIPLE, padded, token_budget_batches
from complaints.finetuning.batching import count_steps, draw_batches, loss_normaliser
from complaints.finetuning.params import FinetuneParams, LoraParams, ModelParams
from complaints.finetuning.sampling import draw_rows
from complaints.modeling import attention
from complaints.modeling.attention import PADDING_FREE, prepare, runs_varlen
from complaints.scoring.predictions import read_predictions

LENGTHS = st.lists(st.integers(1, 130), min_size=1, max_size=300)


def settings_of(**changes) -> FinetuneParams:
    return default_params(**changes).finetune


@given(LENGTHS, st.integers(144, 900), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_every_row_is_in_one_batch_within_the_budget(lengths, budget, seed, epoch, packed):
    lengths = np.array(lengths)
    drawn = token_budget_batches(lengths, budget, seed, epoch, packed)
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(lengths)))
    for rows in drawn:
        width = -(-lengths[rows].max() // WIDTH_MULTIPLE) * WIDTH_MULTIPLE
        assert (lengths[rows].sum() if packed else width * len(rows)) <= budget
    again = token_budget_batches(lengths, budget, seed, epoch, packed)
    assert all((a == b).all() for a, b in zip(drawn, again, strict=True))


@pytest.mark.parametrize("packed", [True, False])
def test_budgets_are_used_up_in_an_order_that_changes(packed):
    lengths = np.random.default_rng(0).integers(5, 128, 4000)
    first = token_budget_batches(lengths, 4096, 1, 0, packed)
    used = [
        lengths[rows].sum() if packed else -(-lengths[rows].max() // WIDTH_MULTIPLE) * WIDTH_MULTIPLE * len(rows)
        for rows in first
    ]
    assert np.mean(used) > 0.95 * 4096
    assert lengths.sum() > 0.9 * sum(used)
    for other in (token_budget_batches(lengths, 4096, 1, 1, packed), token_budget_batches(lengths, 4096, 2, 0, packed)):
        assert not np.array_equal(np.concatenate(first), np.concatenate(other))
    sizes = [len(rows) for rows in first]
    halves = np.mean(sizes[: len(sizes) // 2]), np.mean(sizes[len(sizes) // 2 :])
    assert max(halves) < 1.3 * min(halves)  # short and long batches come mixed


def test_row_longer_than_the_budget_stands_alone():
    lengths = np.array([10, 300, 20, 500, 30])
    for packed in (True, False):
        batches = token_budget_batches(lengths, 100, 0, 0, packed)
        assert sorted(np.concatenate(batches).tolist()) == [0, 1, 2, 3, 4]
        assert {len(rows) for rows in batches if lengths[rows].max() > 100} == {1}


@given(LENGTHS, st.integers(0, 5))
def test_under_a_budget_each_row_counts_as_its_weight_says_and_a_step_is_a_mean(lengths, seed):
    weights = np.random.default_rng(seed).uniform(0.2, 3, len(lengths))
    batches = token_budget_batches(np.array(lengths), 512, seed, 0, False)
    sums = np.array([weights[rows].sum() for rows in batches])
    assert len({loss_normaliser(sums, index, by_tokens=True) for index in range(len(batches))}) == 1
    shares = [sums[index] / loss_normaliser(sums, index, by_tokens=True) for index in range(len(batches))]
    assert np.mean(shares) == pytest.approx(1)
    assert [loss_normaliser(sums, index, by_tokens=False) for index in range(len(batches))] == sums.tolist()


@pytest.mark.parametrize("changes", [{}, {"batch_tokens": 512}, {"sampling": "class_aware", "batch_tokens": 300}])
@pytest.mark.parametrize("packed", [True, False])
def test_number_of_steps_is_that_of_the_batches_of_all_epochs_and_rows_are_those_drawn(changes, packed):
    random = np.random.default_rng(0)
    lengths = random.integers(5, 128, 500)
    offsets = np.concatenate([[0], lengths.cumsum()])
    labels = np.sort(random.geometric(0.4, 500)) - 1
    tokens = TokenSet([""] * 500, np.zeros(offsets[-1], dtype=np.int32), offsets, labels)
    settings = settings_of(epochs=3, **changes)
    epochs = [draw_batches(tokens, settings, 13, epoch, packed) for epoch in range(3)]
    assert count_steps(tokens, settings, 13, packed) == sum(map(len, epochs))
    for epoch, batches in enumerate(epochs):
        drawn = draw_rows(labels, settings.sampling, 13, epoch)
        assert sorted(np.concatenate(batches)) == sorted(drawn)


def test_widths_are_multiples_and_ids_stay():
    offsets = np.array([0, 3, 4, 9])
    tokens = TokenSet(["a", "b", "c"], np.arange(1, 10, dtype=np.int32), offsets, np.zeros(3, dtype=np.int64))
    batch = padded(tokens, np.array([2, 0]), 99, torch.device("cpu"), 4)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9, 99, 99, 99], [1, 2, 3, 99, 99, 99, 99, 99]]
    assert batch["attention_mask"].tolist() == [[1] * 5 + [0] * 3, [1] * 3 + [0] * 5]
    assert padded(tokens, np.array([2, 0]), 99, torch.device("cpu"))["input_ids"].shape == (2, 5)


def trained(settings: ModelParams) -> tuple[np.ndarray, np.ndarray]:
    """Train and return the loss of each step and the logits of the test rows."""
    run(settings)
    losses = pd.read_csv("reports/training/net/steps.csv")["loss"].to_numpy()
    return losses, read_predictions("predictions/net.parquet")["test"][1]


@pytest.fixture
def steady(tmp_path):
    """A backbone without dropout, whose steps do not depend on how a batch is laid out."""
    return backbone_in(save_modernbert(tmp_path / "modernbert"))


@pytest.mark.parametrize("head", ["linear", "stock"])
def test_training_without_padding_is_training_with_it(workspace, steady, head):
    settings = model_params(steady, head=head, head_start="random", packing="never")
    padded_losses, padded_logits = trained(settings)
    losses, logits = trained(with_changes(settings, packing="always"))
    np.testing.assert_allclose(losses, padded_losses, atol=1e-5)
    np.testing.assert_allclose(logits, padded_logits, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [{}, {"class_weights": "inverse"}, {"sampling": "class_aware", "batch_tokens": 100, "train": "lora"}],
    ids=["plain", "weighted", "budget"],
)
def test_pieces_add_up_to_the_step(workspace, steady, changes):
    lora = LoraParams(rank=2, alpha=8, dropout=0.0, targets=None)
    settings = model_params(steady, head_start="random", lora=lora, **changes)
    whole_losses, whole_logits = trained(settings)
    losses, logits = trained(with_changes(settings, accumulation=3))
    np.testing.assert_allclose(losses, whole_losses, atol=1e-5)
    np.testing.assert_allclose(logits, whole_logits, atol=1e-4)


@pytest.mark.parametrize("packing", ["always", "never"])
def test_stopped_under_a_budget_it_ends_with_the_same_bytes(workspace, monkeypatch, backbone, packing):
    settings = model_params(backbone, head_start="random", batch_tokens=100, packing=packing, epochs=2)
    losses, _ = trained(settings)
    whole = digests()
    step = loop._train_step
    calls = itertools.count(1)

    def dying(*arguments):
        if next(calls) == len(losses) - 2:
            raise KeyboardInterrupt
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_step", dying)
        with pytest.raises(KeyboardInterrupt):
            run(settings)
    assert list(Path("scratch/finetune/net").glob("*/step-*"))
    run(settings)
    assert digests() == whole


def test_compiled_model_trains_like_another_and_saves_the_same_names(workspace, steady, monkeypatch):
    # All of torch.compile but its code generator, which takes a minute.
    compiled = []
    compiler = partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", lambda call, **how: compiled.append(call) or compiler(call, **how))
    settings = model_params(steady, head_start="random", epochs=1, batch_tokens=160)
    losses, logits = trained(settings)
    names = set(load_file("models/net/model.safetensors"))
    assert not compiled
    compiled_losses, compiled_logits = trained(with_changes(settings, compile=True))
    assert len(compiled) == 2  # the blocks
    np.testing.assert_allclose(compiled_losses, losses, atol=1e-4)
    np.testing.assert_allclose(compiled_logits, logits, atol=1e-3)
    assert set(load_file("models/net/model.safetensors")) == names


def test_padding_is_skipped_where_that_is_asked_for_or_fast():
    encoder = AutoModel.from_config(copy.deepcopy(CONFIGS["bert"]))
    assert not prepare(encoder, "auto", kernel_runs=False, compiled=False)
    assert not prepare(encoder, "never", kernel_runs=True, compiled=False)
    assert encoder.config._attn_implementation != PADDING_FREE
    assert prepare(encoder, "auto", kernel_runs=True, compiled=False)
    assert encoder.config._attn_implementation == PADDING_FREE
    unknown = AutoModel.from_config(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=9))
    assert not prepare(unknown, "auto", kernel_runs=True, compiled=False)
    with pytest.raises(UserError, match="finetune.packing: always is not tested for backbones of type gpt2"):
        prepare(unknown, "always", kernel_runs=True, compiled=False)


@pytest.mark.parametrize(
    ("capability", "precision", "expected"),
    [((7, 5), "fp16", False), ((8, 0), "bf16", True), ((9, 0), "fp16", True), ((9, 0), "fp32", False)],
)
def test_kernel_runs_on_new_gpus_in_half_precision(monkeypatch, capability, precision, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(attention, "varlen_kernel", lambda: len)
    assert runs_varlen("cuda", precision) is expected
    assert not runs_varlen("cpu", precision)


def test_budget_without_tokens_to_count_is_refused():
    tree = read_yaml(ROOT / "params.yaml")
    tree["models"]["minilm"]["finetune"] |= {"batch_tokens": 4096, "train": "head"}
    with pytest.raises(UserError, match="batch_tokens is 4096, but train: head trains on features"):
        params.parse(tree)


def test_budget_that_holds_no_text_is_refused():
    tree = read_yaml(ROOT / "params.yaml")
    tree["models"]["minilm"]["finetune"]["batch_tokens"] = 134
    with pytest.raises(
        UserError, match=r"models\.minilm\.finetune\.batch_tokens is 134; it must hold at least one text"
    ):
        params.parse(tree)
    tree["models"]["minilm"]["finetune"]["batch_tokens"] = 135
    assert params.parse(tree).models["minilm"].finetune.batch_tokens == 135


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16", False),
        ("vendor_id : AuthenticAMD\nflags : avx512f avx512_bf16", True),
        ("vendor_id : AuthenticAMD\nflags : avx2", False),
        ("", False),
    ],
)
def test_processors_that_were_measured_faster_train_in_bf16(cpuinfo, expected):
    assert device.is_fast_in_bf16(cpuinfo) is expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has this option")
@pytest.mark.parametrize("kept", [False, True])
def test_freed_memory_is_kept_for_the_next_tensor(kept):
    program = f"""
import torch
from pathlib import Path
from complaints.engine import device

def pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

if {kept}:
    device.keep_freed_memory()
before = pages()
block = torch.ones(50_000_000)
held = pages() - before
del block
print((pages() - before) / held)
"""
    done = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True)
    assert (float(done.stdout) > 0.9) == kept
