"""Issues under the products they are complained about with, and predictions scored at the level of products."""

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


def hierarchy(
    names: Sequence[str], products: Sequence[Mapping[str | None, int]], renamed: Mapping[str, str]
) -> dict[str, Any]:
    """Return data/interim/hierarchy.json: for each class, in order of its id, its main product and rows by product.

    `renamed` maps a product to the name that it is counted under in `products`; it goes into the file, so that products
    of single complaints can be renamed likewise. The main product is the one with the most complaints, of equals the
    first by name; it is None, and `rows` empty, for a class none of whose complaints names a product.
    """
    known = [{product: rows for product, rows in own.items() if product is not None} for own in products]
    return {
        "classes": [
            {"class": name, "main_product": main_product(own), "rows": own}
            for name, own in zip(names, known, strict=True)
        ],
        "products_renamed": dict(renamed),
    }


def main_product(rows: Mapping[str, int]) -> str | None:
    """Return the product with the most complaints, of equals the first by name, None where there is none."""
    return min(rows, key=lambda product: (-rows[product], product), default=None)


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
