"""Confusion pairs count both directions, and each tier has its own."""

import numpy as np

from complaints.error_analysis.confusion_pairs import ConfusionPair, confusion_pairs
from complaints.error_analysis.destinations import Destination, destinations, same_products

TIERS = ["head", "head", "mid", "tail"]
TRUE = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 3])
PREDICTED = np.array([0, 1, 1, 2, 1, 0, 1, 1, 1, 0, 2, 0, 1])


def test_a_pair_has_both_directions_the_larger_first() -> None:
    first, *_ = confusion_pairs(TRUE, PREDICTED, TIERS, 10)
    assert first == ConfusionPair(1, 0, 1, 2, 2 / 4, 1, 1 / 5, share_of_errors=3 / 7, tier="head")


def test_the_strongest_of_all_and_of_each_tier_are_kept() -> None:
    pairs = confusion_pairs(TRUE, PREDICTED, TIERS, 1)
    assert [(pair.rank, {pair.true, pair.predicted}, pair.tier) for pair in pairs] == [
        (1, {0, 1}, "head"),
        (2, {0, 2}, "mid"),
        (3, {0, 3}, "tail"),
    ]
    assert [pair.rank for pair in confusion_pairs(TRUE, PREDICTED, TIERS, 10)] == [1, 2, 3, 4]


def test_no_error_is_no_pair_and_a_class_without_rows_has_a_share_of_0() -> None:
    assert confusion_pairs(TRUE, TRUE, TIERS, 10) == []
    (pair,) = confusion_pairs(np.array([0]), np.array([3]), TIERS, 10)
    assert (pair.rows_back, pair.share_back) == (0, 0.0)


def test_errors_land_in_classes_by_tier_with_their_products() -> None:
    tree = {
        "products_renamed": {"old card": "card"},
        "classes": [{"main_product": name} for name in ("card", "loan", None, "debt")],
    }
    products = ["card"] * 9 + ["old card", None, None, "debt"]
    same = same_products(tree, products, PREDICTED)
    assert same[9:] == [True, None, None, False]
    assert [item for item in destinations(TRUE, PREDICTED, TIERS, same) if item.tier != "head"] == [
        Destination("mid", 0, 1, 1.0, with_product=1, same_product=1),
        Destination("tail", 0, 1, 0.5, with_product=0, same_product=0),
        Destination("tail", 1, 1, 0.5, with_product=1, same_product=0),
    ]
    head = [item for item in destinations(TRUE, PREDICTED, TIERS, same) if item.tier == "head"]
    assert [(item.predicted, item.rows) for item in head] == [(1, 2), (0, 1), (2, 1)]
