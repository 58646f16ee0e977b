"""Checkpoint predictor: a fine-tuned encoder, computed in token-budget batches."""

from pathlib import Path

import numpy as np

from complaints.backbones.tokens import encode_texts
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.predicting.inference import infer_rows, open_for_texts
from complaints.predicting.predictors import Done, ignore


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
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.labels, self.max_length, self.truncation = loaded.labels, loaded.max_length, loaded.truncation
        self.accelerator, self.precision = open_for_texts(precision, loaded.precision)
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

        rows = encode_texts(self.tokenizer, texts, self.max_length, self.truncation)
        return infer_rows(self.accelerator, self.model, rows, self.tokenizer.pad_token_id, self.max_length, done)
