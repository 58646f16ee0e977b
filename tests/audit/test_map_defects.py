"""Defects of a label map: each kind is found where it is planted, and nowhere else."""

from collections.abc import Mapping
from datetime import date

import pytest
from support.complaints_of import AFTER, ALWAYS, BEFORE, complaints, evidence_of

from complaints.audit.label_evidence import Evidence
from complaints.audit.map_defects import defects, section
from complaints.reporting import html_page

FEES = "charged fee interest surprise statement balance month"
DEBT = "collector called debt mine number wrong harassed"
MAIL = "package letter mail address moved apartment sent"
CARS = "vehicle repossessed dealer driveway towed auction keys"
APPS = "wallet phone transfer app login frozen locked"


def kinds(merges: Mapping[str, str], evidence: Evidence) -> list[tuple[str, tuple[str, str]]]:
    return [(defect.kind, defect.labels) for defect in defects(merges, evidence)]


def test_a_label_mapped_to_itself_is_found_even_without_complaints() -> None:
    assert kinds({"A": "B", "C": "C"}, evidence_of()) == [("mapped to itself", ("C", "C"))]


RENAMED = (
    complaints("Advertising and marketing", FEES, BEFORE),
    complaints("Advertising and marketing, including offers", FEES, AFTER),
    complaints("Communication tactics", DEBT, ALWAYS, "debt"),
)


def test_classes_that_are_one_before_and_after_a_change_are_found_by_name() -> None:
    found = defects({}, evidence_of(*RENAMED))
    pair = ("Advertising and marketing", "Advertising and marketing, including offers")
    assert [(defect.kind, defect.labels) for defect in found] == [("classes kept apart", pair)]
    assert "(20 complaints, until 2017-04-02)" in found[0].reason
    assert "(20 complaints, from 2017-04-24)" in found[0].reason


def test_the_same_classes_once_merged_are_not_defects() -> None:
    assert kinds({RENAMED[0][0]["label"]: RENAMED[1][0]["label"]}, evidence_of(*RENAMED)) == []


@pytest.mark.parametrize("days", [BEFORE, ALWAYS, None])
def test_classes_in_use_at_the_same_time_or_without_dates_are_not_defects(days: tuple[date, date] | None) -> None:
    rows = [{**row, "date": complaint["date"]} for row, complaint in
            zip(RENAMED[1], complaints("x", FEES, days), strict=True)]  # fmt: skip
    assert kinds({}, evidence_of(RENAMED[0], rows, RENAMED[2])) == []


def test_a_class_with_another_wording_in_use_at_the_same_time_as_the_second_class_is_not_a_defect() -> None:
    simultaneous = complaints("Marketing of offers", MAIL, AFTER)
    assert kinds({"Marketing of offers": "Advertising and marketing"}, evidence_of(*RENAMED, simultaneous)) == []


def test_a_label_reworded_entirely_is_found_by_its_product_and_texts() -> None:
    reworded = (
        complaints("Loan servicing, escrow", FEES, BEFORE, "mortgage"),
        complaints("Trouble during payment", FEES, AFTER, "mortgage"),
        complaints("Settlement and costs", MAIL, BEFORE, "mortgage"),
        complaints("Closing", MAIL, AFTER, "mortgage"),
    )
    assert [labels for _, labels in kinds({}, evidence_of(*reworded))] == [
        ("Closing", "Settlement and costs"),
        ("Loan servicing, escrow", "Trouble during payment"),
    ]
    other_products = [[{**row, "product": row["label"]} for row in own] for own in reworded]
    assert kinds({}, evidence_of(*other_products)) == []
    assert kinds({}, evidence_of(*(own[::4] for own in reworded))) == []


def test_a_merge_of_labels_for_different_products_and_words_is_found() -> None:
    groups = (
        complaints("Struggling to pay your bill", FEES, ALWAYS, "card"),
        complaints("Struggling to pay your loan", FEES, ALWAYS, "loan"),
        complaints("Closing an account", DEBT, ALWAYS, "bank"),
        complaints("Closing your account", DEBT, ALWAYS, "card"),
    )
    merges = {
        "Struggling to pay your bill": "Struggling to pay your loan",
        "Closing an account": "Closing your account",
    }
    found = defects(merges, evidence_of(*groups))
    assert [defect.labels for defect in found] == [("Struggling to pay your bill", "Struggling to pay your loan")]
    assert "one names bill, the other loan" in found[0].reason


def test_a_merge_of_two_wordings_in_use_for_the_same_product_is_not_a_defect() -> None:
    groups = (
        complaints("Existing issue", FEES, ALWAYS, "reports"),
        complaints("Existing problem", FEES, ALWAYS, "reports"),
    )
    assert kinds({"Existing issue": "Existing problem"}, evidence_of(*groups)) == []


def test_a_merge_of_one_wording_after_the_other_is_not_a_defect_for_any_words_and_products() -> None:
    groups = (
        complaints("Struggling to pay your bill", FEES, BEFORE, "card"),
        complaints("Struggling to pay your loan", FEES, AFTER, "loan"),
    )
    assert kinds({"Struggling to pay your bill": "Struggling to pay your loan"}, evidence_of(*groups)) == []


def test_a_merge_of_labels_with_different_texts_is_found() -> None:
    groups = (
        complaints("Managing an account", f"{CARS} dealer", BEFORE, "prepaid"),
        complaints("Managing a wallet", f"{APPS} phone", AFTER, "wallets"),
        complaints("Repossession", f"{CARS} {DEBT}", ALWAYS, "cars"),
        complaints("Sold the vehicle", f"{CARS} {APPS}", ALWAYS, "cars"),
        complaints("Frozen app", f"{APPS} {MAIL}", ALWAYS, "apps"),
        complaints("Login", f"{APPS} {CARS} {DEBT}", ALWAYS, "apps"),
    )
    merges = {"Managing an account": "Managing a wallet"}
    found = [defect for defect in defects(merges, evidence_of(*groups)) if defect.kind == "merge of different labels"]
    assert [defect.labels for defect in found] == [("Managing an account", "Managing a wallet")]
    assert "their texts differ" in found[0].reason
    few = evidence_of(groups[0][:5], *groups[1:])
    assert not [defect for defect in defects(merges, few) if defect.kind == "merge of different labels"]


def test_merges_of_labels_without_complaints_are_not_defects() -> None:
    assert kinds({"Never seen": "Communication tactics"}, evidence_of(RENAMED[2])) == []


def test_defects_become_a_table_of_the_page_and_none_a_sentence() -> None:
    html = html_page.render("Audit", "", [section(defects({"A": "A"}, evidence_of()))])
    assert "mapped to itself" in html
    assert "no defect of the label map" in section([]).text
