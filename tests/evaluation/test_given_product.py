"""Classification given the product: candidates of training, and masks that cost nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from complaints.evaluation.given_product import masked, read_candidates

RENAMED = {"Credit card": "Card"}


def test_classes_of_other_products_are_no_candidates() -> None:
    found = read_candidates(["Card", "Credit card", "Loan", None], np.array([0, 1, 2, 3]), 4, RENAMED)
    rows = found.of_rows(["Card", "Credit card", "Loan", None, "Prepaid", ""])
    np.testing.assert_array_equal(rows[:2], [[True, True, False, False]] * 2)
    np.testing.assert_array_equal(rows[2], [False, False, True, False])
    # Rows without a product, or with one that training does not have, keep all classes.
    assert rows[3:].all()


@given(
    train=st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 4)), min_size=1, max_size=30),
    seed=st.integers(0, 2**32 - 1),
)
def test_masking_loses_no_right_answer_whose_class_occurs_with_the_product(
    train: list[tuple[str | None, int]], seed: int
) -> None:
    products, labels = [product for product, _ in train], np.array([label for _, label in train])
    scores = np.random.default_rng(seed).normal(size=(len(train), 5))
    # The held-out rows are those of training, so that every true class occurs with its product.
    allowed = read_candidates(products, labels, 5, {}).of_rows(products)
    right = scores.argmax(axis=1) == labels
    known = masked(scores, allowed).argmax(axis=1)
    assert (known == labels)[right].all()
    assert np.take_along_axis(allowed, known[:, None], axis=1).all()
