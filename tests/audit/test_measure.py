"""Numbers of an audit, on complaints few enough to count by hand."""

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.audit_data import PARAMS, complaint, measure, word_tokenizer

from complaints.audit import measure as audit_measure
from complaints.backbones.tokenizer import counter_digest
from complaints.core import parquet
from complaints.core.errors import UserError

ROWS = [
    complaint("My bank lost XXXX dollars", "Fees", "2020-01-03"),
    complaint("my  BANK lost XXXX XXXX dollars", "Fees", "2020-01-04"),
    complaint("My bank lost XX/XX/XXXX dollars", "Loans", "2020-01-05"),
    complaint("Hello there", "Fees ", None),
    complaint("Hello THERE", None, "2020-01-01"),
    complaint("hello there", "", "2021-04-09"),
    complaint("  ", "Fees", "2020-01-02"),
    complaint("", None, "2020-01-02"),
    complaint("XXXX", "Loans", "2020-01-02"),
    complaint("XXXX", "Loans", "2020-01-02"),
    complaint("one two three four five six seven eight nine ten", "Cards", "2020-01-02"),
]
STEMS = [f"{word} {index}" for index in range(4) for word in ("mortgage", "escrow", "overdraft", "branch", "teller")]
LETTER = " ".join(f"the {stem} was handled without any notice to me" for stem in STEMS)


def test_the_numbers_equal_those_counted_by_hand(tmp_path: Path) -> None:
    found = measure(tmp_path, ROWS)
    copies = {"clusters": 2, "copies": 4, "share": round(4 / 9, 4), "largest": 3}
    contradictions = {"texts": 1, "rows": 3, "accuracy_ceiling": round(6 / 7, 4)}
    assert found.numbers == {
        "rows": 11,
        "texts": {
            "blank": 2,
            # Three of two words, two of one.
            "short": 5,
            # Words, sorted: 1 1 2 2 2 5 5 6 10.
            "words": {"min": 1, "p05": 1, "p25": 2, "p50": 2, "p75": 5, "p95": 10, "p99": 10, "max": 10},
        },
        "tokens": {
            "tokenizer": "tiny",
            "tokenizer_sha256": counter_digest(word_tokenizer()),
            "sample": 9,
            "min": 3, "p05": 3, "p25": 4, "p50": 4, "p75": 7, "p95": 12, "p99": 12, "max": 12,
            "truncated_share": {"4": round(4 / 9, 4), "8": round(1 / 9, 4)},
        },
        "redaction": {"texts_share": round(5 / 9, 4), "words_share": round(6 / 34, 4), "half_redacted": 2},
        "labels": {
            "distinct": 3,
            "missing": 3,
            "largest_share": 0.5,
            "imbalance_ratio": 4.0,
            "under_5": 3,
            "under_10": 3,
            "under_50": 3,
        },
        # Three rows with one text and three with another; two texts of marks only are not duplicates.
        "copies": {"exact": copies, "near": copies},
        # Of the seven texts with a label, a classifier is wrong on one of three duplicates.
        "contradictions": {"exact": contradictions, "near": contradictions},
        "leaks": {},
        "dates": {"first": "2020-01-01", "last": "2021-04-09", "missing": 1},
        "encoding": {"control": 0, "html": 0, "mojibake": 0, "replacement": 0},
        "languages": {},
        "personal": {kind: {"rows": 0, "found": 0} for kind in ("card", "email", "phone", "ssn")},
    }  # fmt: skip
    assert found.label_counts == [("Fees", 4), ("Loans", 3), ("Cards", 1)]
    assert found.word_counts == [(0, 0, 2), (1, 2, 5), (3, 4, 0), (5, 9, 3), (10, 19, 1)]
    assert found.cluster_sizes == [(1, 1, 3, 3), (3, 4, 2, 6)]
    assert found.label_years == (
        ["label", "first", "last", "2020"],
        [
            ["Fees", "2020-01-02", "2020-01-04", 3],
            ["Loans", "2020-01-02", "2020-01-05", 3],
            ["Cards", "2020-01-02", "2020-01-02", 1],
        ],
    )
    assert list(found.findings.rows()) == [
        ("6", "blank"), ("7", "blank"),
        ("3", "short"), ("4", "short"), ("5", "short"), ("8", "short"), ("9", "short"),
    ]  # fmt: skip


