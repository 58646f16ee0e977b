"""Predictor of a compressed model, computed by ONNX Runtime in token-budget batches."""

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
        """Return logits, float32 [texts, classes]; blank texts are allowed.

        The batches decide a text's logits: by rounding in fp32, and by 0.1 and more in int8, whose activations have one
        scale for all texts of a batch.
        """
        if not texts:
            return np.empty((0, len(self.labels)), np.float32)
        return self.model.infer(encode_texts(self.model.tokenizer, texts, self.model.max_length), done)
