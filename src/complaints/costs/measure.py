"""Cost of one model's predictions, measured in the process that calls it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from complaints.core import paths
from complaints.core.columns import blank_texts
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.costs.hardware import describe_machine, peak_memory
from complaints.predicting.choice import ModelChoice, Part
from complaints.predicting.labels import label_columns
from complaints.predicting.predictors import Decider, load

WARM_UP = 20
"""Single texts before the first that counts: the first calls allocate memory and choose kernels."""
SINGLES = 200
"""Single texts that count; the 95th percentile is then the eleventh slowest."""
ROUNDS = 3
"""Rounds over all texts; the median counts."""
CORPUS = 64_000
"""Complaints whose time is given beside the throughput."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Request:
    """A model to measure."""

    name: str
    choice: ModelChoice
    precision: str
    """The option of `complaints predict`."""
    texts: int
    """Texts of a round, at most."""


def held_out_texts(count: int) -> list[str]:
    """Return an even sample of the test split's texts that are not blank, at most `count`, in the order of the split.

    Raises:
        UserError: if the split is missing or has no text.
    """
    column = read_parquet(paths.SPLITS / "test.parquet", columns=["text"])["text"].combine_chunks()
    texts = [text for text, blank in zip(column.to_pylist(), blank_texts(column).to_pylist(), strict=True) if not blank]
    if not texts:
        raise UserError(f"{paths.SPLITS / 'test.parquet'} has no texts to measure with; raise split.test_fraction")
    return [texts[i] for i in np.unique(np.linspace(0, len(texts) - 1, min(count, len(texts))).astype(int))]


def label(model: Decider, texts: list[str]) -> None:
    """Do what `complaints predict` does with texts: tokens, logits, labels and probabilities."""
    label_columns(model.labels, model.decide(texts), np.zeros(len(texts), bool))


def latency(model: Decider, texts: list[str], clock: Clock = time.perf_counter) -> dict[str, Any]:
    """Return the percentiles of the time from a single text to its labels, in milliseconds.

    Args:
        model: The model.
        texts: The texts, used again from the first if they are fewer than WARM_UP + SINGLES.
        clock: Returns seconds.
    """
    times = []
    for number in range(WARM_UP + SINGLES):
        start = clock()
        label(model, [texts[number % len(texts)]])
        times.append(clock() - start)
    p50, p95 = np.percentile(times[WARM_UP:], [50, 95]) * 1000
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3), "texts": SINGLES}


def throughput(model: Decider, texts: list[str], clock: Clock = time.perf_counter) -> dict[str, Any]:
    """Return texts per second when all are given at once: the median of ROUNDS rounds, and the slowest and fastest."""
    rates = []
    for _ in range(ROUNDS):
        start = clock()
        label(model, texts)
        rates.append(len(texts) / (clock() - start))
    slowest, median, fastest = np.percentile(rates, [0, 50, 100])
    return {
        "texts_per_second": round(float(median), 3),
        "slowest": round(float(slowest), 3),
        "fastest": round(float(fastest), 3),
        f"minutes_for_{CORPUS}": round(CORPUS / float(median) / 60, 3),
        "texts": len(texts),
        "rounds": ROUNDS,
    }


def _compute(model: Any, kind: str) -> dict[str, Any]:
    """Return the device, its precision and the number of threads that compute the predictions."""
    if kind == "tfidf":
        return {"device": "cpu", "precision": "fp32", "threads": 1}
    import torch

    from complaints.engine.device import describe_device

    accelerator = getattr(model, "accelerator", None)  # a runtime other than torch has none, and takes the processor
    return {
        "device": describe_device(accelerator.device.type if accelerator else "cpu"),
        "precision": model.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _parameters(model: Any, part: Part) -> dict[str, int]:
    """Return the number of parameters, and of those that were trained."""
    if part.kind == "tfidf":
        legs = [pipeline[-1] for pipeline in model.model.pipelines.values()]
        total = sum(int(leg.coef_.size + leg.intercept_.size) for leg in legs)
        return {"total": total, "trained": total}
    counted = read_json(part.folder / "training.json")["parameters"]
    return {"total": counted["total"], "trained": counted["trainable"]}


def _gpu_memory(device: str) -> int | None:
    """Return the largest memory of the GPU that this process used so far, in bytes; None on a processor."""
    if device == "cpu":
        return None
    import torch

    return int(torch.cuda.max_memory_allocated())


def measure(request: Request) -> dict[str, Any]:
    """Return the cost of a model's predictions; the peak memory is that of this process, which does nothing else.

    Raises:
        UserError: if the model cannot be loaded, or there are no texts.
    """
    texts = held_out_texts(request.texts)
    start = time.perf_counter()
    decider = load(request.choice, request.precision)
    loaded = time.perf_counter() - start
    (part,), (model,) = request.choice.parts.values(), decider.parts.values()
    compute = _compute(model, part.kind)
    measured = {
        "load_seconds": round(loaded, 3),
        "latency": latency(decider, texts),
        "throughput": throughput(decider, texts),
    }
    return {
        **measured,
        "characters_per_text": round(sum(map(len, texts)) / len(texts), 1),
        "parameters": _parameters(model, part),
        "disk_bytes": sum(file.stat().st_size for file in part.folder.rglob("*") if file.is_file()),
        "peak_memory_bytes": peak_memory(),
        "peak_gpu_memory_bytes": _gpu_memory(compute["device"]),
        "compute": compute,
        "machine": describe_machine(),
    }
