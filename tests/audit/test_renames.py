"""Candidates for renames: their order, and the evidence on each."""

from datetime import date

import numpy as np
import pytest
from support.complaints_of import AFTER, ALWAYS, BEFORE, complaints, evidence_of

from complaints.audit import renames
from complaints.audit.label_evidence import Evidence
from complaints.reporting import html_page

FEES = "charged fee interest surprise statement balance month"
DEBT = "collector called debt mine number wrong harassed"
MAIL = "package letter mail address moved apartment sent"


def renamed() -> Evidence:
    """Return evidence on a label renamed with its product, two choices of one form, and an unrelated label."""
    return evidence_of(
        complaints("Charged fees I didn't expect", FEES, BEFORE, "old loans", rows=12),
        complaints("Charged fees you didn't expect", FEES, AFTER, "loans", rows=40),
        complaints("Late fee", FEES, ALWAYS, "card"),
        complaints("Other fee", MAIL, ALWAYS, "card"),
        complaints("Communication tactics", DEBT, ALWAYS, "debt"),
    )


def test_a_label_that_ends_when_a_similar_one_begins_is_the_first_candidate() -> None:
    best = renames.candidates(renamed(), {}, 1)[0]
    assert (best.old, best.new) == ("Charged fees I didn't expect", "Charged fees you didn't expect")
    assert (best.old_rows, best.new_rows) == (12, 40)
    assert (best.date_overlap, best.product_overlap) == (0.0, 0.0)
    assert best.name_similarity > 0.7
    assert best.text_similarity > 0.9
    assert best.old_ends is not None
    assert best.new_begins is not None
    assert best.old_ends < date(2017, 4, 24) <= best.new_begins


def test_two_choices_of_one_form_rank_below_the_same_labels_at_different_times() -> None:
    def score(days: tuple[date, date], product: str) -> float:
        found = evidence_of(
            complaints("Late fee", FEES, BEFORE, "card"),
            complaints("Late fees", FEES, days, product),
            complaints("Rewards", DEBT, ALWAYS, "card"),
        )
        return float(renames.scores(found)[0, 1])

    assert score(BEFORE, "card") < score(AFTER, "card")
    assert score(BEFORE, "card") < score(BEFORE, "loan")
    assert score(AFTER, "card") == score(BEFORE, "loan")


def test_without_dates_names_and_texts_alone_decide() -> None:
    found = evidence_of(
        complaints("Getting a loan", FEES, None, None, rows=5),
        complaints("Getting the loan", FEES, None, None, rows=30),
        complaints("Getting a card", DEBT, None, None),
    )
    best = renames.candidates(found, {}, 3)[0]
    assert (best.old, best.new) == ("Getting a loan", "Getting the loan")
    assert best.date_overlap is best.product_overlap is best.old_ends is best.new_begins is None
    assert best.score == pytest.approx(best.name_similarity * (1 + best.text_similarity) / 2, abs=0.002)


def test_dates_without_products_count_as_one_form() -> None:
    together, apart = (
        renames.side_by_side(evidence_of(complaints("A", FEES, ALWAYS, None), complaints("B", FEES, days, None)))[0, 1]
        for days in (ALWAYS, (date(2030, 1, 1), date(2031, 1, 1)))
    )
    assert together > 0.9
    assert apart == 0


@pytest.mark.parametrize(
    ("merges", "expected"),
    [
        ({}, "apart"),
        ({"A": "B"}, "merged"),
        ({"B": "A"}, "merged"),
        ({"A": "C", "B": "C"}, "same class"),
        ({"A": "C"}, "apart"),
        ({"A": "A"}, "apart"),
    ],
)
def test_a_pair_is_merged_of_the_same_class_or_apart(merges: dict[str, str], expected: str) -> None:
    assert renames.status("A", "B", merges) == expected


def test_all_pairs_are_candidates_best_first_and_a_limit_cuts_them() -> None:
    found = renamed()
    every = renames.candidates(found, {}, 1000)
    assert len({frozenset((item.old, item.new)) for item in every}) == len(every) == 10
    assert [item.score for item in every] == sorted((item.score for item in every), reverse=True)
    assert renames.candidates(found, {}, 4) == every[:4]


def test_candidates_become_a_table_of_the_page_and_rows_of_a_csv() -> None:
    found = renames.candidates(renamed(), {"Late fee": "Other fee"}, 1000)
    html = html_page.render("Audit", "", [renames.section(found)])
    assert "Charged fees I didn&#39;t expect" in html
    assert html.count("<tr>") == 11
    rows = renames.csv_rows(found)
    assert {len(row) for row in rows} == {len(renames.CSV_HEADER)}
    assert [row[-1] for row in rows].count("merged") == 1
    assert renames.section([]).rows == []


def test_scores_are_between_0_and_1_and_symmetric() -> None:
    score = renames.scores(renamed())
    assert np.all((score >= 0) & (score <= 1))
    np.testing.assert_array_equal(score, score.T)
