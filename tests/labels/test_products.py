"""Issues under products, and class predictions scored as products."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from complaints.evaluation.products import ProductScores, product_scores
from complaints.labels.products import hierarchy


def test_each_class_has_its_products_and_the_main_one():
    counts = [{"card": 2, "loan": 5, None: 9}, {"loan": 1, "card": 1}, {None: 3}]
    found = hierarchy(["Fees", "Late", "Other"], counts, {"credit_card": "card"})
    assert found["classes"] == [
        {"class": "Fees", "main_product": "loan", "rows": {"card": 2, "loan": 5}},
        {"class": "Late", "main_product": "card", "rows": {"card": 1, "loan": 1}},
        {"class": "Other", "main_product": None, "rows": {}},
    ]
    assert found["products_renamed"] == {"credit_card": "card"}
    assert json.loads(json.dumps(found)) == found


def tree(main: list[str | None], renamed: dict[str, str] | None = None) -> dict:
    """A hierarchy whose class ids have these main products."""
    counts = [{product: 1} for product in main]
    return hierarchy([str(k) for k in range(len(main))], counts, renamed or {})


def test_a_prediction_is_right_when_its_class_belongs_to_the_true_product():
    scores = product_scores(tree(["card"] * 3), ["card", "card", "loan", None], np.array([0, 1, 2, 2]))
    assert scores == ProductScores(rows=3, products=2, accuracy=2 / 3, macro_f1=pytest.approx(0.4))


def test_a_product_that_was_renamed_counts_under_its_new_name():
    renamed = {"credit_card": "card"}
    scores = product_scores(tree(["card", "loan"], renamed), ["credit_card", "card", "loan"], np.array([0, 0, 0]))
    assert (scores.products, scores.accuracy) == (2, 2 / 3)


def test_a_class_without_a_product_is_wrong_on_every_row():
    scores = product_scores(tree(["card", None]), ["card", "card"], np.array([0, 1]))
    assert (scores.accuracy, scores.products) == (0.5, 1)


def test_without_any_product_there_is_no_score():
    assert product_scores(tree([None, None]), [None, None], np.array([0, 1])) is None
    assert product_scores(tree([]), [], np.array([], int)) is None


def test_rows_that_differ_in_number_are_an_error():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        product_scores(tree(["card"]), ["card"], np.array([0, 0]))


@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 3)), max_size=30),
    main=st.lists(st.sampled_from(["a", "b", "d", None]), min_size=4, max_size=4),
)
def test_scores_are_those_of_scikit_learn_on_products(rows, main):
    true = [product for product, _ in rows]
    scores = product_scores(tree(main), true, np.array([k for _, k in rows], int))
    known = [(product, main[k] or "none") for product, k in rows if product is not None]
    if not known:
        assert scores is None
        return
    truth, guess = zip(*known, strict=True)
    assert scores.rows == len(known)
    assert scores.products == len(set(truth))
    assert scores.accuracy == pytest.approx(accuracy_score(truth, guess))
    assert scores.macro_f1 == pytest.approx(f1_score(truth, guess, average="macro", zero_division=0))
