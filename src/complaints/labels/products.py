"""Hierarchy of classes under products: the complaints of each class by product, and its main product."""

from collections.abc import Mapping, Sequence
from typing import Any


def hierarchy(
    names: Sequence[str], products: Sequence[Mapping[str | None, int]], renamed: Mapping[str, str]
) -> dict[str, Any]:
    """Return the hierarchy as JSON values: each class's main product and its complaints by product.

    Args:
        names: Class names in the order of their ids.
        products: Complaints of each class by product, None for no product.
        renamed: Old to new product names, already applied to `products`. The hierarchy contains them so that the
            products of single complaints can be renamed too.
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
    """Return the product with the most complaints, the first by name among equals; None if `rows` is empty."""
    return min(rows, key=lambda product: (-rows[product], product), default=None)
