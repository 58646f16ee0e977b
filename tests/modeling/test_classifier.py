"""Classifiers of every backbone: pooling, padding, and saved folders that plain transformers loads."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import (
    DECODERS,
    ENCODERS,
    save_bert,
    save_llama,
    save_modernbert,
    save_qwen2,
)
from support.tiny_task import LABELS, backbone_in, model_params, run, tokenize

from complaints.backbones import pretrained, tokens
from complaints.backbones.tokenizer import load_tokenizer
from complaints.core.parquet import read_parquet
from complaints.engine import batches as engine_batches
from complaints.engine import distributed, inference
from complaints.modeling import classifier
from complaints.predicting.checkpoint import Predictor
from complaints.scoring.predictions import read_predictions

STOCK_DECODERS = [save_qwen2, save_llama]


BOTH_HEADS = [(make, "linear") for make in ENCODERS + DECODERS] + [
    (make, "stock") for make in ENCODERS + STOCK_DECODERS
]


def token_set(rows: list[list[int]]) -> tokens.TokenSet:
    offsets = np.cumsum([0] + [len(row) for row in rows])
    names = [str(i) for i in range(len(rows))]
    return tokens.TokenSet(names, np.concatenate(rows), offsets, np.zeros(len(rows), dtype=np.int64))


@pytest.mark.parametrize(("make", "head"), BOTH_HEADS)
def test_logits_do_not_depend_on_padding(tmp_path: Path, make: Callable[[Path], Path], head: str) -> None:
    backbone = backbone_in(make(tmp_path / "pretrained"))
    pooling = pretrained.resolve_pooling("auto", backbone, backbone)
    pad_id = load_tokenizer(backbone.folder).pad_token_id
    torch.manual_seed(1)
    model = classifier.build(backbone, head, pooling, LABELS).eval()
    random = np.random.default_rng(0)
    rows = [random.integers(5, 15, length) for length in random.integers(1, 40, 100)]
    rows[7][-1] = rows[8][-1] = pad_id  # within a text, the padding id is a token like any other
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
    assert padded.std(0).min() > 1e-4  # logits depend on the texts


def test_mean_pooling_ignores_padding() -> None:
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert classifier.pool(states, mask, "mean").item() == 2.0
    assert classifier.pool(states, mask, "cls").item() == 1.0


def test_last_pooling_takes_the_last_real_token_on_either_side() -> None:
    states = torch.arange(6.0).reshape(2, 3, 1)
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])
    assert classifier.pool(states, mask, "last").flatten().tolist() == [1.0, 5.0]


@pytest.mark.parametrize(("make", "head"), BOTH_HEADS)
def test_saved_folder_gives_the_predictions_again(workspace: Path, make: Callable[[Path], Path], head: str) -> None:
    backbone = backbone_in(make(workspace / "pretrained"))
    tokenize("net", backbone)
    run(model_params(backbone, head=head, head_start="random", epochs=1, batch_size=30))
    texts = read_parquet("data/splits/test.parquet")["text"].to_pylist()
    logits = read_predictions("predictions/net.parquet")["test"][1]
    np.testing.assert_allclose(Predictor(Path("models/net")).logits(texts), logits, atol=1e-5)


@pytest.mark.parametrize("truncation", ["end", "both"])
def test_long_texts_are_predicted_from_the_part_that_was_trained_on(workspace: Path, truncation: str) -> None:
    backbone = backbone_in(save_bert(workspace / "pretrained"))
    tokenize("net", backbone, 8, truncation)
    run(model_params(backbone, max_length=8, truncation=truncation, head_start="random", epochs=1))
    texts = read_parquet("data/splits/test.parquet")["text"].to_pylist()
    logits = read_predictions("predictions/net.parquet")["test"][1]
    np.testing.assert_allclose(Predictor(Path("models/net")).logits(texts), logits, atol=1e-5)
    start = [" ".join(text.split()[:6]) for text in texts]  # with two special tokens these are 8
    assert np.abs(Predictor(Path("models/net")).logits(start) - logits).max() > 1e-3


@pytest.mark.parametrize("make", STOCK_DECODERS)
def test_stock_decoder_loads_with_auto_classes_alone(workspace: Path, make: Callable[[Path], Path]) -> None:
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


@pytest.mark.parametrize(("head", "start"), [("linear", "random"), ("linear", "probe"), ("stock", "random")])
@pytest.mark.parametrize("make", [save_bert, save_modernbert])
def test_saved_folder_of_either_head_is_complete_and_without_pickle(
    workspace: Path, tmp_path: Path, make: Callable[[Path], Path], head: str, start: str
) -> None:
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


def test_stock_head_loads_with_auto_classes_alone(workspace: Path, tmp_path: Path) -> None:
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
