"""Held-out rows predicted again by the files of a model, and compared with its stored logits.

The stage finetune computes batches of rows of similar length, and the rounding of a row's logits depends on its batch.
So whole batches are computed, the same ones; then `numerics: portable` gives the same bits, and `fast` the same
bits on the same hardware, nearly the same on another. ONNX Runtime computes each row alone, so single rows are drawn.
"""

import math
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from complaints.core import paths
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT
from complaints.lineage.problems import Problem
from complaints.scoring.predictions import read_predictions
from complaints.scoring.rungs import KNN, entry_of, model_folder, parent_of, predictions_file

TOLERANCES = {"fp32": 1e-3, "bf16": 0.1, "fp16": 0.1}
"""Largest difference of a logit, by precision, with `numerics: fast`; rounding by other batches is a thirtieth."""
OF_FORMATS = {"onnx": 1e-3, "int8": 0.1, "int8_blocks": 0.1, "int4": 0.1}
"""Largest difference of a logit, by format; a model computes the same bits on processors of one kind alone."""
TFIDF, MAJORITY = "tfidf", "majority"


@dataclass(frozen=True)
class Again:
    """Rows of a model that were predicted again."""

    rows: int
    tolerance: float
    """Largest difference of a logit that counts as none; 0 for equal bits."""
    different: tuple[str, ...]
    """Ids of the rows with a larger one."""
    largest: float
    """The largest difference."""

    def problem(self, stage: str, path: str) -> Problem | None:
        """Return the problem of the predictions at `path`, None if no row differs."""
        if not self.different:
            return None
        limit = f"more than {self.tolerance:g}" if self.tolerance else "a bit"
        message = (
            f"{path} has other logits than the model computes now for {len(self.different):,} of {self.rows:,} rows, "
            f"such as {self.different[0]!r}: they differ by {limit}, and at most by {self.largest:.3g}"
        )
        return Problem(stage, path, "prediction", message)


@dataclass(frozen=True)
class Sample:
    """Held-out rows of one split and their stored logits."""

    rows: np.ndarray
    """Indices of rows in the split, int64."""
    ids: list[str]
    stored: np.ndarray
    """float32 [rows, classes]."""


