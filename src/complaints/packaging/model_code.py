"""Code of a packaged model: an MLflow pyfunc over the files beside it, without any import of the project.

`complaints package` copies this file into each package and compares its answers with those of the project, so that a
difference between the two is found before anything is written.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

MODEL, SETTINGS_FILE = "model", "package.json"
"""Name of the artifact, and of the file in it that describes all others."""
BATCH_TOKENS = 2048
"""Token budget of a batch, padding included."""
WIDTH_MULTIPLE = 8
"""Widths are counted in multiples of this when rows are divided into batches."""
ERRORS_ONLY = 3


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return log-probabilities, float64 [rows, classes]."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def batches_of(lengths: np.ndarray) -> list[np.ndarray]:
    """Return the row numbers of each batch, rows of similar length together, longest first."""
    order = np.argsort(lengths, kind="stable")
    starts = [0]
    for row, width in enumerate((-(-lengths[order] // WIDTH_MULTIPLE) * WIDTH_MULTIPLE).tolist()):
        if row > starts[-1] and (row - starts[-1] + 1) * width > BATCH_TOKENS:
            starts.append(row)
    return [order[first:end] for first, end in itertools.pairwise([*starts, len(order)])][::-1]


class Encoding:
    """Token ids of texts."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Read the tokenizer of a model; `settings` has max_length, front and pad_id."""
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.longest, self.front, self.pad_id = settings["max_length"], settings["front"], settings["pad_id"]

    def cut(self, ids: list[int]) -> list[int]:
        """Return at most `max_length` ids: the first `front` of them, and the others from the end."""
        if len(ids) <= self.longest:
            return ids or [self.pad_id]
        return ids[: self.front] + ids[len(ids) - (self.longest - self.front) :]

    def rows(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of each text."""
        return [self.cut(encoding.ids) for encoding in self.tokenizer.encode_batch(texts)]

    def logits(self, texts: list[str], network: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """Return logits, float32 [texts, classes], by a network of token ids and mask, int64 [rows, tokens]."""
        rows = self.rows(texts)
        lengths = np.array([len(row) for row in rows])
        found: list[np.ndarray | None] = [None] * len(rows)
        for batch in batches_of(lengths):
            mask = np.arange(lengths[batch].max()) < lengths[batch][:, None]
            ids = np.full(mask.shape, self.pad_id, np.int64)
            ids[mask] = np.concatenate([rows[row] for row in batch])
            for row, values in zip(batch, network(ids, mask.astype(np.int64)), strict=True):
                found[row] = values
        return np.stack(found)  # type: ignore[arg-type]


class Checkpoint:
    """A fine-tuned encoder or decoder, computed by torch in float32."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Load weights and tokenizer."""
        import torch
        from safetensors.torch import load_file
        from transformers import AutoModel, AutoModelForSequenceClassification

        self.encoding, self.pooling = Encoding(folder, settings), settings["pooling"]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        stock = settings["head"] == "stock"
        kind = AutoModelForSequenceClassification if stock else AutoModel
        self.model = kind.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval().to(self.device)
        self.encoder = self.model.base_model if stock else self.model
        self.head: Callable[[Any], Any] | None = getattr(self.model, "score", None)
        if not stock:
            head = {name: tensor.to(self.device) for name, tensor in load_file(folder / "head.safetensors").items()}
            self.head = lambda features: torch.nn.functional.linear(features, head["weight"], head["bias"])
        elif self.head is not None:
            self.pooling = "last"

    def network(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return the logits of a batch."""
        import torch

        inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        inputs = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        with torch.inference_mode():
            if self.head is None:
                logits = self.model(**inputs).logits
            else:
                states = self.encoder(**inputs).last_hidden_state.float()
                logits = self.head(self.pooled(states, inputs["attention_mask"]))
        return np.asarray(logits.float().cpu().numpy())

    def pooled(self, states: Any, mask: Any) -> Any:
        """Return a vector for each row: the mean over its tokens, the first state, or the last one."""
        import torch

        if self.pooling == "cls":
            return states[:, 0]
        if self.pooling == "last":
            return states[torch.arange(len(states), device=states.device), mask.cumsum(1).argmax(1)]
        weights = mask.unsqueeze(-1).float()
        return (states * weights).sum(1) / weights.sum(1)

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits, float32 [texts, classes]."""
        return self.encoding.logits(texts, self.network)


class Onnx:
    """A model as an ONNX file, computed by ONNX Runtime on the processor, each text alone.

    In a batch the activations of all texts would have one scale in 8 bits.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Open the ONNX file."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        wanted = os.environ.get("OMP_NUM_THREADS", "")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        options.intra_op_num_threads = int(wanted) if wanted.isdecimal() and int(wanted) > 0 else cores
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = ERRORS_ONLY
        self.encoding = Encoding(folder, settings)
        file = str(folder / "model.onnx")
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits, float32 [texts, classes]."""
        return np.concatenate([self.alone(ids) for ids in self.encoding.rows(texts)])

    def alone(self, ids: list[int]) -> np.ndarray:
        """Return the logits of a text, float32 [1, classes]."""
        inputs = {"input_ids": np.array([ids], np.int64), "attention_mask": np.ones((1, len(ids)), np.int64)}
        return np.asarray(self.session.run(None, inputs)[0])


class Tfidf:
    """TF-IDF of words and characters with logistic regressions."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Load a pipeline of scikit-learn for each analyser, by skops, which builds known types only."""
        import skops.io

        self.pipelines = {name: skops.io.load(folder / f"{name}.skops", trusted=[]) for name in settings["analysers"]}
        self.weights, self.absent, self.classes = settings["analysers"], settings["absent"], settings["classes"]

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return the weighted sum of both regressions' log-probabilities, float32 [texts, classes]."""
        total: Any = 0.0
        for name, pipeline in self.pipelines.items():
            scores = pipeline["classifier"].decision_function(pipeline["tfidf"].transform(texts)).astype(np.float64)
            # For two classes scikit-learn returns one score per text, that of the second class against zero.
            scores = np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores
            total = total + self.weights[name] * log_softmax(scores)
        present = next(iter(self.pipelines.values()))["classifier"].classes_
        logits = np.full((len(texts), self.classes), self.absent, np.float32)
        logits[:, present] = log_softmax(total)
        return logits


KINDS: dict[str, Any] = {"checkpoint": Checkpoint, "onnx": Onnx, "tfidf": Tfidf}


def check_files(folder: Path, digests: dict[str, str]) -> None:
    """Check that the files of a package are the ones that it was made with.

    Raises:
        ValueError: naming the file that is missing or was changed.
    """
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing; take a complete copy of the package")
        with open(path, "rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                raise ValueError(f"{path} is not the file that the package was made with; take a complete copy of it")


class ComplaintModel(PythonModel):
    """Labels of texts by one model, or several whose log-probabilities a decision rule combines."""

    def load_context(self, context: Any) -> None:
        """Load all parts.

        Raises:
            ValueError: if a file is missing or was changed.
        """
        folder = Path(context.artifacts[MODEL])
        self.settings: dict[str, Any] = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        check_files(folder, self.settings["files"])
        parts = self.settings["parts"]
        self.parts = {name: KINDS[part["kind"]](folder / name, part) for name, part in parts.items()}
        self.labels = np.array(self.settings["labels"], object)

    def decide(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return calibrated log-probabilities, and the scores whose highest is the label, float64 [texts, classes]."""
        logits = {name: part.logits(texts) for name, part in self.parts.items()}
        if not all(np.isfinite(values).all() for values in logits.values()):
            raise ValueError("the model's logits are not finite; its weights are damaged: take another package")
        rule = self.settings["rule"]
        if rule is None:
            (values,) = logits.values()
            return log_softmax(values), values.astype(np.float64)
        pooled: Any = sum(rule["weights"][name] * log_softmax(values) for name, values in logits.items())
        log_probabilities = log_softmax(pooled / rule["temperature"])
        return log_probabilities, log_probabilities - rule["tau"] * np.array(rule["log_prior"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row for each text; a blank one has no label and is left to a person.

        Args:
            context: MLflow's context, not used.
            model_input: The texts, in the column `text`.
            params: `top`, the number of best labels, and `abstain_below`, a probability.

        Raises:
            MlflowException: if a parameter is out of range.
        """
        wanted = {**self.settings["params"], **(params or {})}
        if wanted["top"] < 1 or not 0 <= wanted["abstain_below"] <= 1:
            raise MlflowException.invalid_parameter_value("top must be at least 1, and abstain_below from 0 to 1")
        raw = model_input["text"].tolist()
        # Halves of surrogate pairs, which no tokenizer takes, become question marks.
        texts = [text.encode("utf-8", "replace").decode() if isinstance(text, str) else "" for text in raw]
        known = [index for index, text in enumerate(texts) if text.strip()]
        rows: list[dict[str, Any]] = [self.row(None, None, wanted) for _ in texts]
        if known:
            found = self.decide([texts[index] for index in known])
            for index, log_probabilities, scores in zip(known, *found, strict=True):
                rows[index] = self.row(log_probabilities, scores, wanted)
        return pd.DataFrame(rows, columns=list(self.row(None, None, wanted)), index=model_input.index)

    def row(self, log_probabilities: Any, scores: Any, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the answer for one text; None instead of values for a blank one."""
        digests = {"model_digest": self.settings["model_digest"], "data_digest": self.settings["data_digest"]}
        if scores is None:
            empty: dict[str, Any] = {
                "label": None,
                "probability": None,
                "top_labels": [],
                "top_probabilities": [],
                "probabilities": [],
            }
            return {**empty, "abstain": True, **digests}
        probabilities = np.exp(log_probabilities)
        best = np.argsort(-scores, kind="stable")[: int(wanted["top"])]
        return {
            "label": self.labels[best[0]],
            "probability": float(probabilities[best[0]]),
            "top_labels": self.labels[best].tolist(),
            "top_probabilities": probabilities[best].tolist(),
            "probabilities": probabilities.tolist(),
            "abstain": bool(probabilities[best[0]] < wanted["abstain_below"]),
            **digests,
        }


set_model(ComplaintModel())
