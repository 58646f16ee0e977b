"""Cost of one model's predictions, measured in the process that calls it."""

import os
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
from complaints.recommending.machine import LENGTHS

WARM_UP = 20
"""Single texts before the first that counts: the first calls allocate memory and choose kernels."""
WARM_UP_BATCHES = 2
BATCH = 32
"""Texts of a batch whose latency is measured."""
CORPUS = 64_000
"""Complaints whose time is given beside the throughput."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """Number of calls that are measured."""

    texts: int = 1000
    """Texts of a round of the throughput, at most."""
    singles: int = 200
    """Single texts that count; of 200 the 95th percentile is between the tenth and the eleventh slowest."""
    batches: int = 20
    """Batches of BATCH texts that count."""
    rounds: int = 3
    """Rounds over all texts; the median counts."""


@dataclass(frozen=True)
class Request:
    """A model to measure."""

    name: str
    choice: ModelChoice
    precision: str
    """The option of `complaints predict`."""
    effort: Effort = Effort()


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


def latency(
    model: Decider, texts: list[str], singles: int = Effort.singles, clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """Return the percentiles of the time from a single text to its labels, in milliseconds, of all and by length.

    Args:
        model: The model.
        texts: The texts, used again from the first if they are fewer than WARM_UP + singles.
        singles: Number of texts that count.
        clock: Returns seconds.
    """
    chosen = [texts[number % len(texts)] for number in range(WARM_UP + singles)]
    times = np.array([_seconds(model, [text], clock) for text in chosen])[WARM_UP:]
    characters = np.array([len(text) for text in chosen[WARM_UP:]])
    third = np.searchsorted(np.quantile(characters, [1 / 3, 2 / 3]), characters)
    by_length = {
        name: {
            "characters": [int(characters[third == index].min()), int(characters[third == index].max())],
            **_percentiles(times[third == index]),
            "texts": int((third == index).sum()),
        }
        for index, name in enumerate(LENGTHS)
        if (third == index).any()
    }
    return {**_percentiles(times), "texts": singles, "by_length": by_length}


def batch_latency(
    model: Decider, texts: list[str], batches: int = Effort.batches, clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """Return the percentiles of the time from BATCH texts to their labels, in milliseconds; arguments as `latency`."""
    times = []
    for number in range(WARM_UP_BATCHES + batches):
        batch = [texts[index % len(texts)] for index in range(number * BATCH, (number + 1) * BATCH)]
        times.append(_seconds(model, batch, clock))
    return {**_percentiles(np.array(times[WARM_UP_BATCHES:])), "texts": BATCH, "batches": batches}


def _seconds(model: Decider, texts: list[str], clock: Clock) -> float:
    start = clock()
    label(model, texts)
    return clock() - start


def _percentiles(seconds: np.ndarray) -> dict[str, float]:
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3)}


def throughput(
    model: Decider, texts: list[str], rounds: int = Effort.rounds, clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """Return texts per second when all are given at once: the median of the rounds, and the slowest and fastest."""
    rates = [len(texts) / _seconds(model, texts, clock) for _ in range(rounds)]
    slowest, median, fastest = np.percentile(rates, [0, 50, 100])
    return {
        "texts_per_second": round(float(median), 3),
        "slowest": round(float(slowest), 3),
        "fastest": round(float(fastest), 3),
        f"minutes_for_{CORPUS}": round(CORPUS / float(median) / 60, 3),
        "texts": len(texts),
        "rounds": rounds,
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
        "precision": getattr(model, "precision", None),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _parameters(model: Any, part: Part) -> dict[str, int | None]:
    """Return the number of parameters, and of those that were trained: none of kNN; None where no record has them."""
    if part.kind == "knn":
        return {"total": sum(weights.numel() for weights in model.network.encoder.parameters()), "trained": 0}
    if part.kind == "tfidf":
        legs = [pipeline[-1] for pipeline in model.model.pipelines.values()]
        total = sum(int(leg.coef_.size + leg.intercept_.size) for leg in legs)
        return {"total": total, "trained": total}
    record = part.folder / "training.json"
    counted = read_json(record)["parameters"] if record.is_file() else {}
    return {"total": counted.get("total"), "trained": counted.get("trainable")}


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
    effort, load_average = request.effort, round(os.getloadavg()[0], 2)
    texts = held_out_texts(effort.texts)
    start = time.perf_counter()
    decider = load(request.choice, request.precision)
    loaded = time.perf_counter() - start
    (part,), (model,) = request.choice.parts.values(), decider.parts.values()
    compute = _compute(model, part.kind)
    measured = {
        "load_seconds": round(loaded, 3),
        "latency": latency(decider, texts, effort.singles),
        "batch": batch_latency(decider, texts, effort.batches),
        "throughput": throughput(decider, texts, effort.rounds),
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
        "load_average": load_average,
    }
