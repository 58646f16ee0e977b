"""Checkpoint predictor: a fine-tuned encoder, computed in token-budget batches."""

from pathlib import Path

import numpy as np
import torch

from complaints.backbones.tokens import encode_texts
from complaints.engine.batches import token_budget_inference_batches
from complaints.engine.device import one_line_device_errors
from complaints.engine.inference import INFERENCE_ROWS, infer_batches
from complaints.engine.setup import open_device
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.predicting.predictors import Done, ignore

CPU_BATCH_TOKENS = 2048
"""Token budget of a batch on a processor: larger ones leave its caches. On a GPU a batch has as many tokens as the
largest one in training's validation."""


class Predictor:
    """A checkpoint, loaded for prediction."""

    def __init__(self, folder: Path, precision: str = "auto") -> None:
        """Load the checkpoint in `folder`.

        Args:
            folder: Folder of the checkpoint.
            precision: `fp32`, `bf16`, `fp16`, `auto`: half precision if the checkpoint was scored in it and this
                machine is fast in it, else fp32; or `fastest`: half precision if this machine is fast in it.

        Raises:
            UserError: if the folder is not a checkpoint, or the precision does not fit the hardware.
        """
        loaded = classifier.load(folder)
        if precision == "auto" and loaded.precision == "fp32":
            precision = "fp32"
        elif precision == "fastest":
            precision = "auto"  # of the parameter precision: this machine's fastest
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.labels, self.max_length, self._truncation = loaded.labels, loaded.max_length, loaded.truncation
        self.accelerator, self.precision = open_device("fast", precision)
        self.model.to(self.accelerator.device)
        # In bf16 on a processor, the attention of training and its validation; else nothing.
        prepare_attention(self.model.encoder, "never", False, self.precision)

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return logits, float32 [texts, classes]; blank texts are allowed.

        The batches decide the rounding of a text's logits: by about 1e-5 in fp32, 0.03 in bf16.

        Raises:
            UserError: if memory is full.
        """
        if not texts:
            return np.empty((0, len(self.labels)), np.float32)

        def forward(**inputs: torch.Tensor) -> torch.Tensor:
            output = self.model(**inputs)
            done(len(output))
            return output

        rows = encode_texts(self.tokenizer, texts, self.max_length, self._truncation)
        on_cpu = self.accelerator.device.type == "cpu"
        budget = CPU_BATCH_TOKENS if on_cpu else INFERENCE_ROWS * self.max_length
        with one_line_device_errors("hide the GPU with CUDA_VISIBLE_DEVICES= to compute on the processor"):
            batches = token_budget_inference_batches(rows.lengths, budget)
            return infer_batches(self.accelerator, forward, rows, self.tokenizer.pad_token_id, batches)
