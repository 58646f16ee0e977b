"""Class predictions scored as products."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from complaints.evaluation.products import ProductScores, product_scores
from complaints.labels.products import hierarchy


def tree(main: list[str | None], renamed: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a hierarchy with these main products, in the order of class ids."""
    counts = [{product: 1} for product in main]
    return hierarchy([str(k) for k in range(len(main))], counts, renamed or {})


def score(main: list[str | None], true: list[str | None], class_ids: list[int], **renamed: str) -> ProductScores:
    scores = product_scores(tree(main, renamed), true, np.array(class_ids, int))
    assert scores is not None
    return scores


def test_prediction_is_correct_if_its_class_belongs_to_the_true_product() -> None:
    scores = score(["card"] * 3, ["card", "card", "loan", None], [0, 1, 2, 2])
    assert (scores.rows, scores.products, scores.accuracy) == (3, 2, 2 / 3)
    assert scores.macro_f1 == pytest.approx(0.4)


def test_renamed_product_counts_under_its_new_name() -> None:
    scores = score(["card", "loan"], ["credit_card", "card", "loan"], [0, 0, 0], credit_card="card")
    assert (scores.products, scores.accuracy) == (2, 2 / 3)


def test_class_without_a_product_is_wrong_on_every_row() -> None:
    scores = score(["card", None], ["card", "card"], [0, 1])
    assert (scores.accuracy, scores.products) == (0.5, 1)


def test_without_any_product_there_is_no_score() -> None:
    assert product_scores(tree([None, None]), [None, None], np.array([0, 1])) is None
    assert product_scores(tree([]), [], np.array([], int)) is None


def test_different_numbers_of_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        product_scores(tree(["card"]), ["card"], np.array([0, 0]))


@given(
    rows=st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 3)), max_size=30),
    main=st.lists(st.sampled_from(["a", "b", "d", None]), min_size=4, max_size=4),
)
def test_scores_equal_those_of_scikit_learn_on_products(
    rows: list[tuple[str | None, int]], main: list[str | None]
) -> None:
    true = [product for product, _ in rows]
    class_ids = [k for _, k in rows]
    known = [(product, main[k] or "none") for product, k in rows if product is not None]
    if not known:
        assert product_scores(tree(main), true, np.array(class_ids, int)) is None
        return
    scores = score(main, true, class_ids)
    truth, guess = zip(*known, strict=True)
    assert scores.rows == len(known)
    assert scores.products == len(set(truth))
    assert scores.accuracy == pytest.approx(accuracy_score(truth, guess))
    listed = sorted(set(truth))
    assert scores.macro_f1 == pytest.approx(f1_score(truth, guess, labels=listed, average="macro", zero_division=0))