def predict_again(root: Path, name: str, count: int) -> Again:
    """Predict rows of a model again, in a new process, since torch's numerics are chosen once in a process.

    Args:
        root: The folder of dvc.yaml.
        name: The model, `tfidf`, `knn`, `majority`, an entry of `models:` or a compressed form of one.
        count: Number of rows; a fine-tuned model gets the batches of 64 rows that have them, a compressed one all.

    Raises:
        UserError: if a file of the model, its tokens, or its predictions is missing or broken.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_predict_again, root.resolve(), name, count).result()


def _predict_again(root: Path, name: str, count: int) -> Again:
    trained = _compressed if parent_of(name) else _checkpoint
    compute = {TFIDF: _tfidf, MAJORITY: _majority, KNN: _knn}.get(name, trained)
    return compute(root, name, count)


def _stored(root: Path, name: str) -> dict[str, tuple[list[str], np.ndarray]]:
    return read_predictions(predictions_file(root / paths.PREDICTIONS, name))


def _compare(samples: list[Sample], computed: list[np.ndarray], tolerance: float) -> Again:
    different: list[str] = []
    largest = 0.0
    for sample, logits in zip(samples, computed, strict=True):
        if logits.shape != sample.stored.shape:
            raise UserError(
                f"the model has {logits.shape[1]} classes, its predictions have {sample.stored.shape[1]}; run `dvc "
                "repro`"
            )
        distance = np.abs(logits.astype(np.float64) - sample.stored).max(axis=1)
        wrong = np.flatnonzero(~(distance <= tolerance))
        different += [sample.ids[row] for row in wrong]
        largest = max(largest, float(distance.max(initial=0.0)))
    return Again(sum(len(sample.ids) for sample in samples), tolerance, tuple(different), largest)


def _draw(root: Path, name: str, count: int) -> list[tuple[str, Sample]]:
    """Return a random sample of the held-out rows, by split."""
    stored = _stored(root, name)
    sizes = [len(stored[split][0]) for split in HELD_OUT]
    drawn = np.sort(np.random.default_rng().permutation(sum(sizes))[:count])
    samples = []
    for split, first, size in zip(HELD_OUT, (0, sizes[0]), sizes, strict=True):
        rows = drawn[(drawn >= first) & (drawn < first + size)] - first
        ids, logits = stored[split]
        samples.append((split, Sample(rows, [ids[row] for row in rows], logits[rows])))
    return samples


def _split_rows(root: Path, split: str, rows: np.ndarray, column: str) -> list[str]:
    table = read_parquet(root / paths.SPLITS / f"{split}.parquet", [column])
    values: list[str] = table[column].take(rows).to_pylist()
    return values


def _tfidf(root: Path, name: str, count: int) -> Again:
    from complaints.baseline.store import load
    from complaints.baseline.tfidf import tfidf_logits

    model = load(root / paths.TFIDF)
    drawn = _draw(root, name, count)
    logits = [tfidf_logits(model, _split_rows(root, split, sample.rows, "text")) for split, sample in drawn]
    return _compare([sample for _, sample in drawn], logits, 0.0)


def _majority(root: Path, name: str, count: int) -> Again:
    from complaints.baseline.tfidf import majority_logits

    labels = read_parquet(root / paths.SPLITS / "train.parquet", ["label_id"])["label_id"].to_numpy()
    classes = len(read_json(root / paths.LABELS))
    samples = [sample for _, sample in _draw(root, name, count)]
    return _compare(samples, [majority_logits(labels, classes, len(sample.ids)) for sample in samples], 0.0)


def _knn(root: Path, name: str, count: int) -> Again:
    from complaints.features.store import Features
    from complaints.neighbours.store import load, read_settings

    model, _ = load(root / paths.MODELS / name)
    features = Features(root / paths.FEATURES / str(read_settings(root / paths.MODELS / name)["entry"]))
    sizes = {split: len(ids) for split, (ids, _) in _stored(root, name).items()}
    drawn = _draw(root, name, count)
    # The last bit of a cosine depends on the place of its row among the others, so that all are computed.
    logits = [model.logits(features.read(split, sizes[split]))[sample.rows] for split, sample in drawn]
    return _compare([sample for _, sample in drawn], logits, 0.0)


def _compressed(root: Path, name: str, count: int) -> Again:
    from complaints.backbones.tokens import read_tokens
    from complaints.compression.session import CompressedModel

    model = CompressedModel(model_folder(root / paths.MODELS, name))
    tokens = root / paths.TOKENS / entry_of(name)
    drawn = [(split, sample) for split, sample in _draw(root, name, count) if len(sample.rows)]
    logits = [model.infer(read_tokens(tokens / f"{split}.parquet").take(sample.rows)) for split, sample in drawn]
    return _compare([sample for _, sample in drawn], logits, OF_FORMATS[model.format])


def _batches(lengths: Mapping[str, np.ndarray], size: int, count: int) -> dict[str, list[np.ndarray]]:
    """Return random batches of the stage finetune, as many as `count` rows need, by split."""
    from complaints.engine.batches import inference_batches

    batches = [(split, rows) for split in HELD_OUT for rows in inference_batches(lengths[split], size)]
    wanted = math.ceil(count / size)
    drawn = np.sort(np.random.default_rng().permutation(len(batches))[:wanted])
    chosen: dict[str, list[np.ndarray]] = {split: [] for split in HELD_OUT}
    for index in drawn:
        split, rows = batches[index]
        chosen[split].append(rows)
    return chosen


def _checkpoint(root: Path, name: str, count: int) -> Again:
    from complaints.backbones.tokens import read_tokens
    from complaints.core.config import check
    from complaints.engine.batches import Examples, FeatureSet
    from complaints.engine.inference import INFERENCE_ROWS, infer_batches
    from complaints.engine.setup import open_device
    from complaints.features.store import Features
    from complaints.finetuning.head_init import HeadOnly
    from complaints.finetuning.params import ModelParams
    from complaints.modeling import classifier
    from complaints.modeling.attention import prepare_attention

    folder = root / paths.MODELS / name
    record = read_json(folder / "training.json")
    params = check(ModelParams, record["params"], folder / "training.json")
    accelerator, precision = open_device(record["numerics"], record["precision"])
    loaded = classifier.load(folder)
    model: Callable[..., Any] = loaded.model.to(accelerator.device)
    prepare_attention(loaded.model.encoder, params.finetune.packing, params.finetune.compile, precision)
    examples: dict[str, Examples] = {s: read_tokens(root / paths.TOKENS / name / f"{s}.parquet") for s in HELD_OUT}
    if params.trains_head_only:
        features = Features(root / paths.FEATURES / name)
        examples = {s: FeatureSet(features.read(s, len(rows)), rows.labels) for s, rows in examples.items()}
        model = HeadOnly(loaded.model)
    stored = _stored(root, name)
    samples, computed = [], []
    chosen = _batches({split: rows.lengths for split, rows in examples.items()}, INFERENCE_ROWS, count)
    for split, batches in chosen.items():
        if not batches:
            continue
        logits = infer_batches(accelerator, model, examples[split], loaded.tokenizer.pad_token_id, batches)
        rows = np.concatenate(batches)
        ids, values = stored[split]
        samples.append(Sample(rows, [ids[row] for row in rows], values[rows]))
        computed.append(logits[rows])
    return _compare(samples, computed, 0.0 if record["numerics"] == "portable" else TOLERANCES[precision])
