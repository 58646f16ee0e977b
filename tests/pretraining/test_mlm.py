"""Masked-language-model training: losses, divergence, resume after a kill, distributed processes, record."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.launch import ALONE, TORCHRUN, launch, write_params
from support.tiny_models import ENCODERS, WORDS, save_llama
from support.tiny_task import LABELS, Killed, backbone_in, kill_after, model_params, run, tokenize

from complaints.backbones.resolve import Backbone
from complaints.core.config import changed
from complaints.core.errors import UserError
from complaints.core.files import file_digest, read_json
from complaints.engine import loop
from complaints.engine.checkpoints import Progress
from complaints.engine.divergence import DIVERGED
from complaints.pretraining import mlm
from complaints.pretraining.params import MaskingParams, PretrainParams

OUT = Path("models/pretrained/net")
SCRATCH = Path("scratch/pretrain/net")
SPECIAL = range(5)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlm, "CHECKPOINT_STEPS", 4)


def settings(backbone: Backbone, epochs: int = 3, **changes: Any) -> PretrainParams:
    masking = {
        "epochs": epochs,
        "batch_size": 8,
        "accumulation": 1,
        "learning_rate": 3e-3,
        "mask_share": 0.15,
    } | changes
    return PretrainParams(
        backbone=backbone.spec, pretrain=MaskingParams(**masking), numerics="fast", precision="fp32", seed=13
    )


def pretrain(backbone: Backbone, params: PretrainParams) -> dict[str, Any]:
    return mlm.pretrain(params, Path("data/tokens/net"), OUT, SCRATCH)


def digests() -> dict[str, str]:
    return {file.name: file_digest(file) for file in sorted(OUT.iterdir())}


@pytest.mark.parametrize("make", ENCODERS)
def test_training_learns_the_words_and_fine_tuning_begins_with_its_weights(
    workspace: Path, make: Callable[[Path], Path]
) -> None:
    backbone = backbone_in(make(workspace / "pretrained"))
    tokenize("net", backbone)
    record = pretrain(backbone, settings(backbone, epochs=4, learning_rate=1e-2))
    losses = [epoch["loss"] for epoch in record["epochs"]]
    assert losses[-1] < losses[0] - 0.1
    assert losses[-1] < math.log(len(WORDS) - len(SPECIAL))  # better than a uniform prediction of the words
    assert record["random_at_first"]  # the backbone has no masked-language-model head
    stay = {"train": "frozen", "head_start": "probe"}
    run(model_params(backbone, **stay))
    tuned, made = load_file("models/net/model.safetensors"), load_file(OUT / "model.safetensors")
    before = load_file(backbone.folder / "model.safetensors")
    kept = {name for name in made if "pooler" not in name}
    assert all(torch.equal(tuned[name], made[name]) for name in kept)
    assert [name for name in kept if not torch.equal(made[name], before[name])]


def train_and_read(
    monkeypatch: pytest.MonkeyPatch, backbone: Backbone, params: PretrainParams
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Train and return the loss of each step and the weights."""
    train, histories = loop.train, []

    def recorded(training: loop.Training) -> Progress:
        histories.append(train(training))
        return histories[-1]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train", recorded)
        pretrain(backbone, params)
    return [row["loss"] for row in histories[0].steps], load_file(OUT / "model.safetensors")


def test_micro_batches_add_up_to_the_step(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone_without_dropout: Backbone
) -> None:
    backbone = backbone_without_dropout
    expected_losses, expected = train_and_read(monkeypatch, backbone, settings(backbone))
    losses, weights = train_and_read(monkeypatch, backbone, settings(backbone, accumulation=3))
    assert len(losses) == 3 * 8
    np.testing.assert_allclose(losses, expected_losses, atol=1e-5)
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, atol=1e-4, rtol=0)


def checkpoints() -> list[Path]:
    return sorted(SCRATCH.glob("*/step-*"))


def test_rate_that_diverges_stops_with_one_line_and_keeps_the_checkpoints(workspace: Path, backbone: Backbone) -> None:
    params = settings(backbone, epochs=40, learning_rate=3.0)
    with pytest.raises(UserError) as error:
        pretrain(backbone, params)
    message = str(error.value)
    assert message.startswith("training has diverged: at step ")
    assert "lower pretrain.learning_rate (3), or set precision: fp32; earlier checkpoints stay in scratch/" in message
    assert "\n" not in message
    assert not OUT.exists()
    kept = checkpoints()
    assert kept
    assert str(kept[0].parent) in message
    losses = [step["loss"] for step in read_json(kept[-1] / "state.json")["state"]["progress"]["steps"]]
    assert max(losses) < DIVERGED * math.log(len(WORDS))

    with pytest.raises(UserError) as again:
        pretrain(backbone, params)
    assert str(again.value) == message
    pretrain(backbone, settings(backbone))
    assert OUT.is_dir()
    assert checkpoints() == kept


