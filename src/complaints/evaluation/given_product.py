"""Classification given the product: a task of its own, for an intake that knows the product of a complaint.

Classes that never occur with the product of a row in training are excluded. The scores must not be
compared with those of the task without the product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Candidates:
    """The classes that occur with each product in training."""

    by_product: Mapping[str, np.ndarray]
    """Product, under its new name -> bool [classes]."""
    renamed: Mapping[str, str]
    """Old to new names of products."""
    classes: int

    def of_rows(self, products: Sequence[str | None]) -> np.ndarray:
        """Return the candidates of rows by their products, bool [rows, classes].

        Rows without a product, or with one that training does not have, keep all classes.
        """
        everything = np.ones(self.classes, bool)
        table = np.stack([everything, *self.by_product.values()])
        index = {product: position for position, product in enumerate(self.by_product, 1)}
        return table[[index.get(self.renamed.get(product, product), 0) if product else 0 for product in products]]


def read_candidates(
    products: Sequence[str | None], label_ids: np.ndarray, classes: int, renamed: Mapping[str, str]
) -> Candidates:
    """Return the candidates by the products and class ids of the training rows.

    Args:
        products: Product of each training row, None for none.
        label_ids: Their class ids, int [rows].
        classes: Size of the vocabulary.
        renamed: Old to new names of products.
    """
    by_product: dict[str, np.ndarray] = {}
    for product, label in set(zip(products, label_ids.tolist(), strict=True)):
        if product:
            by_product.setdefault(renamed.get(product, product), np.zeros(classes, bool))[label] = True
    return Candidates(dict(sorted(by_product.items())), renamed, classes)


def masked(scores: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return scores [rows, classes], minus infinity where a class is not allowed (bool [rows, classes])."""
    return np.where(allowed, scores, -np.inf)
