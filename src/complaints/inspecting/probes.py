"""Linear probes of every layer, and the separation of classes in the space of embeddings."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from complaints.finetuning.linear_probe import fit_probe
from complaints.inspecting.states import LayerStates

NEIGHBOURS = 10


@dataclass(frozen=True)
class Labels:
    """Class ids of the sampled rows, int [rows], and the number of classes."""

    train: np.ndarray
    validation: np.ndarray
    classes: int

    @property
    def majority(self) -> float:
        """Accuracy on validation of the most frequent class of the training rows."""
        return float((self.validation == np.bincount(self.train).argmax()).mean())


def probe_accuracies(train: LayerStates, validation: LayerStates, labels: Labels, c: float) -> dict[str, list[float]]:
    """Return pooling -> accuracy on validation of a probe of each layer, fitted on training rows alone.

    Alain and Bengio 2017, "Understanding intermediate layers using linear classifier probes".

    Args:
        train: States of training rows.
        validation: States of validation rows.
        labels: Their classes.
        c: Inverse strength of the L2 penalty.
    """
    accuracies: dict[str, list[float]] = {}
    for pooling in train.poolings:
        accuracies[pooling] = []
        for layer in range(train.layers):
            weight, bias = fit_probe(train.of(layer, pooling), labels.train, labels.classes, c)
            predicted = (validation.of(layer, pooling) @ weight.T + bias).argmax(1)
            accuracies[pooling].append(float((predicted == labels.validation).mean()))
    return accuracies


@dataclass(frozen=True)
class Separation:
    """Separation of classes by the embeddings of one network, and their map."""

    points: np.ndarray
    """The first two principal components of the validation rows, float [rows, 2]."""
    explained: float
    """Their share of the variance."""
    knn: float
    """Accuracy on validation of the vote of the nearest training rows by cosine, in all dimensions."""
    silhouette: float | None
    """Mean silhouette of validation rows by class and cosine, in all dimensions; None if no two classes repeat."""


def separation(train: np.ndarray, validation: np.ndarray, labels: Labels) -> Separation:
    """Measure the embeddings of one network, float32 [rows, width], and project them on a plane."""
    pca = PCA(n_components=2, svd_solver="full")
    points = pca.fit_transform(validation.astype(np.float64))
    knn = KNeighborsClassifier(min(NEIGHBOURS, len(train)), metric="cosine", algorithm="brute")
    accuracy = float(knn.fit(train, labels.train).score(validation, labels.validation))
    repeated = np.bincount(labels.validation, minlength=labels.classes)[labels.validation] > 1
    silhouette = None
    if len(set(labels.validation[repeated].tolist())) > 1:
        silhouette = float(silhouette_score(validation[repeated], labels.validation[repeated], metric="cosine"))
    return Separation(points, float(pca.explained_variance_ratio_.sum()), accuracy, silhouette)
