"""Evidence on labels, independent of the order and the batches of complaints."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.complaints_of import AFTER, ALWAYS, BEFORE, complaints, evidence_of

from complaints.audit import label_evidence
from complaints.audit.label_evidence import Evidence, EvidenceCollector, name_similarity, text_similarity
from complaints.core.schema import RAW_SCHEMA


def collect(table: pa.Table, batch_rows: int) -> Evidence:
    collector = EvidenceCollector()
    for batch in table.to_batches(max_chunksize=batch_rows):
        collector.add(batch)
    return collector.evidence()


def assert_equal(one: Evidence, other: Evidence) -> None:
    for name in Evidence.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


ROWS = [
    *complaints("Old fee", "fee charge interest late money bank", BEFORE, rows=30),
    *complaints("New fee", "fee charge interest late money bank", AFTER, rows=9),
    *complaints("Advertising", "offer bonus promised mail letter", None, None, rows=3),
]


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(len(ROWS))), batch_rows=st.integers(1, 60))
def test_neither_the_order_of_complaints_nor_the_batches_matter(order: list[int], batch_rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Samples smaller than the labels, and tallies merged in between, as for millions of complaints.
        patch.setattr(label_evidence, "TEXTS_PER_LABEL", 5)
        patch.setattr(label_evidence, "SPARE_TEXTS", 2)
        patch.setattr(label_evidence, "TALLY_ROWS", 4)
        table = pa.Table.from_pylist(ROWS, schema=RAW_SCHEMA)
        assert_equal(collect(table.take(order), batch_rows), collect(table, len(ROWS)))


def test_counts_leave_out_complaints_without_a_label_or_a_text() -> None:
    rows = complaints("A", "one two three", rows=4) + complaints(" A ", "four five six", rows=2)
    rows += [{**rows[0], "text": " \n"}, {**rows[0], "label": None}, {**rows[0], "label": "  "}]
    found = evidence_of(rows)
    assert found.labels == ("A",)
    assert found.rows.tolist() == [6]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.dates(date(1960, 1, 1), date(2030, 1, 1)), min_size=1, max_size=30),
    st.lists(st.dates(date(1960, 1, 1), date(2030, 1, 1)), min_size=1, max_size=30),
)
def test_periods_and_their_overlap_are_those_of_the_days_themselves(first: list[date], second: list[date]) -> None:
    rows = [
        {"row_id": f"{label}{i}", "text": "x", "label": label, "date": day}
        for label, days in (("A", first), ("B", second))
        for i, day in enumerate(days)
    ]
    found = evidence_of(rows)
    days = [np.array([(day - date(1970, 1, 1)).days for day in own]) for own in (first, second)]
    low, high = (np.array([np.quantile(own, q, method="inverted_cdf") for own in days]) for q in (0.05, 0.95))
    np.testing.assert_array_equal(found.begins, low)
    np.testing.assert_array_equal(found.ends, high)
    shares = [np.mean((days[i] >= low[1 - i]) & (days[i] <= high[1 - i])) for i in (0, 1)]
    assert found.date_overlap[0, 1] == found.date_overlap[1, 0] == pytest.approx(max(shares))


def test_products_overlap_by_the_smaller_of_their_shares() -> None:
    found = evidence_of(
        complaints("A", "x y", product="card", rows=3),
        complaints("A", "x y", product="loan", rows=1),
        complaints("B", "x y", product="loan", rows=1),
        complaints("B", "x y", product=None, rows=5),
        complaints("C", "x y", product="debt", rows=2),
    )
    np.testing.assert_allclose(found.product_overlap, np.array([[1, 0.25, 0], [0.25, 1, 0], [0, 0, 1]]))


def test_without_dates_or_products_overlaps_are_not_known() -> None:
    found = evidence_of(complaints("A", "x y", ALWAYS, None), complaints("B", "x y", None, "card"))
    assert np.isnan(found.date_overlap[0, 1])
    assert np.isnan(found.product_overlap[0, 1])
    assert np.isnan(found.begins).tolist() == [False, True]


def drawn(generator: np.random.Generator, words: int, offset: int, texts: int) -> list[str]:
    return [" ".join(f"w{offset + w}" for w in generator.integers(0, words, 30)) for _ in range(texts)]


@pytest.mark.parametrize("few", [2, 5, 300])
def test_texts_of_one_vocabulary_are_similar_even_if_one_label_has_few(few: int) -> None:
    generator = np.random.default_rng(3)
    texts = [drawn(generator, 300, 0, 300), drawn(generator, 300, 0, few), drawn(generator, 300, 1000, 50)]
    similar = text_similarity(texts)
    assert similar[0, 1] > 0.85
    assert similar[0, 2] < 0.01
    assert np.all((similar >= 0) & (similar <= 1))


def test_a_text_filed_many_times_counts_once() -> None:
    letter = complaints("A", "template letter wording", rows=1) * 300
    others = complaints("A", "card fee late charge bank", rows=20)
    once = evidence_of(letter[:1], others, complaints("B", "card fee late charge bank"))
    often = evidence_of(letter, others, complaints("B", "card fee late charge bank"))
    assert often.text_similarity[0, 1] == once.text_similarity[0, 1] > 0.5


def test_names_are_similar_by_words_and_by_characters() -> None:
    similar = name_similarity(("Closing an account", "Closing your account", "Late fee", "Late fees", "Rewards"))
    assert similar[0, 1] > 0.5 > similar[0, 2]
    assert similar[2, 3] > 0.4 > similar[2, 4]
    np.testing.assert_allclose(np.diag(similar), 1)
    assert name_similarity(()).shape == (0, 0)


def test_labels_beyond_the_limit_are_counted_and_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_evidence, "MAX_LABELS", 2)
    found = evidence_of(*(complaints(label, "x y", rows=3) for label in ("C", "A", "B")))
    assert found.labels == ("A", "C")
    assert found.rows_left_out == 3


def test_the_evidence_of_no_complaints_is_empty() -> None:
    assert EvidenceCollector().evidence().labels == ()
    assert evidence_of(complaints(" ", "x y")).text_similarity.shape == (0, 0)
