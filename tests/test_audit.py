"""Numbers of the audit on a table small enough to count by hand, and its page."""

import datetime
import re
from itertools import pairwise

import pyarrow as pa
import pytest

from complaints.audit import csv_text, measure, render
from complaints.errors import UserError
from complaints.schema import RAW_SCHEMA

MANIFEST = {"source": "file", "synthetic": False}

ROWS = [
    # text, label, day of January 2020
    ("My bank lost XXXX dollars", "Fees", 3),
    ("my  BANK lost XXXX XXXX dollars", "Fees", 4),
    ("My bank lost XX/XX/XXXX dollars", "Loans", 5),
    ("Hello there", "Fees ", None),
    ("Hello THERE", None, 1),
    ("hello there", "", 9),
    ("  ", "Fees", 2),
    ("", None, 2),
    ("XXXX", "Loans", 2),
    ("XXXX", "Loans", 2),
    ("one two three four five six seven eight nine ten", "Cards", 2),
]


def table(rows=ROWS) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"row_id": str(i), "text": text, "label": label, "date": day and datetime.date(2020, 1, day)}
            for i, (text, label, day) in enumerate(rows)
        ],
        schema=RAW_SCHEMA,
    )


def test_the_numbers_are_those_counted_by_hand():
    audit = measure(table(), short_words=3)
    assert audit.numbers == {
        "rows": 11,
        "texts": {
            "blank": 2,
            # Three of two words, two of one.
            "short": 5,
            "redacted_share": round(5 / 9, 4),
            # Words, sorted: 1 1 2 2 2 5 5 6 10.
            "words": {"min": 1, "p05": 1, "p25": 2, "p50": 2, "p75": 5, "p95": 10, "p99": 10, "max": 10},
        },
        "labels": {
            "distinct": 3,
            "missing": 3,
            "largest_share": 0.5,
            "imbalance_ratio": 4.0,
            "under_5": 3,
            "under_10": 3,
            "under_50": 3,
        },
        # Three copies of one text and three of another; two texts of marks alone are copies of nothing.
        "copies": {"groups": 2, "copies": 4, "share": round(4 / 9, 4), "largest_group": 3},
        # Of the seven texts with a label, one of three copies is bound to be wrong.
        "contradictions": {"texts": 1, "rows": 3, "accuracy_ceiling": round(6 / 7, 4)},
        "dates": {"first": "2020-01-01", "last": "2020-01-09", "missing": 1},
    }
    assert audit.label_counts == [("Fees", 4), ("Loans", 3), ("Cards", 1)]
    assert audit.word_counts == [
        (0, 0, 2), (1, 2, 5), (3, 4, 0), (5, 9, 3), (10, 19, 1),
    ]  # fmt: skip


def test_a_text_of_as_many_words_as_the_limit_is_not_short():
    texts = table([("one", "x", 1), ("one two", "x", 1), ("one two three", "x", 1)])
    assert [measure(texts, limit).numbers["texts"]["short"] for limit in (1, 2, 3, 4)] == [0, 1, 2, 3]


def test_labels_under_a_limit_are_fewer_than_it():
    rows = [(f"text {i}", label, 1) for label, n in (("a", 4), ("b", 5), ("c", 9), ("d", 10)) for i in range(n)]
    labels = measure(table([*rows, *((f"e {i}", "e", 1) for i in range(50))]), 3).numbers["labels"]
    assert (labels["under_5"], labels["under_10"], labels["under_50"]) == (1, 3, 4)
    assert labels["imbalance_ratio"] == 12.5


def test_complaints_without_dates_have_no_first_day():
    assert measure(table([("a b", "x", None)]), 3).numbers["dates"] == {"first": None, "last": None, "missing": 1}


def test_every_word_count_falls_into_a_bin_that_holds_it():
    rows = [("word " * n, "x", 1) for n in (0, 1, 2, 3, 9, 10, 999, 1000, 12_345)]
    bins = measure(table(rows), 3).word_counts
    assert sum(count for *_, count in bins) == len(rows)
    assert bins[0] == (0, 0, 1)
    assert bins[-1] == (10_000, 12_345, 1)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(bins))
    assert (1000, 1499, 1) in bins
    assert (750, 999, 1) in bins


@pytest.mark.parametrize("rows", [[], [("", "Fees", 1), ("text", None, 1), ("text", " ", 1)]])
def test_without_one_labelled_text_there_is_nothing_to_audit(rows):
    with pytest.raises(UserError, match=f"none of the {len(rows)} complaints has both a text and a label"):
        measure(table(rows), 3)


def test_csv_keeps_labels_with_commas_and_quotes_apart():
    assert csv_text(("label", "count"), [('Late, "odd"', 2), ("b", 1)]) == 'label,count\n"Late, ""odd""",2\nb,1\n'


def test_the_page_stands_alone_and_shows_labels_escaped():
    rows = [*ROWS, ("some text", "<script>alert(1)</script>", 1)]
    html = render(measure(table(rows), 3), MANIFEST, short_words=3, listed_labels=2)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert html.count('src="data:image/png;base64,') == 2
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert "Synthetic" not in html


def test_the_page_of_synthetic_data_says_so():
    html = render(measure(table(), 3), {"source": "sample", "synthetic": True}, 3, 20)
    assert "Synthetic data" in html


def test_the_page_lists_each_label_once():
    rows = [(f"text {i}", f"label-{i:02}", 1) for i in range(10)]
    audit = measure(table(rows), 3)
    for listed in (1, 7, 20):
        html = render(audit, MANIFEST, 3, listed)
        shown = re.findall(r"<td>(label-\d\d)</td>", html)
        assert len(shown) == len(set(shown)) == min(10, 2 * listed)


def test_the_same_complaints_give_the_same_page():
    pages = {render(measure(table(), 3), MANIFEST, 3, 20) for _ in range(2)}
    assert len(pages) == 1