def test_planted_findings_are_found_in_their_rows_and_nowhere_else(tmp_path: Path) -> None:
    clean = [complaint(f"The bank charged me a fee of {n} dollars and will not refund it") for n in range(20)]
    # Five plain words are too few to identify a language.
    clean.append(complaint("mi tarjeta fue clonada ayer XXXX XXXX XX/XX/XXXX"))
    planted = {
        "encoding_control": "a bell \x07 rang in the bank",
        "encoding_html": "fees &amp; charges of the bank",
        "encoding_mojibake": "I canâ€™t pay this to the bank",
        "encoding_replacement": "I can\ufffdt pay this to the bank",
        "language_es": "El banco me cobró una comisión que no debía y se niega a devolverme el dinero de mi cuenta",
        "personal_card": "my card is 4111 1111 1111 1111 at the bank",
        "personal_email": "write to me at jane@example.org or joan@example.org",
        "personal_phone": "the number is 212-555-0142 for me",
        "personal_ssn": "my social is 123-45-6789 for the bank",
    }
    found = measure(tmp_path, [*clean, *map(complaint, planted.values())])
    ids = {kind: str(21 + index) for index, kind in enumerate(planted)}
    assert {kind: row for row, kind in found.findings.rows()} == ids
    assert found.findings.counts == {kind: 1 for kind in planted} | {"blank": 0, "short": 0}
    assert found.numbers["encoding"] == {"control": 1, "html": 1, "mojibake": 1, "replacement": 1}
    assert found.numbers["languages"] == {"es": 1}
    assert found.numbers["personal"]["email"] == {"rows": 1, "found": 2}
    assert found.numbers["personal"]["ssn"] == {"rows": 1, "found": 1}


def test_a_letter_with_a_changed_word_is_a_near_duplicate_and_not_an_exact_one(tmp_path: Path) -> None:
    rows = [
        complaint("The weather is fine in the mountains at this time of the year, they say", "Other", "2019-01-01"),
        complaint(LETTER, "Fees", "2020-05-05"),
        complaint(LETTER.replace("teller 3", "Acme"), "Fees", "2020-02-02"),
        complaint(LETTER.upper(), "Loans", None),
        complaint(LETTER.lower(), None, None),
    ]
    found = measure(tmp_path, rows)
    assert found.numbers["copies"]["exact"] == {"clusters": 1, "copies": 2, "share": 0.4, "largest": 3}
    assert found.numbers["copies"]["near"] == {"clusters": 1, "copies": 3, "share": 0.6, "largest": 4}
    assert found.numbers["contradictions"]["exact"] == {"texts": 1, "rows": 2, "accuracy_ceiling": 0.75}
    assert found.numbers["contradictions"]["near"] == {"texts": 1, "rows": 3, "accuracy_ceiling": 0.75}
    excerpt = LETTER[: audit_measure.EXCERPT_CHARACTERS - 1] + "…"
    letter = audit_measure.Example(excerpt, 4, 2, [("Fees", 2), ("Loans", 1)], "2020-02-02", "2020-05-05")
    assert found.clusters == [letter]
    # The duplicate without a label contradicts nothing.
    assert found.contradictions == [replace(letter, rows=3)]


def test_an_excerpt_shows_no_personal_data(tmp_path: Path) -> None:
    found = measure(tmp_path, [complaint("call me\nat 212-555-0142 please")] * 2)
    assert found.clusters[0].excerpt == "call me at XXXX please"


