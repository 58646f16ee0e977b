"""Hierarchy of classes under products."""

import json

from complaints.labels.products import hierarchy


def test_hierarchy_has_the_products_of_each_class_and_the_main_one() -> None:
    counts: list[dict[str | None, int]] = [{"card": 2, "loan": 5, None: 9}, {"loan": 1, "card": 1}, {None: 3}]
    found = hierarchy(["Fees", "Late", "Other"], counts, {"credit_card": "card"})
    assert found["classes"] == [
        {"class": "Fees", "main_product": "loan", "rows": {"card": 2, "loan": 5}},
        {"class": "Late", "main_product": "card", "rows": {"card": 1, "loan": 1}},
        {"class": "Other", "main_product": None, "rows": {}},
    ]
    assert found["products_renamed"] == {"credit_card": "card"}
    assert json.loads(json.dumps(found)) == found
