"""Measurements: percentiles after warm-up, throughput, texts, peak memory, times of trainings; with known answers."""

import mmap
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.predictions_of import WordModel

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json, write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import SPLIT_SCHEMA
from complaints.costs import measure, training_time
from complaints.costs.hardware import cores, peak_memory
from complaints.predicting.predictors import Decider


def clock_of(seconds: list[float]) -> Callable[[], float]:
    """Return a clock by which the n-th pair of calls is `seconds[n]` apart."""

    def ticks() -> Iterator[float]:
        now = 0.0
        for duration in seconds:
            yield now
            now += duration
            yield now

    return ticks().__next__


def write_texts(texts: list[str]) -> None:
    """Write the test split with these texts."""
    rows, blank = len(texts), pa.nulls(len(texts))
    ids = [str(i) for i in range(rows)]
    seen = pa.array([False] * rows)
    columns = [ids, texts, pa.array([0] * rows, pa.int32()), ids, seen, blank, blank]
    write_parquet(paths.SPLITS / "test.parquet", SPLIT_SCHEMA, [pa.table(columns, names=SPLIT_SCHEMA.names)])


def test_latency_is_that_of_single_texts_after_the_warm_up() -> None:
    durations = [100.0] * measure.WARM_UP + [(i + 1) / 1000 for i in range(100)]
    model = WordModel()
    found = measure.latency(Decider({"words": model}), ["a card", "a fee", "a loan"], 100, clock_of(durations))
    assert found["p50_ms"] == pytest.approx(np.percentile(np.arange(1, 101), 50))
    assert found["p95_ms"] == pytest.approx(np.percentile(np.arange(1, 101), 95))
    assert found["texts"] == 100
    assert model.texts[:4] == ["a card", "a fee", "a loan", "a card"]
    assert len(model.texts) == measure.WARM_UP + 100


def test_latency_is_told_by_length_of_the_text() -> None:
    texts = ["a" * 10, "b" * 20, "c" * 30]
    durations = [len(texts[i % 3]) / 1000 for i in range(measure.WARM_UP + 30)]
    found = measure.latency(Decider({"words": WordModel()}), texts, 30, clock_of(durations))["by_length"]
    assert list(found) == ["short", "medium", "long"]
    assert [found[name]["characters"] for name in found] == [[10, 10], [20, 20], [30, 30]]
    assert [found[name]["p95_ms"] for name in found] == pytest.approx([10.0, 20.0, 30.0])
    assert sum(part["texts"] for part in found.values()) == 30


def test_a_batch_has_32_texts() -> None:
    durations = [9.0] * measure.WARM_UP_BATCHES + [i / 1000 for i in range(1, 11)]
    model = WordModel()
    found = measure.batch_latency(Decider({"words": model}), ["a card", "a fee", "a loan"], 10, clock_of(durations))
    assert found["p50_ms"] == pytest.approx(5.5)
    assert (found["texts"], found["batches"]) == (32, 10)
    assert len(model.texts) == 12 * 32


def test_throughput_is_the_median_round() -> None:
    found = measure.throughput(Decider({"words": WordModel()}), ["a card"] * 300, 3, clock_of([3.0, 1.0, 2.0]))
    assert (found["slowest"], found["texts_per_second"], found["fastest"]) == (100.0, 150.0, 300.0)
    assert found["minutes_for_64000"] == pytest.approx(64_000 / 150 / 60, abs=1e-3)


def test_texts_are_an_even_sample_without_blank_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_texts([f"text {i}" if i % 2 else " \n" for i in range(20)])
    assert measure.held_out_texts(3) == ["text 1", "text 9", "text 19"]
    assert measure.held_out_texts(50) == [f"text {i}" for i in range(1, 20, 2)]
    write_texts([" "])
    with pytest.raises(UserError, match=r"test.parquet has no texts"):
        measure.held_out_texts(3)


def test_peak_memory_of_a_process_is_its_own() -> None:
    ballast = np.ones(50_000_000)
    own = peak_memory()
    reserved = mmap.mmap(-1, 8 << 30)  # addresses alone, which take no memory
    assert peak_memory() == pytest.approx(own, abs=1 << 30)
    reserved.close()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        other = pool.submit(peak_memory).result()
    assert own is not None
    assert other is not None
    assert 5_000_000 < other < own - ballast.nbytes / 2
    assert cores() >= 1


def test_training_time_belongs_to_the_model_that_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json("models/net/training.json", {"best_epoch": 1})
    training_time.save("net", step_seconds=4.0, other_seconds=1.0, examples=180)
    saved = read_json(paths.TRAINING_TIMES / "net.json")
    found = training_time.read("net", saved["model_md5"])
    assert found is not None
    assert (found["seconds"], found["examples"], found["examples_per_second"]) == (5.0, 180, 45.0)
    assert training_time.read("net", "0" * 32 + ".dir") is None
    assert training_time.read("other", saved["model_md5"]) is None


def test_a_model_without_steps_has_no_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json("models/net/training.json", {})
    training_time.save("net", step_seconds=0.0, other_seconds=2.0, examples=0)
    found = training_time.read("net", read_json(paths.TRAINING_TIMES / "net.json")["model_md5"])
    assert found is not None
    assert (found["seconds"], found["examples_per_second"]) == (2.0, None)
