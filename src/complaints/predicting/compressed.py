"""Predictor of a compressed model, each text computed alone by ONNX Runtime."""

from pathlib import Path

import numpy as np

from complaints.backbones.tokens import encode_texts
from complaints.compression.session import CompressedModel
from complaints.predicting.predictors import Done, ignore


class CompressedPredictor:
    """A compressed model, loaded for prediction; it has the precision that it was made with."""

    def __init__(self, folder: Path) -> None:
        """Load the model in `folder`.

        Raises:
            UserError: if the folder is not complete, or onnxruntime is not installed.
        """
        self.model = CompressedModel(folder)
        self.labels = self.model.labels
        self.precision = "fp32" if self.model.format == "onnx" else self.model.format

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return logits, float32 [texts, classes]; blank texts are allowed, and no text changes those of another."""
        if not texts:
            return np.empty((0, len(self.labels)), np.float32)
        rows = encode_texts(self.model.tokenizer, texts, self.model.max_length, self.model.truncation)
        return self.model.infer(rows, done)
