"""Batches, probe, schedule, checkpoints and the loop, on a tiny model that learns in a second."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from support.tiny_models import WORDS, save_bert, save_modernbert, save_tokenizer
from support.tiny_task import LABELS, backbone_in, digests, finetune_until, model_params, run

from complaints.backbones import tokens
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.engine import batches as engine_batches
from complaints.engine import checkpoints, loop
from complaints.engine.device import one_line_device_errors, resolve_precision
from complaints.finetuning import linear_probe
from complaints.finetuning.optimizer import make_optimizer
from complaints.modeling import classifier
from complaints.predict import Predictor
from complaints.scoring.predictions import read_predictions


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=400), st.integers(1, 40), st.integers(0, 9), st.integers(0, 9)
)
@settings(deadline=None, max_examples=50)
def test_every_row_is_in_one_batch_of_an_epoch_whatever_the_order(lengths, size, seed, epoch):
    lengths = np.array(lengths)
    drawn = engine_batches.epoch_batches(lengths, size, seed, epoch)
    assert sorted(np.concatenate(drawn).tolist()) == list(range(len(lengths)))
    assert max(map(len, drawn)) <= size
    again = engine_batches.epoch_batches(lengths, size, seed, epoch)
    assert all((a == b).all() for a, b in zip(drawn, again, strict=True))


def test_batches_change_with_epoch_and_seed_and_waste_little_padding():
    lengths = np.random.default_rng(0).integers(5, 128, 4000)
    first = engine_batches.epoch_batches(lengths, 32, 1, 0)
    for other in (engine_batches.epoch_batches(lengths, 32, 1, 1), engine_batches.epoch_batches(lengths, 32, 2, 0)):
        assert not np.array_equal(np.concatenate(first), np.concatenate(other))
    computed = sum(lengths[rows].max() * len(rows) for rows in first)
    assert computed < 1.1 * lengths.sum()


def test_number_of_batches_is_that_of_the_schedule():
    for rows in (31, 32, 33, 32 * 32, 32 * 32 + 1, 5000):
        assert len(engine_batches.epoch_batches(np.ones(rows), 32, 0, 0)) == -(-rows // 32)


def test_norms_and_biases_do_not_decay_and_the_head_has_its_own_rate(backbone):
    model = classifier.build(backbone, "linear", "mean", LABELS)
    groups = make_optimizer(model, model_params(backbone, weight_decay=0.1).finetune.optimizer).param_groups
    decaying = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    heads = {id(p) for group in groups if group["peak_lr"] == 0.01 for p in group["params"]}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (id(parameter) in decaying) == (not name.endswith("bias") and "LayerNorm" not in name), name
            assert (id(parameter) in heads) == name.startswith("head."), name


class TestProbe:
    def test_matches_a_regression_on_standardised_features(self):
        random = np.random.default_rng(0)
        labels = random.integers(0, 4, 300)
        features = (np.eye(4)[labels] @ random.normal(size=(4, 8)) * 3 + random.normal(size=(300, 8)) + 5).astype("f4")
        features[:, 3] = 0.7  # a constant dimension
        weight, bias = linear_probe.fit_probe(features, labels, 4, 1.0)
        assert np.isfinite(weight).all()
        assert (weight[:, 3] == 0).all()
        assert ((features @ weight.T + bias).argmax(1) == labels).mean() > 0.9

    def test_class_without_a_row_is_never_the_answer(self):
        features = np.random.default_rng(0).normal(size=(60, 4)).astype("f4")
        labels = np.where(features[:, 0] > 0, 0, 2)
        weight, bias = linear_probe.fit_probe(features, labels, 4, 1.0)
        predicted = (features @ weight.T + bias).argmax(1)
        assert set(predicted) == {0, 2}
        assert (predicted == labels).mean() > 0.9


@pytest.mark.parametrize("stop", [3, 4, 5, 8, 9, 13, 17, 21, 24])
def test_stopped_at_any_step_it_ends_with_the_same_bytes(workspace, monkeypatch, backbone, stop):
    settings = model_params(backbone)
    run(settings)
    whole = digests()
    finetune_until(stop, monkeypatch, settings)
    assert list(Path("scratch/finetune/net").glob("*/step-*")) or stop <= 4
    run(settings)
    assert digests() == whole
    assert not list(Path("scratch/finetune/net").glob("*"))


def test_damaged_checkpoint_is_passed_over_for_the_one_before(workspace, monkeypatch, backbone, capsys):
    settings = model_params(backbone)
    run(settings)
    whole = digests()
    finetune_until(14, monkeypatch, settings)
    newest = sorted(Path("scratch/finetune/net").glob("*/step-*"))[-1]
    content = (newest / "model").read_bytes()
    (newest / "model").write_bytes(content[: len(content) // 2])
    run(settings)
    assert f"{newest.name} is damaged and skipped" in capsys.readouterr().err
    assert digests() == whole


def test_checkpoint_of_another_configuration_is_not_resumed(workspace, monkeypatch, backbone):
    finetune_until(14, monkeypatch, model_params(backbone))
    other = model_params(backbone, learning_rate=2e-3)
    run(other)
    resumed = digests()
    run(other)
    assert digests() == resumed
    assert Path("scratch/finetune/net").is_dir()  # the first one's checkpoints still wait


def test_it_learns_and_keeps_the_best_epoch(workspace, backbone):
    record = run(model_params(backbone, epochs=6))
    scores = [epoch["validation_macro_f1"] for epoch in record["epochs"]]
    assert max(scores) > 0.9
    assert scores[record["best_epoch"]] == max(scores)
    truth = read_parquet("data/splits/validation.parquet")["label_id"].to_numpy()
    logits = read_predictions("predictions/net.parquet")["validation"][1]
    accuracy = (logits.argmax(1) == truth).mean()
    assert accuracy == pytest.approx(record["epochs"][record["best_epoch"]]["validation_accuracy"])


def test_bad_training_does_not_lose_a_good_start(workspace, backbone):
    record = run(model_params(backbone, head_start="probe", learning_rate=0.5, head_learning_rate=5.0, epochs=2))
    assert record["best_epoch"] == 0


def test_a_random_head_is_never_the_best_epoch(workspace, backbone):
    rates = {"learning_rate": 1e-12, "head_learning_rate": 1e-12}
    record = run(model_params(backbone, head_start="random", epochs=2, **rates))
    scores = [epoch["validation_macro_f1"] for epoch in record["epochs"]]
    assert scores[0] >= max(scores[1:])
    assert record["best_epoch"] == 1


def test_training_stops_after_epochs_without_gain(workspace, backbone):
    settings = model_params(backbone, epochs=9, patience=2, learning_rate=1e-12, head_learning_rate=1e-12)
    assert [epoch["epoch"] for epoch in run(settings)["epochs"]] == [0, 1, 2]


def test_tokens_of_another_tokenizer_are_refused(workspace, backbone, tmp_path):
    other = save_bert(tmp_path / "other")
    save_tokenizer(other, [*WORDS[:5], *reversed(WORDS[5:])])
    with pytest.raises(UserError, match="was made by another tokenizer"):
        run(model_params(backbone_in(other)))


@pytest.mark.parametrize(("head", "start"), [("linear", "random"), ("linear", "probe"), ("stock", "random")])
@pytest.mark.parametrize("make", [save_bert, save_modernbert])
def test_saved_folder_gives_the_predictions_again(workspace, tmp_path, make, head, start):
    backbone = backbone_in(make(tmp_path / "pretrained"))
    run(model_params(backbone, head=head, head_start=start, epochs=1))
    row_ids, logits = read_predictions("predictions/net.parquet")["test"]
    table = read_parquet("data/splits/test.parquet")
    assert row_ids == table["row_id"].to_pylist()
    predictor = Predictor(Path("models/net"))
    assert predictor.labels == LABELS
    np.testing.assert_allclose(predictor.logits(table["text"].to_pylist()), logits, atol=1e-5)
    names = {file.name for file in Path("models/net").iterdir()}
    assert {"model.safetensors", "tokenizer.json", "config.json", "training.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]


def test_stock_head_loads_with_auto_classes_alone(workspace, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    run(
        model_params(backbone_in(save_modernbert(tmp_path / "pretrained")), head="stock", head_start="random", epochs=1)
    )
    model = AutoModelForSequenceClassification.from_pretrained("models/net").eval()
    table = read_parquet("data/splits/test.parquet")
    batch = AutoTokenizer.from_pretrained("models/net")(table["text"].to_pylist(), padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    np.testing.assert_allclose(logits.numpy(), read_predictions("predictions/net.parquet")["test"][1], atol=1e-5)
    assert [model.config.id2label[i] for i in range(3)] == LABELS


def test_evaluation_is_without_dropout(workspace, backbone):
    run(model_params(backbone, epochs=1))
    predictor = Predictor(Path("models/net"))
    texts = ["the bank card", "late fee"]
    assert np.array_equal(predictor.logits(texts), predictor.logits(texts))


def test_mean_pooling_ignores_padding():
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert classifier.pool(states, mask, "mean").item() == 2.0
    assert classifier.pool(states, mask, "cls").item() == 1.0


def test_tokens_are_cut_counted_and_never_padded(workspace, backbone):
    meta = json.loads(Path("data/tokens/net/meta.json").read_text())["splits"]["train"]
    train = tokens.read_tokens(Path("data/tokens/net/train.parquet"))
    assert (meta["rows"], meta["truncated"], meta["longest"]) == (60, 0, int(train.lengths.max()))
    assert meta["tokens"] == len(train.ids) == train.offsets[-1]
    target = Path("cut.parquet")
    counts = tokens.tokenize_split(
        load_tokenizer(backbone.folder), Path("data/splits/train.parquet"), target, max_length=8
    )
    assert counts["truncated"] == 60
    assert tokens.read_tokens(target).lengths.max() == 8
    padded = engine_batches.padded(train, np.array([0, 5]), 0, torch.device("cpu"))
    assert (padded["attention_mask"].sum(1).numpy() == train.lengths[[0, 5]]).all()


def test_checkpoint_without_its_marker_does_not_count(tmp_path, backbone):
    model = classifier.build(backbone, "linear", "mean", LABELS)
    optimizer = torch.optim.AdamW(model.parameters())
    kept = checkpoints.Checkpoints(tmp_path, "x" * 64)
    kept.save(checkpoints.Progress(step=1), model, optimizer, None)
    (kept.folder / "step-00000001" / "state.json").unlink()
    assert kept.resume(model, optimizer, None) is None
    assert load_file(kept.folder / "step-00000001" / "model")


def fill_memory(*_):
    torch.empty(2**60)


def fill_gpu(*_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def add_in_any_order(*_):
    torch.use_deterministic_algorithms(True)
    try:
        torch.zeros(2).put_(torch.tensor([0, 0]), torch.ones(2))
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (fill_memory, "^memory is full; raise finetune.accumulation .*, then run this again$"),
        (
            fill_gpu,
            "^the GPU's memory is full; raise finetune.accumulation .* or lower finetune.batch_tokens or max_length, then run",
        ),
        (add_in_any_order, "^torch has no deterministic form of put_, which this model needs, on this GPU"),
    ],
)
def test_what_the_hardware_cannot_do_is_one_line(workspace, monkeypatch, backbone, step, said):
    settings = model_params(backbone)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_step", step)
        with pytest.raises(UserError, match=said) as raised:
            run(settings)
    assert "\n" not in str(raised.value)
    assert not Path("models/net").exists()


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), one_line_device_errors("lower it"):
        torch.ones(2, 3) @ torch.ones(2, 3)


@pytest.mark.parametrize(("asked", "device", "expected"), [("fp32", "cpu", "fp32"), ("bf16", "cuda", "bf16")])
def test_precision_that_is_asked_for_is_taken(asked, device, expected):
    assert resolve_precision(asked, device) == expected


def test_half_precision_on_a_processor_is_refused():
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        resolve_precision("fp16", "cpu")


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_bf16_only_on_gpus_that_do_it_well(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_precision("auto", "cuda") == expected
