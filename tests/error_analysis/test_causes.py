"""Causes of confusions that lie in the label map: renames and near-equal names, but not two choices of one form."""

import datetime

import pyarrow as pa

from complaints.error_analysis.causes import MapEvidence, gather

NAMES = ["Billing dispute", "Billing disputes", "Closing your account", "Closing an account", "Fraud", "FRAUD!"]
OLD, NEW = datetime.date(2015, 1, 1), datetime.date(2019, 1, 1)
TEXTS = {0: "wrong bill amount charged twice", 2: "they closed the account", 4: "a scam stole my money"}


def evidence(classes: list[tuple[int, datetime.date | None, str | None]], names: list[str] = NAMES) -> MapEvidence:
    """Return the evidence of 20 complaints for each (class id, first day, product)."""
    rows = [
        {
            "text": f"{TEXTS[label // 2 * 2]} number {i}",
            "label_id": label,
            "date": day and day + datetime.timedelta(days=i),
            "product": product,
        }
        for label, day, product in classes
        for i in range(20)
    ]
    schema = pa.schema(
        [("text", pa.string()), ("label_id", pa.int32()), ("date", pa.date32()), ("product", pa.string())]
    )
    return gather([pa.RecordBatch.from_pylist(rows, schema)], names)


def test_two_classes_that_follow_one_another_are_a_rename() -> None:
    cause = evidence([(0, OLD, "card"), (1, NEW, "card"), (4, OLD, "card")]).cause(
        "Billing disputes", "Billing dispute"
    )
    assert cause is not None
    assert cause.kind == "rename"
    assert "'Billing dispute' (20 complaints, until 2015-01-19)" in cause.reason
    assert "'Billing disputes' (20 complaints, from 2019-01-01)" in cause.reason


def test_near_equal_names_of_different_products_are_the_maps_fault_and_of_one_form_are_not() -> None:
    apart = evidence([(2, NEW, "card"), (3, NEW, "checking"), (4, NEW, "card")])
    cause = apart.cause("Closing your account", "Closing an account")
    assert cause is not None
    assert cause.kind == "near-equal names"
    assert "overlap of products 0.00" in cause.reason
    together = evidence([(2, NEW, "card"), (3, NEW, "card"), (4, NEW, "card")])
    assert together.cause("Closing your account", "Closing an account") is None


def test_names_decide_alone_where_dates_and_products_are_unknown() -> None:
    cause = evidence([(2, None, None), (3, None, None), (4, None, None)]).cause(NAMES[2], NAMES[3])
    assert cause is not None
    assert cause.kind == "near-equal names"
    assert "overlap" not in cause.reason


def test_names_that_differ_in_case_and_punctuation_are_equal_even_without_complaints() -> None:
    found = evidence([(4, NEW, "card")])
    cause = found.cause("Fraud", "FRAUD!")
    assert cause is not None
    assert cause.kind == "equal names"
    assert found.likeness("Fraud", "FRAUD!") is None


def test_different_classes_have_no_cause_and_a_likeness() -> None:
    found = evidence([(0, NEW, "card"), (4, NEW, "card")])
    assert found.cause("Billing dispute", "Fraud") is None
    likeness = found.likeness("Billing dispute", "Fraud")
    assert likeness is not None
    assert (likeness.dates, likeness.products) == (0.95, 1.0)
    assert likeness.names < 0.5
