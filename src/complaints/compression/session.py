"""Computation of a compressed model by ONNX Runtime, on the processor."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from complaints.backbones.tokenizer import load_tokenizer
from complaints.backbones.tokens import TokenSet
from complaints.compression.folder import ONNX_FILE, read_labels, read_settings
from complaints.compression.processor import saturates, this_processor
from complaints.compression.runtime import need
from complaints.core.errors import UserError

_ERRORS_ONLY = 3

Done = Callable[[int], None]


def threads() -> int:
    """Return the number of threads: OMP_NUM_THREADS, which torch obeys too, else the cores of this process."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else len(os.sched_getaffinity(0))


def open_session(model: Path | bytes, width: int) -> Any:
    """Return ONNX Runtime's session of an ONNX file, or of its bytes.

    Args:
        model: The file, or its content.
        width: Threads that compute one batch.

    Raises:
        UserError: if onnxruntime is not installed, or cannot load the model.
    """
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = width, 1
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


class TextSession:
    """A model in ONNX Runtime that computes each text alone, so that the logits of a text are a function of it.

    In a batch the activations of all texts would have one scale in int8. Batches would not be faster either: on
    processors a text alone fills the matrix products. All threads compute one text; of several, each computes its own.
    """

    def __init__(self, model: Path | bytes) -> None:
        """Open the model.

        Raises:
            UserError: as `open_session` does.
        """
        self._threads = threads()
        self._all_threads = open_session(model, self._threads)
        self._one_thread = open_session(model, 1) if self._threads > 1 else self._all_threads

    def infer(self, rows: TokenSet, done: Done = lambda count: None) -> np.ndarray:
        """Return the logits of rows in their order, float32 [rows, classes].

        Args:
            rows: At least one row.
            done: Called with 1 for each row, in their order.
        """
        session = self._all_threads if len(rows) == 1 else self._one_thread

        def logits(row: int) -> np.ndarray:
            ids = rows.ids[rows.offsets[row] : rows.offsets[row + 1]].astype(np.int64)[None]
            return run_batch(session, ids, np.ones_like(ids))[0]

        found = []
        with ThreadPoolExecutor(self._threads) as pool:
            for one in pool.map(logits, range(len(rows))):
                found.append(one)
                done(1)
        return np.stack(found)


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
        self.max_length, self.truncation, self.format = settings.max_length, settings.truncation, settings.format
        self.tokenizer = load_tokenizer(folder)
        self.session = TextSession(folder / ONNX_FILE)
        if settings.reduce_range is False and saturates(this_processor()):
            print(
                f"warning: {folder} has weights of 8 bits, and this processor has no VNNI: sums of their products may "
                "saturate and labels differ; make the model again on this machine",
                file=sys.stderr,
            )

    def infer(self, rows: TokenSet, done: Done = lambda count: None) -> np.ndarray:
        """Return the logits of rows, float32 [rows, classes]; as `TextSession.infer`."""
        return self.session.infer(rows, done)
