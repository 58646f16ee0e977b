"""Scores at the level of products, from those of issues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from complaints.scoring import metrics


@dataclass(frozen=True)
class ProductScores:
    """Scores of predicted products on the rows that have a true one."""

    rows: int
    products: int
    """Products among the true ones."""
    accuracy: float
    macro_f1: float


def product_scores(
    tree: Mapping[str, Any], products: Sequence[str | None], predicted: np.ndarray
) -> ProductScores | None:
    """Score class predictions as predictions of the product that the class is mostly complained about with.

    `tree` is what `hierarchy` returns, `products` holds the product of each row, `predicted` its class id, int [rows].
    Rows without a product are left out; a class without a main product is wrong on all of its rows. None where no row
    has a product.

    Raises:
        ValueError: if the rows differ in number.
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
    numbers = {product: number for number, product in enumerate(sorted({product for product, _ in pairs}))}
    occurring = len(numbers)
    # Predicted products that are true of no row, and classes without a product, get numbers behind the true ones.
    for _, product in pairs:
        numbers.setdefault(product or "", len(numbers))
    truth = np.array([numbers[product] for product, _ in pairs])
    guess = np.array([numbers[product or ""] for _, product in pairs])
    scores = metrics.class_scores(truth, guess, len(numbers))
    return ProductScores(len(pairs), occurring, metrics.accuracy(truth, guess), metrics.macro_f1(scores))
