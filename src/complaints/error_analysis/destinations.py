"""Destinations of errors: the classes in which the misclassified rows of each tier land."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from complaints.uncertainty.count_metrics import TIERS


@dataclass(frozen=True)
class Destination:
    """A class that errors on rows of a tier land in."""

    tier: str
    """The tier of the true classes."""
    predicted: int
    rows: int
    share: float
    """Share of all errors on rows of the tier."""
    with_product: int
    """Rows that name their product."""
    same_product: int
    """Rows whose product is the main product of the predicted class."""


def same_products(tree: Mapping[str, Any], products: Sequence[str | None], predicted: np.ndarray) -> list[bool | None]:
    """Return, for each row, whether its product is the main product of the predicted class; None without a product.

    Args:
        tree: The hierarchy of products and classes, as `labels.products.hierarchy` returns it.
        products: The product of each row, None if the source names none.
        predicted: Predicted class ids, int [rows].
    """
    renamed = tree["products_renamed"]
    main = [entry["main_product"] for entry in tree["classes"]]
    return [
        None if not product else renamed.get(product, product) == main[class_id]
        for product, class_id in zip(products, predicted.tolist(), strict=True)
    ]


def destinations(
    true: np.ndarray, predicted: np.ndarray, tiers: Sequence[str], same_product: Sequence[bool | None]
) -> list[Destination]:
    """Return the destinations of errors by tier of the true class, those with most rows first within a tier.

    Args:
        true: True class ids, int [rows].
        predicted: Predicted class ids, int [rows].
        tiers: The tier of each class.
        same_product: The result of `same_products`.
    """
    tier_of = np.array(tiers)
    known = np.array([value is not None for value in same_product])
    same = np.array([value is True for value in same_product])
    found = []
    for tier in TIERS:
        wrong = (tier_of[true] == tier) & (true != predicted)
        rows = np.bincount(predicted[wrong], minlength=len(tiers))
        for class_id in np.argsort(-rows, kind="stable")[: int(np.sum(rows > 0))].tolist():
            here = wrong & (predicted == class_id)
            share = float(rows[class_id] / wrong.sum())
            products = int(np.sum(known & here)), int(np.sum(same & here))
            found.append(Destination(tier, class_id, int(rows[class_id]), share, *products))
    return found
