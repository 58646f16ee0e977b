"""Computation of a compressed model by ONNX Runtime, on the processor."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from complaints.backbones.tokenizer import load_tokenizer
from complaints.backbones.tokens import TokenSet
from complaints.compression.folder import ONNX_FILE, read_labels, read_settings
from complaints.compression.processor import saturates, this_processor
from complaints.compression.runtime import need
from complaints.core.errors import UserError
from complaints.engine.batches import padded, token_budget_inference_batches

BATCH_TOKENS = 2048
"""Token budget of a batch, as that of `complaints predict` on a processor."""
_ERRORS_ONLY = 3
_CPU = torch.device("cpu")

Done = Callable[[int], None]


def threads() -> int:
    """Return the number of threads: OMP_NUM_THREADS, which torch obeys too, else the cores of this process."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else len(os.sched_getaffinity(0))


def open_session(model: Path | bytes) -> Any:
    """Return the session of an ONNX file, or of its bytes.

    Raises:
        UserError: if onnxruntime is not installed, or cannot load the model.
    """
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads(), 1
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    try:
        return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has no exception type of its own in its interface
        name = model if isinstance(model, Path) else "the ONNX model"
        reason = str(error).partition("\n")[0]
        raise UserError(f"{name} cannot be loaded by onnxruntime {runtime.__version__}: {reason}") from None


def run_batch(session: Any, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the logits of padded rows, float32 [rows, classes], from int64 [rows, tokens]."""
    logits: np.ndarray = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    return logits


def infer(session: Any, rows: TokenSet, pad_id: int, done: Done = lambda count: None) -> np.ndarray:
    """Return the logits of rows in their order, float32 [rows, classes], computed in token-budget batches.

    A row's logits depend on its batch: by rounding in float32, and more in int8, whose activations have one scale for
    all rows of a batch.

    Args:
        session: The result of `open_session`.
        rows: At least one row.
        pad_id: Token id of padding.
        done: Called with the number of rows of each batch.
    """
    result: np.ndarray | None = None
    for batch in token_budget_inference_batches(rows.lengths, BATCH_TOKENS):
        inputs = padded(rows, batch, pad_id, _CPU)
        logits = run_batch(session, inputs["input_ids"].numpy(), inputs["attention_mask"].numpy())
        if result is None:
            result = np.empty((len(rows), logits.shape[1]), np.float32)
        result[batch] = logits
        done(len(batch))
    assert result is not None
    return result


class CompressedModel:
    """A compressed model, loaded for inference."""

    def __init__(self, folder: Path) -> None:
        """Load the model in a folder.

        Raises:
            UserError: if the folder is not complete, a file of it was changed, or onnxruntime is not installed.
        """
        need("onnxruntime")
        settings = read_settings(folder)
        self.labels = read_labels(folder)
        self.max_length, self.format = settings.max_length, settings.format
        self.tokenizer = load_tokenizer(folder)
        self.session = open_session(folder / ONNX_FILE)
        if settings.reduce_range is False and saturates(this_processor()):
            print(
                f"warning: {folder} has weights of 8 bits, and this processor has no VNNI: sums of their products may "
                "saturate and labels differ; make the model again on this machine",
                file=sys.stderr,
            )

    def infer(self, rows: TokenSet, done: Done = lambda count: None) -> np.ndarray:
        """Return the logits of rows, float32 [rows, classes]; as the function `infer`."""
        return infer(self.session, rows, self.tokenizer.pad_token_id, done)