def test_duplicates_of_train_in_the_held_out_splits_are_leaks(tmp_path: Path) -> None:
    near = LETTER.replace("teller 3", "Acme")
    rows = [
        complaint(LETTER, split="train"),
        complaint("Some other complaint", split="train"),
        complaint("A third complaint altogether", split="validation"),
        complaint("some OTHER complaint", split="validation"),
        complaint(near, split="test"),
        complaint("Some other complaint", split="test"),
        complaint("a third complaint altogether", split="test"),
        complaint("In no other split", split="test"),
        complaint(LETTER, split=None),
        complaint("", split="train"),
        complaint("", split="test"),
    ]
    assert measure(tmp_path, rows).numbers["leaks"] == {
        "validation_in_train": {"rows": 2, "exact": 1, "near": 1},
        "test_in_train": {"rows": 4, "exact": 1, "near": 2},
        "test_in_validation": {"rows": 4, "exact": 2, "near": 2},
    }


def test_examples_are_found_in_every_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 4)
    names = ["apple", "pear", "plum", "fig", "lime"]
    rows = [complaint(f"{name} text", "x") for name in names for _ in range(3)]
    assert [example.excerpt for example in measure(tmp_path, rows).clusters] == [f"{name} text" for name in names]


def test_the_numbers_do_not_depend_on_the_order_of_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 16)
    rows = [{**row, "row_id": f"row {i}"} for i, row in enumerate(ROWS * 5)]
    rows += [{**complaint("word " * n), "row_id": f"long {n}"} for n in range(1, 100)]
    rows += [{**complaint(label, label), "row_id": label} for label in ("rare", "seldom", "scarce", "unusual")]
    first = measure(tmp_path, rows, token_sample=20)
    random.Random(5).shuffle(rows)
    other = measure(tmp_path, rows, token_sample=20)
    assert first.numbers == other.numbers
    assert first.numbers["tokens"]["sample"] == 20
    assert first.label_counts == other.label_counts
    assert first.label_years == other.label_years


def test_a_text_of_as_many_words_as_the_limit_is_not_short(tmp_path: Path) -> None:
    texts = [complaint("one"), complaint("one two"), complaint("one two three")]
    short = [measure(tmp_path, texts, short_words=limit).numbers["texts"]["short"] for limit in (1, 2, 3, 4)]
    assert short == [0, 1, 2, 3]


def test_labels_under_a_limit_are_fewer_than_it(tmp_path: Path) -> None:
    counts = {"a": 4, "b": 5, "c": 9, "d": 10, "e": 50}
    labels = measure(tmp_path, [complaint(f"{name} {i}", name) for name, n in counts.items() for i in range(n)])
    numbers = labels.numbers["labels"]
    assert (numbers["under_5"], numbers["under_10"], numbers["under_50"]) == (1, 3, 4)
    assert numbers["imbalance_ratio"] == 12.5


def test_complaints_without_dates_have_no_days_years_or_quarters(tmp_path: Path) -> None:
    found = measure(tmp_path, [complaint("a b")])
    assert found.numbers["dates"] == {"first": None, "last": None, "missing": 1}
    assert found.label_years == (["label", "first", "last"], [])
    assert found.label_quarters[1].shape[1] == 0


def test_every_word_count_falls_into_a_bin_that_holds_it(tmp_path: Path) -> None:
    bins = measure(tmp_path, [complaint("word " * n) for n in (0, 1, 2, 3, 9, 10, 999, 1000, 12_345)]).word_counts
    assert sum(count for *_, count in bins) == 9
    assert bins[0] == (0, 0, 1)
    assert bins[-1] == (10_000, 12_345, 1)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(bins))
    assert (1000, 1499, 1) in bins
    assert (750, 999, 1) in bins


@pytest.mark.parametrize(
    "rows", [[], [complaint(""), complaint("text", None), complaint("text", " ")]], ids=["no rows", "never both"]
)
def test_without_one_labelled_text_there_is_nothing_to_audit(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(UserError, match=f"none of the {len(rows)} complaints has both a text and a label"):
        measure(tmp_path, rows)


def test_a_missing_file_is_named_with_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"complaints\.parquet is missing; run `dvc repro`"):
        audit_measure.measure(tmp_path / "complaints.parquet", PARAMS, word_tokenizer())
