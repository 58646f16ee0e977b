"""Trainable parameters are those that `train` and `freeze_layers` select, and the result loads without this project."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from support.tiny_models import DECODERS, ENCODERS, save_albert
from support.tiny_task import LABELS, backbone_in, digests, finetune_until, model_params, run, tokenize

from complaints.backbones import tokens
from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.parquet import read_parquet
from complaints.finetuning import trainable
from complaints.finetuning.params import LoraParams, ModelParams
from complaints.modeling import classifier
from complaints.predicting.checkpoint import Predictor
from complaints.scoring.predictions import read_predictions

NET = Path("models/net")


def changed(before: Path, after: Path) -> set[str]:
    """Return the names of the tensors that differ between two models with the same names."""
    old, new = load_file(before / "model.safetensors"), load_file(after / "model.safetensors")
    assert old.keys() == new.keys()
    return {name for name in old if not torch.equal(old[name], new[name])}


def texts_of_test() -> list[str]:
    return read_parquet("data/splits/test.parquet")["text"].to_pylist()


def logits_of_test(name: str = "net") -> np.ndarray:
    return read_predictions(f"predictions/{name}.parquet")["test"][1]


def assert_reloads(name: str = "net") -> None:
    np.testing.assert_allclose(
        Predictor(Path("models") / name).logits(texts_of_test()), logits_of_test(name), atol=1e-5
    )


def numbers(folder: Path, *parts: str) -> int:
    """Return the number of elements of the tensors whose names contain one of `parts`."""
    tensors = load_file(folder / "model.safetensors")
    return sum(tensor.numel() for name, tensor in tensors.items() if any(part in name for part in parts))


HEAD_NUMBERS = 16 * 3 + 3


# Weak initial weights, so that the best epoch is after training.
LEARNS = {"head_start": "probe", "probe_c": 1e-6, "epochs": 8, "learning_rate": 1e-2, "patience": 8}


class TestFreezeLayers:
    def test_embeddings_and_lowest_layers_stay_and_all_others_are_trained(
        self, workspace: Path, backbone: Backbone
    ) -> None:
        record = run(model_params(backbone, freeze_layers=1, **LEARNS))
        names = set(load_file(NET / "model.safetensors"))
        assert changed(backbone.folder, NET) == {name for name in names if name.startswith("encoder.layer.1.")}
        assert record["parameters"]["trainable"] == numbers(backbone.folder, "encoder.layer.1.") + HEAD_NUMBERS
        assert record["parameters"]["total"] == numbers(backbone.folder, "") + HEAD_NUMBERS
        assert_reloads()

    @pytest.mark.parametrize("make", [make for make in ENCODERS + DECODERS if make is not save_albert])
    def test_layers_of_every_model_type_are_frozen(self, tmp_path: Path, make: Callable[[Path], Path]) -> None:
        model = classifier.build(backbone_in(make(tmp_path)), "linear", "mean", LABELS)
        trainable.freeze_layers(model.encoder, 1)
        free = {name for name, parameter in model.encoder.named_parameters() if parameter.requires_grad}
        assert free
        assert all(
            ".1." in name or name.startswith("layers.1.") or name.split(".")[0].endswith("norm") for name in free
        )
        trainable.freeze_layers(model.encoder, 2)
        assert {name.split(".")[0] for name, p in model.encoder.named_parameters() if p.requires_grad} <= {
            "norm",
            "final_norm",
        }

    def test_more_layers_than_the_encoder_has_are_refused(self, tmp_path: Path, backbone: Backbone) -> None:
        with pytest.raises(UserError, match="freeze_layers: 3 cannot be frozen, the encoder has 2 layers"):
            trainable.freeze_layers(classifier.build(backbone, "linear", "mean", LABELS).encoder, 3)
        albert = classifier.build(backbone_in(save_albert(tmp_path)), "linear", "mean", LABELS)
        with pytest.raises(UserError, match="layers that share their weights"):
            trainable.freeze_layers(albert.encoder, 1)


def lora_params(backbone: Backbone, **changes: Any) -> ModelParams:
    lora = LoraParams(rank=2, alpha=8, dropout=0.1, targets=changes.pop("targets", None))
    return model_params(backbone, train="lora", lora=lora, **{**LEARNS, "learning_rate": 0.02, **changes})


class TestLora:
    def test_only_target_matrices_change_and_numbers_are_counted(self, workspace: Path, backbone: Backbone) -> None:
        record = run(lora_params(backbone, targets=("query", "value")))
        weights = {
            f"encoder.layer.{layer}.attention.self.{part}.weight" for layer in (0, 1) for part in ("query", "value")
        }
        assert changed(backbone.folder, NET) == weights
        assert record["parameters"]["trainable"] == 4 * 2 * (16 + 16) + HEAD_NUMBERS
        assert record["parameters"]["total"] == numbers(backbone.folder, "") + record["parameters"]["trainable"]

    def test_without_targets_every_linear_layer_but_the_pooler_changes(
        self, workspace: Path, backbone: Backbone
    ) -> None:
        record = run(lora_params(backbone))
        assert record["epochs"][-1]["train_loss"] < 0.8 * record["epochs"][1]["train_loss"]
        names = set(load_file(NET / "model.safetensors"))
        linear = {n for n in names if n.startswith("encoder.") and n.endswith("weight") and "LayerNorm" not in n}
        assert changed(backbone.folder, NET) == linear

    @pytest.mark.parametrize("head", ["linear", "stock"])
    @pytest.mark.parametrize("make", [*ENCODERS, *DECODERS[:2]])
    def test_merged_model_and_adapters_over_the_backbone_give_the_same_logits(
        self, tmp_path: Path, make: Callable[[Path], Path], head: str
    ) -> None:
        from peft import PeftModel

        backbone = backbone_in(make(tmp_path / "pretrained"))
        inputs = {"input_ids": torch.randint(5, 15, (8, 12)), "attention_mask": torch.ones(8, 12, dtype=torch.int64)}
        model, plain = (classifier.build(backbone, head, "mean", LABELS).eval() for _ in range(2))
        for at_start, copied in zip(model.parameters(), plain.parameters(), strict=True):
            copied.data.copy_(at_start)  # equal random heads
        adapted = trainable.add_adapters(model.encoder, LoraParams(rank=2, alpha=8, dropout=0.1, targets=None))
        with torch.inference_mode():
            before = plain(**inputs)
            assert torch.allclose(model(**inputs), before, atol=1e-6)  # initial adapters do not change the outputs
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.3)
        with torch.inference_mode():
            unmerged = model.eval()(**inputs)
        trainable.merge_adapters(adapted, "base").save(tmp_path / "adapter")
        PeftModel.from_pretrained(plain.encoder, tmp_path / "adapter")
        with torch.inference_mode():
            merged, reloaded = model(**inputs), plain.eval()(**inputs)
        assert (unmerged - before).abs().max() > 1e-3
        torch.testing.assert_close(merged, unmerged, atol=1e-5, rtol=0)
        torch.testing.assert_close(reloaded, unmerged, atol=1e-5, rtol=0)
        assert not [name for name, _ in model.named_parameters() if "lora" in name]

    def test_bytes_are_the_same_from_process_to_process_and_name_no_path(
        self, workspace: Path, backbone: Backbone
    ) -> None:
        run(lora_params(backbone, epochs=1))
        config = json.loads((NET / "adapter/adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == backbone.spec
        assert config["target_modules"] == sorted(config["target_modules"])
        assert sorted(file.name for file in (NET / "adapter").iterdir()) == [
            "adapter_config.json",
            "adapter_model.safetensors",
        ]

    def test_killed_training_resumes_with_the_same_bytes(
        self, workspace: Path, monkeypatch: pytest.MonkeyPatch, backbone: Backbone
    ) -> None:
        settings = lora_params(backbone)
        run(settings)
        expected = digests()
        assert "models/net/adapter/adapter_model.safetensors" in expected
        finetune_until(14, monkeypatch, settings)
        checkpoint = sorted(Path("scratch/finetune/net").glob("*/step-*"))[-1]
        assert not [name for name in load_file(checkpoint / "model") if "base_layer" in name]
        run(settings)
        assert digests() == expected

    def test_unknown_target_is_refused_with_one_line(self, workspace: Path, backbone: Backbone) -> None:
        with pytest.raises(UserError, match=r"lora\.targets: .*q_prj") as error:
            run(lora_params(backbone, targets=("q_prj",)))
        assert "\n" not in str(error.value)


class TestFrozen:
    def test_head_is_logistic_regression_on_the_features_and_the_encoder_stays(
        self, workspace: Path, backbone: Backbone
    ) -> None:
        record = run(model_params(backbone, train="frozen", probe_c=1.0))
        assert changed(backbone.folder, NET) == set()
        assert record["parameters"]["trainable"] == HEAD_NUMBERS
        assert [epoch["epoch"] for epoch in record["epochs"]] == [0]
        train, test = (np.load(f"data/features/net/{split}.npy") for split in ("train", "test"))
        labels = tokens.read_tokens(Path("data/tokens/net/train.parquet")).labels
        mean, deviation = train.mean(0), train.std(0)
        regression = LogisticRegression(C=1.0, max_iter=500, tol=1e-3).fit((train - mean) / deviation, labels)
        expected = regression.decision_function((test - mean) / deviation)
        np.testing.assert_allclose(logits_of_test(), expected, atol=1e-3)
        assert_reloads()


class TestHead:
    def test_encoder_is_that_of_the_initial_weights_and_the_head_is_new(
        self, workspace: Path, backbone: Backbone
    ) -> None:
        run(model_params(backbone))
        tokenize("balanced", backbone)
        settings = model_params(
            backbone,
            train="head",
            weights="models/net",
            head_start="random",
            epochs=20,
            patience=20,
            sampling="class_aware",
        )
        record = run(settings, "balanced")
        assert changed(NET, Path("models/balanced")) == set()
        assert changed(backbone.folder, NET)
        assert (
            load_file(NET / "head.safetensors")["weight"]
            .ne(load_file("models/balanced/head.safetensors")["weight"])
            .all()
        )
        assert record["parameters"]["trainable"] == HEAD_NUMBERS
        assert record["epochs"][record["best_epoch"]]["validation_macro_f1"] > 0.8
        assert_reloads("balanced")
        first = digests("balanced")
        run(settings, "balanced")
        assert digests("balanced") == first
