"""TF-IDF predictor: the fitted pipeline of the stage baseline."""

from pathlib import Path

import numpy as np

from complaints.baseline import store
from complaints.baseline.tfidf import tfidf_logits
from complaints.predicting.class_names import read_class_names
from complaints.predicting.predictors import Done, ignore

TEXTS = 1000
"""Texts between two reports of progress."""


class TfidfPredictor:
    """TF-IDF with logistic regression, loaded for prediction."""

    def __init__(self, folder: Path, label_file: Path) -> None:
        """Load the model.

        Args:
            folder: Folder of the model. Outside a project it has a copy of labels.json.
            label_file: The class names by id, where the folder has no labels.json.

        Raises:
            UserError: if a file is missing or broken, or the number of classes is not that of the model.
        """
        self.model = store.load(folder)
        self.labels = read_class_names(folder, label_file, self.model.classes)

    def logits(self, texts: list[str], done: Done = ignore) -> np.ndarray:
        """Return log probabilities, float32 [texts, classes]; each text's depend on it alone."""
        parts = [np.empty((0, len(self.labels)), np.float32)]
        for start in range(0, len(texts), TEXTS):
            parts.append(tfidf_logits(self.model, texts[start : start + TEXTS]))
            done(len(parts[-1]))
        return np.concatenate(parts)