@pytest.mark.parametrize("stop", [3, 9, 14, 24])
def test_training_killed_after_any_step_resumes_with_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone, stop: int
) -> None:
    pretrain(backbone, settings(backbone))
    expected = digests()
    kill_after(stop, monkeypatch, lambda: pretrain(backbone, settings(backbone)))
    assert len(checkpoints()) == min(2, (stop - 1) // 4)
    pretrain(backbone, settings(backbone))
    assert digests() == expected
    assert not list(SCRATCH.glob("*"))


def test_training_resumes_in_the_middle_of_an_epoch_with_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    params = settings(backbone, accumulation=2)
    pretrain(backbone, params)
    expected = digests()
    kill_after(14, monkeypatch, lambda: pretrain(backbone, params))
    progress = read_json(checkpoints()[-1] / "state.json")["state"]["progress"]
    assert (progress["epoch"], progress["batch"], progress["step"]) == (1, 4, 12)
    step, positions = loop._train_step, []

    def recorded(run: Any, prepared: Any, batch: Any, position: tuple[int, int]) -> Any:
        positions.append(position)
        return step(run, prepared, batch, position)

    monkeypatch.setattr(loop, "_train_step", recorded)
    pretrain(backbone, params)
    assert positions == [*((1, batch) for batch in range(4, 8)), *((2, batch) for batch in range(8))]
    assert digests() == expected


def test_training_killed_between_output_and_end_writes_the_same_bytes(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
) -> None:
    def kill(_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mlm.Checkpoints, "discard", kill)
        with pytest.raises(Killed):
            pretrain(backbone, settings(backbone))
    expected = digests()
    assert len(checkpoints()) == 2
    pretrain(backbone, settings(backbone))
    assert digests() == expected
    assert not list(SCRATCH.glob("*"))


@pytest.mark.slow
def test_two_processes_have_the_weights_of_one_and_write_once(workspace: Path, backbone: Backbone) -> None:
    weights = {}
    for launcher, accumulation in ((ALONE, 2), (TORCHRUN, 1)):
        masking = settings(backbone, accumulation=accumulation).pretrain.model_dump()
        write_params(model_params(backbone), pretrain=masking)
        done = launch(launcher, "pretrain")
        assert done.returncode == 0, done.stderr
        assert [line for line in done.stderr.splitlines() if line.endswith(f" writes {OUT}")] == [
            f"rank 0 writes {OUT}"
        ]
        assert "rank 1 writes" not in done.stderr
        assert not list(SCRATCH.glob("*"))
        weights[accumulation] = load_file(OUT / "model.safetensors")
    record = read_json(OUT / "pretraining.json")
    assert record["processes"] == 2
    assert [row["step"] for row in record["epochs"]] == [8, 16, 24]
    before = load_file(backbone.folder / "model.safetensors")
    for name, tensor in weights[2].items():
        torch.testing.assert_close(weights[1][name], tensor, atol=1e-4, rtol=0)
    assert any((weights[2][name] - before[name]).abs().max() > 1e-2 for name in weights[2])


def test_another_seed_or_rate_has_other_weights(workspace: Path, backbone: Backbone) -> None:
    made = []
    for params in (
        settings(backbone),
        changed(settings(backbone), {"seed": 14}),
        settings(backbone, learning_rate=1e-3),
    ):
        pretrain(backbone, params)
        made.append(digests()["model.safetensors"])
    assert len(set(made)) == 3


def test_training_with_a_new_head_is_silent(
    workspace: Path, backbone: Backbone, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    pretrain(backbone, settings(backbone, epochs=1))
    run(model_params(backbone, epochs=1, head="stock", head_start="random"))
    run(model_params(backbone, epochs=1, train="lora"))
    captured = capfd.readouterr()
    assert "LOAD REPORT" not in captured.out + captured.err
    assert "Warning" not in captured.out + captured.err
    assert [warning.message for warning in recwarn.list if issubclass(warning.category, FutureWarning)] == []


def test_record_has_the_run_and_no_path(workspace: Path, backbone: Backbone) -> None:
    pretrain(backbone, settings(backbone, epochs=1))
    record = json.loads((OUT / "pretraining.json").read_text())
    assert record["backbone"] == backbone.spec
    assert (record["precision"], record["train_rows"], len(record["epochs"])) == ("fp32", 60, 1)
    assert str(workspace) not in json.dumps(record)


def test_decoder_is_refused(workspace: Path) -> None:
    backbone = backbone_in(save_llama(workspace / "llama"))
    tokenize("net", backbone)
    with pytest.raises(UserError, match=r"pretrain\.epochs is 3, but .* has no mask token"):
        pretrain(backbone, settings(backbone))


def test_pretrained_folder_loads_as_an_encoder_alone(workspace: Path, backbone: Backbone) -> None:
    from transformers import AutoModel, AutoTokenizer

    pretrain(backbone, settings(backbone, epochs=1))
    encoder, tokenizer = AutoModel.from_pretrained(OUT), AutoTokenizer.from_pretrained(OUT)
    assert encoder(**tokenizer(LABELS, padding=True, return_tensors="pt")).last_hidden_state.shape[0] == 3
    assert not any(name.startswith(("cls", "lm_head", "decoder")) for name in load_file(OUT / "model.safetensors"))
