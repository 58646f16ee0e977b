"""Scores of predicted products, derived from predicted classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from complaints.scoring import metrics


@dataclass(frozen=True)
class ProductScores:
    """Scores of predicted products on the rows that have a true product."""

    rows: int
    products: int
    """Number of distinct true products."""
    accuracy: float
    macro_f1: float


def product_scores(
    tree: Mapping[str, Any], products: Sequence[str | None], predicted: np.ndarray
) -> ProductScores | None:
    """Return the scores of class predictions taken as predictions of each class's main product.

    The main product of a class is the one that most of its complaints are about. Rows without a product are left out;
    a class without a main product is wrong on all of its rows.

    Args:
        tree: The hierarchy of products and classes, as `labels.products.hierarchy` returns it.
        products: The product of each row.
        predicted: The predicted class id of each row, int [rows].

    Returns:
        The scores, or None if no row has a product.

    Raises:
        ValueError: if the numbers of rows differ.
    """
    renamed = tree["products_renamed"]
    main_products = [entry["main_product"] for entry in tree["classes"]]
    pairs = [
        (renamed.get(product, product), main_products[class_id])
        for product, class_id in zip(products, predicted.tolist(), strict=True)
        if product
    ]
    if not pairs:
        return None
    ids = {product: index for index, product in enumerate(sorted({product for product, _ in pairs}))}
    true_products = len(ids)
    # Predicted products that are true of no row, and "" for classes without a product, have ids after the true ones.
    for _, product in pairs:
        ids.setdefault(product or "", len(ids))
    true = np.array([ids[product] for product, _ in pairs])
    guessed = np.array([ids[product or ""] for _, product in pairs])
    scores = metrics.class_scores(true, guessed, len(ids))
    return ProductScores(len(pairs), true_products, metrics.accuracy(true, guessed), metrics.macro_f1(scores))
