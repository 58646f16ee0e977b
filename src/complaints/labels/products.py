"""Issues under the products they are complained about with, and predictions scored at the level of products."""

from collections.abc import Mapping, Sequence
from typing import Any


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
