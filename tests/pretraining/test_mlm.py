"""Masked-language-model training: what is masked, what is trained, and that it can be stopped anywhere."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from support.tiny_models import ENCODERS, WORDS, save_llama
from support.tiny_task import LABELS, Killed, backbone_in, model_params, run, tokenize

from complaints.backbones.resolve import Backbone, file_digest
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.config import changed
from complaints.core.errors import UserError
from complaints.engine import loop
from complaints.modeling import classifier
from complaints.pretraining import mlm
from complaints.pretraining.params import MaskingParams, PretrainParams

OUT = Path("models/pretrained/net")
SPECIAL = range(5)


@pytest.fixture(scope="module")
def tokenizer(backbone):
    return load_tokenizer(backbone.folder)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlm, "CHECKPOINT_STEPS", 4)


def settings(backbone: Backbone, epochs: int = 3, **changes) -> PretrainParams:
    masking = {
        "epochs": epochs,
        "batch_size": 8,
        "accumulation": 1,
        "learning_rate": 3e-3,
        "mask_share": 0.15,
    } | changes
    return PretrainParams(backbone=backbone.spec, pretrain=MaskingParams(**masking), precision="fp32", seed=13)


def pretrain(backbone: Backbone, params: PretrainParams) -> dict:
    return mlm.pretrain(params, Path("data/tokens/net"), OUT, Path("scratch/pretrain/net"))


def digests() -> dict[str, str]:
    return {file.name: file_digest(file) for file in sorted(OUT.iterdir())}


def batch(rows: int, width: int, seed: int = 0) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(seed)
    ids = random.integers(5, len(WORDS), (rows, width))
    ids[:, 0], ids[:, -1] = 2, 3
    mask = np.arange(width) < random.integers(3, width + 1, (rows, 1))
    ids[~mask] = 0
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask.astype(np.int64))}


@given(st.integers(1, 8), st.integers(3, 20), st.integers(0, 99), st.floats(0.01, 0.9))
def test_special_tokens_and_padding_are_never_chosen_and_one_token_always_is(tokenizer, rows, width, seed, share):
    inputs = batch(rows, width, seed)
    hidden, chosen = mlm.mask_tokens(inputs, tokenizer, share, [seed, 0, 0])
    assert not torch.isin(inputs["input_ids"][chosen], torch.tensor(SPECIAL)).any()
    assert (inputs["attention_mask"][chosen] == 1).all()
    assert chosen.any()
    assert torch.equal(hidden[~chosen], inputs["input_ids"][~chosen])


def test_shares_are_those_of_bert(tokenizer):
    inputs = batch(400, 200)
    hidden, chosen = mlm.mask_tokens(inputs, tokenizer, 0.15, [1, 2, 3])
    eligible = ~torch.isin(inputs["input_ids"], torch.tensor(SPECIAL))
    count = int(chosen.sum())
    assert count / int(eligible.sum()) == pytest.approx(0.15, abs=0.01)
    masked = hidden[chosen] == tokenizer.mask_token_id
    same = hidden[chosen] == inputs["input_ids"][chosen]
    by_chance = 1 / len(WORDS)  # a random token may be the same one, or the mask
    assert int(masked.sum()) / count == pytest.approx(0.8 + 0.1 * by_chance, abs=0.02)
    assert int(same.sum()) / count == pytest.approx(0.1 + 0.1 * by_chance, abs=0.02)


def test_masks_are_a_function_of_their_place_alone_and_change_with_it(tokenizer):
    inputs = batch(8, 20)

    def draw(place: list[int]) -> torch.Tensor:
        return mlm.mask_tokens(inputs, tokenizer, 0.15, place)[0]

    first = draw([1, 0, 0])
    torch.manual_seed(99)
    assert torch.equal(draw([1, 0, 0]), first)
    assert not any(torch.equal(draw(place), first) for place in ([2, 0, 0], [1, 1, 0], [1, 0, 1]))


@pytest.mark.parametrize("make", ENCODERS)
def test_head_at_the_chosen_tokens_alone_gives_the_loss_of_the_whole(tmp_path, make):
    from transformers import AutoModelForMaskedLM

    backbone = backbone_in(make(tmp_path))
    tokenizer = load_tokenizer(backbone.folder)
    inputs = batch(8, 20)
    torch.manual_seed(3)
    model = classifier.load_pretrained(backbone.folder, AutoModelForMaskedLM).eval()
    hidden, chosen = mlm.mask_tokens(inputs, tokenizer, 0.3, [0])
    with torch.no_grad():
        whole = model(input_ids=hidden, attention_mask=inputs["attention_mask"]).logits[chosen]
        part = mlm.MaskedLanguageModel(model)(hidden, inputs["attention_mask"], chosen)
    assert part.shape == (int(chosen.sum()), len(WORDS))
    torch.testing.assert_close(part, whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", ENCODERS)
def test_it_learns_the_words_and_fine_tuning_begins_with_its_weights(workspace, make):
    backbone = backbone_in(make(workspace / "pretrained"))
    tokenize("net", backbone)
    record = pretrain(backbone, settings(backbone, epochs=4, learning_rate=1e-2))
    losses = [epoch["loss"] for epoch in record["epochs"]]
    assert losses[-1] < losses[0] - 0.1
    assert losses[-1] < math.log(len(WORDS) - len(SPECIAL))  # better than any guess among the words
    assert record["random_at_first"]  # the folder has no head for it
    stay = {"train": "frozen", "head_start": "probe"}
    run(model_params(backbone, **stay))
    tuned, made = load_file("models/net/model.safetensors"), load_file(OUT / "model.safetensors")
    before = load_file(backbone.folder / "model.safetensors")
    kept = {name for name in made if "pooler" not in name}
    assert all(torch.equal(tuned[name], made[name]) for name in kept)
    assert [name for name in kept if not torch.equal(made[name], before[name])]


@pytest.mark.parametrize("stop", [3, 9, 14, 24])
def test_stopped_at_any_step_it_ends_with_the_same_bytes(workspace, monkeypatch, backbone, stop):
    pretrain(backbone, settings(backbone))
    whole = digests()
    step, count = loop._train_step, 0

    def counted(*arguments):
        nonlocal count
        count += 1
        if count > stop:
            raise Killed
        return step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_step", counted)
        patch.setattr(mlm.Checkpoints, "discard", lambda self: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            pretrain(backbone, settings(backbone))
    steps = len(list(Path("scratch/pretrain/net").glob("*/step-*")))
    assert steps == min(2, stop // 4)
    pretrain(backbone, settings(backbone))
    assert digests() == whole
    assert not list(Path("scratch/pretrain/net").glob("*"))


def test_another_seed_or_rate_makes_other_weights(workspace, backbone):
    made = []
    for params in (
        settings(backbone),
        changed(settings(backbone), {"seed": 14}),
        settings(backbone, learning_rate=1e-3),
    ):
        pretrain(backbone, params)
        made.append(digests()["model.safetensors"])
    assert len(set(made)) == 3


def test_record_names_no_path_and_says_what_ran(workspace, backbone):
    pretrain(backbone, settings(backbone, epochs=1))
    record = json.loads((OUT / "pretraining.json").read_text())
    assert record["backbone"] == backbone.spec
    assert (record["precision"], record["train_rows"], len(record["epochs"])) == ("fp32", 60, 1)
    assert str(workspace) not in json.dumps(record)


def test_decoder_is_refused(workspace):
    backbone = backbone_in(save_llama(workspace / "llama"))
    tokenize("net", backbone)
    with pytest.raises(UserError, match=r"pretrain\.epochs is 3, but .* has no mask token"):
        pretrain(backbone, settings(backbone))


def test_pretrained_folder_loads_as_an_encoder_alone(workspace, backbone):
    from transformers import AutoModel, AutoTokenizer

    pretrain(backbone, settings(backbone, epochs=1))
    encoder, tokenizer = AutoModel.from_pretrained(OUT), AutoTokenizer.from_pretrained(OUT)
    assert encoder(**tokenizer(LABELS, padding=True, return_tensors="pt")).last_hidden_state.shape[0] == 3
    assert not any(name.startswith(("cls", "lm_head", "decoder")) for name in load_file(OUT / "model.safetensors"))
