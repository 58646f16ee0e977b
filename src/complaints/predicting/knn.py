"""Nearest-neighbour predictor: new texts are embedded, and the nearest training texts vote."""

from pathlib import Path

import numpy as np
from transformers import AutoModel

from complaints.backbones.pretrained import initial_weights
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.backbones.tokens import encode_texts
from complaints.core.errors import UserError
from complaints.features.store import Encoder
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.modeling.loading import load_pretrained
from complaints.modeling.truncation import keep_layers
from complaints.neighbours import store
from complaints.neighbours.search import Nearest
from complaints.predicting.class_names import read_class_names
from complaints.predicting.inference import infer_rows, open_for_texts
from complaints.predicting.predictors import Done, ignore


def _encoder_folder(folder: Path, encoder: Encoder) -> Path:
    """Return the folder of the weights that made the features.

    Raises:
        UserError: if the backbone or the weights are missing, or not the ones that the model records.
    """
    backbone = resolve(encoder.backbone)
    if backbone.digest != encoder.backbone_sha256:
        raise UserError(
            f"{folder} was made with other files of backbone {encoder.backbone}; restore them, or run `dvc repro`"
        )
    if encoder.weights_sha256 == backbone.digest:
        return backbone.folder
    initial = initial_weights(Path(encoder.weights), backbone)
    if initial.digest != encoder.weights_sha256:
        raise UserError(f"{folder} was made with other weights than {encoder.weights} has; run `dvc repro`")
    return initial.folder


class KnnPredictor:
    """The nearest-neighbour model and the encoder of its features, loaded for prediction."""

    def __init__(self, folder: Path, label_file: Path, precision: str = "auto") -> None:
        """Load the model and the encoder.

        Args:
            folder: Folder of the model. Outside a project it has a copy of labels.json.
            label_file: The class names by id, where the folder has no labels.json.
            precision: The encoder's precision, as for a checkpoint.

        Raises:
            UserError: if a file is missing or broken, or the encoder is not the one of the features.
        """
        self.model, encoder = store.load(folder)
        self.labels = read_class_names(folder, label_file, self.model.classes)
        weights = _encoder_folder(folder, encoder)
        self.tokenizer, self._encoder = load_tokenizer(weights), encoder
        network, _ = load_pretrained(weights, AutoModel)
        keep_layers(network, encoder.keep_layers)
        self.accelerator, self.precision = open_for_texts(precision, encoder.precision)
        prepare_attention(network, "never", False, self.precision)
        self.network = classifier.LinearClassifier(network, encoder.pooling, 1).eval().to(self.accelerator.device)

    def features(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return the features of texts, float32 [texts, width].

        Raises:
            UserError: if memory is full.
        """
        if not texts:
            return np.empty((0, self.model.features.shape[1]), np.float32)
        longest, pad_id = self._encoder.max_length, self.tokenizer.pad_token_id
        rows = encode_texts(self.tokenizer, texts, longest, self._encoder.truncation)
        return infer_rows(self.accelerator, self.network.features, rows, pad_id, longest, done)

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return log-probabilities, float32 [texts, classes]; blank texts are allowed.

        Those of a text whose features are not finite are not, either.

        Raises:
            UserError: if memory is full.
        """
        features = self.features(texts, done)
        finite = np.isfinite(features).all(axis=1, keepdims=True)
        return np.where(finite, self.model.logits(np.where(finite, features, 0)), np.float32(np.nan))

    def nearest(self, texts: list[str], count: int) -> Nearest:
        """Return the nearest training rows of texts.

        Raises:
            UserError: if memory is full.
        """
        return self.model.nearest(self.features(texts), count)
