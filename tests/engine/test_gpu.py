"""On a GPU: torch's attention over packed rows, and the same bytes from the same seed."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from support.random_encoders import CONFIGS, build, rows
from support.tiny_models import save_bert, save_modernbert
from support.tiny_task import backbone_in, digests, finetune_until, model_params, run, tokenize, write_splits

from complaints.modeling import attention
from complaints.modeling.attention import runs_varlen

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
WIDE_HEADS = {"hidden_size": 64, "dim": 64, "intermediate_size": 96, "hidden_dim": 96}


def wide(name: str) -> hf.PreTrainedConfig:
    """Return the configuration with heads of a width that the kernel accepts."""
    config = copy.deepcopy(CONFIGS[name])
    for key, value in WIDE_HEADS.items():
        if key in config.to_dict():
            setattr(config, key, value)
    if getattr(config, "head_dim", None):
        config.head_dim = 16
    config.use_cache = False
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_kernel_gives_the_states_and_gradients_of_a_padded_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not runs_varlen("cuda", "bf16"):
        pytest.skip("this GPU, or this torch, has no attention over rows of any length")
    calls = []
    kernel = attention.varlen_kernel()
    assert kernel is not None

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return kernel(*arguments, **named)

    monkeypatch.setattr(attention, "varlen_kernel", lambda: counted)
    plain = build(hf.AutoModel, wide(name)).cuda()
    padded, packed = copy.deepcopy(plain), copy.deepcopy(plain)
    attention.skip_padding(packed)
    inputs = {key: value.cuda() for key, value in rows(plain.config).items()}
    real = inputs["attention_mask"].bool()
    weights = torch.randn(64, generator=torch.Generator().manual_seed(2)).cuda() / 8
    results = []
    for encoder in (plain, padded, packed):
        with torch.autocast("cuda", torch.bfloat16, enabled=encoder is not plain):
            states = encoder(**inputs).last_hidden_state.float()
        (states[real] @ weights).square().sum().backward()
        gradients = torch.cat([p.grad.flatten() for p in encoder.parameters() if p.grad is not None])
        results.append((states[real].detach(), gradients))
    assert len(calls) == plain.config.num_hidden_layers
    for exact, half, own in zip(*results, strict=True):
        # The error of packed rows may not exceed that of half precision.
        error, allowed = ((other - exact).norm() / exact.norm() for other in (own, half))
        assert error < 2 * allowed + 0.01, f"{error} against {allowed}"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_heads_too_narrow_for_the_kernel_are_computed_without_it(precision: str) -> None:
    plain = build(hf.AutoModel, CONFIGS["bert"]).cuda()
    packed = copy.deepcopy(plain)
    attention.skip_padding(packed)
    inputs = {key: value.cuda() for key, value in rows(plain.config).items()}
    with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
        states = [encoder(**inputs).last_hidden_state.float() for encoder in (plain, packed)]
    real = inputs["attention_mask"].bool()
    tolerance = 0.1 if precision == "bf16" else 1e-5
    torch.testing.assert_close(states[1][real], states[0][real], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("packing", ["auto", "never"])
@pytest.mark.parametrize("save", [save_bert, save_modernbert])
def test_same_seed_has_the_same_bytes_with_and_without_a_resume(
    save: Callable[[Path], Path], packing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    backbone = backbone_in(save(tmp_path / "backbone"))
    write_splits()
    tokenize("net", backbone)
    settings = model_params(backbone, precision="bf16", packing=packing, head_start="random")
    record = run(settings)
    assert record["device"] != "cpu"
    assert record["packed"] == (packing == "auto")
    expected = digests()
    run(settings)
    assert digests() == expected
    finetune_until(13, monkeypatch, settings)
    assert list(Path("scratch/finetune/net").glob("*/step-*"))
    run(settings)
    assert digests() == expected
