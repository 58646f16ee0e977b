"""The synthetic corpus resembles the real one, is reproducible, and its ground truth is correct."""

import datetime
import hashlib
import json
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from support.paths import CANONICAL_LABELS, ROOT

from complaints.core.errors import UserError
from complaints.core.schema import RAW_SCHEMA
from complaints.sources.synthetic.banks import load_banks
from complaints.sources.synthetic.corpus import make_corpus

BANKS = ROOT / "data/sources/synthetic"
CLASSES = 113
NEW_FORM = datetime.date(2017, 4, 24)
TOP = "Incorrect information on your report"
PINNED = "bebc373772cf99c43c6f03a39698c58ed0254fd2aeee10639d5c8baba1fd69df"
"""Digest of the corpus of 300 rows with seed 13; only a change of a bank or of the generator changes it."""


@dataclass(frozen=True)
class Corpus:
    """The corpus at its default size, with values derived from it."""

    table: pa.Table
    truth: dict[str, Any]

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["row_id"]: row for row in self.table.to_pylist()}

    @cached_property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.rows.values() if row["text"].strip()]

    def class_of(self, row: dict[str, Any]) -> str:
        return self.truth["renames"].get(row["label"], row["label"])

    @cached_property
    def sizes(self) -> Counter[str]:
        """Complaints of each class after merging renames, without blank texts."""
        return Counter(self.class_of(row) for row in self.rows.values() if row["text"].strip())

    def share(self, pattern: str) -> float:
        return sum(bool(re.search(pattern, text)) for text in self.texts) / len(self.texts)

    def group_texts(self, kind: str) -> list[list[str]]:
        return [[self.rows[row_id]["text"] for row_id in group] for group in self.truth[kind]]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(*make_corpus(BANKS, rows=7000, seed=13))


def digest(table: pa.Table, truth: dict[str, Any]) -> str:
    rows = [[str(value) for value in row.values()] for row in table.to_pylist()]
    return hashlib.sha256(json.dumps([rows, truth], sort_keys=True).encode()).hexdigest()


def jaccard_similarity(one: str, other: str) -> float:
    """Return the Jaccard similarity of the word trigrams of two texts."""
    trigrams = [set(zip(words, words[1:], words[2:], strict=False)) for words in (one.split(), other.split())]
    return len(trigrams[0] & trigrams[1]) / len(trigrams[0] | trigrams[1])


def test_rows_have_the_schema_and_are_ordered_by_unique_seven_digit_ids(corpus: Corpus) -> None:
    assert corpus.table.schema == RAW_SCHEMA
    ids = corpus.table["row_id"].to_pylist()
    assert len(set(ids)) == 7000
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"\d{7}", row_id) for row_id in ids)
    assert corpus.table["source_split"].null_count == 7000
    assert corpus.table["text"].null_count == corpus.table["label"].null_count == 0


def test_ids_are_unrelated_to_label_and_date(corpus: Corpus) -> None:
    rows = list(corpus.rows.values())
    positions = [position for position, row in enumerate(rows) if corpus.class_of(row) == TOP]
    assert statistics.mean(positions) == pytest.approx(3500, rel=0.05)
    days = [row["date"].toordinal() for row in rows]
    assert abs(statistics.correlation(range(len(days)), days)) < 0.05


def test_labels_merge_and_filter_to_the_113_classes(corpus: Corpus) -> None:
    labels = {row["label"] for row in corpus.rows.values()}
    assert 145 <= len(labels) <= 160
    assert len(corpus.truth["renames"]) == 35
    assert set(corpus.truth["renames"]) <= labels
    kept = {name for name, size in corpus.sizes.items() if size >= 5}
    assert len(kept) == CLASSES
    canonical = CANONICAL_LABELS.read_text(encoding="utf-8").splitlines()
    assert kept == {line for line in canonical if line.strip()}
    assert len(corpus.sizes) - CLASSES == 7


def test_class_sizes_have_a_long_tail(corpus: Corpus) -> None:
    kept = {name: size for name, size in corpus.sizes.items() if size >= 5}
    assert max(kept, key=kept.__getitem__) == TOP
    assert kept[TOP] / sum(kept.values()) == pytest.approx(0.23, abs=0.01)
    assert sum(size <= 50 for size in kept.values()) >= 60
    assert statistics.median(kept.values()) < 25


def test_texts_are_mostly_short_and_some_are_very_long(corpus: Corpus) -> None:
    words = sorted(len(text.split()) for text in corpus.texts)
    assert 45 <= statistics.median(words) <= 57
    assert statistics.mean(words) > statistics.median(words) * 1.15
    assert words[-1] > 500
    assert 0.8 <= sum(count <= 100 for count in words) / len(words) <= 0.92


def test_texts_have_redactions_amounts_capitals_and_slips(corpus: Corpus) -> None:
    assert 0.60 <= corpus.share(r"XX") <= 0.65
    assert 0.2 <= corpus.share(r"\{\$\d+\.00\}") <= 0.5
    assert 0.02 <= sum(text.isupper() for text in corpus.texts) / len(corpus.texts) <= 0.06
    assert corpus.share(r"\b(recieved|acount|becuase|dont|laon|payement)\b") > 0.02
    assert corpus.share(r"\{[a-z]") == 0, "a slot was left unfilled"


def test_renamed_issues_have_the_name_of_the_form_of_their_day(corpus: Corpus) -> None:
    current = set(corpus.truth["renames"].values())
    old = [row for row in corpus.rows.values() if row["label"] in corpus.truth["renames"]]
    new = [row for row in corpus.rows.values() if row["label"] in current]
    assert len(old) > 500
    assert len(new) > 500
    assert max(row["date"] for row in old) < NEW_FORM
    assert min(row["date"] for row in new) >= NEW_FORM
    days = [row["date"] for row in corpus.rows.values()]
    assert min(days) >= datetime.date(2015, 3, 1)
    assert max(days) <= datetime.date(2022, 9, 30)


def test_products_have_the_name_of_the_form_of_their_day(corpus: Corpus) -> None:
    areas = load_banks(BANKS).areas.values()
    for row in corpus.rows.values():
        names = {area.before if row["date"] < NEW_FORM else area.after for area in areas}
        assert row["product"] in names


def test_four_to_six_percent_are_planted_duplicates_and_no_other_text_is_repeated(corpus: Corpus) -> None:
    groups = corpus.truth["exact_duplicates"] + corpus.truth["near_duplicates"]
    members = [row_id for group in groups for row_id in group]
    assert len(members) == len(set(members))
    assert all(len(group) >= 2 for group in groups)
    assert 0.04 <= len(members) / 7000 <= 0.06
    planted = {row_id for group in corpus.truth["exact_duplicates"] for row_id in group}
    counts = Counter(text.casefold() for text in corpus.texts)
    repeated = {i for i, row in corpus.rows.items() if counts[row["text"].casefold()] > 1}
    assert repeated == planted


def test_exact_duplicates_are_equal_and_near_duplicates_similar_but_different(corpus: Corpus) -> None:
    assert corpus.truth["exact_duplicates"]
    assert all(len(set(texts)) == 1 for texts in corpus.group_texts("exact_duplicates"))
    assert corpus.truth["near_duplicates"]
    for texts in corpus.group_texts("near_duplicates"):
        assert len(set(texts)) == len(texts)
        assert all(jaccard_similarity(one, other) > 0.5 for one, other in combinations(texts, 2))


def test_texts_under_two_labels_are_equal_and_differ_in_class(corpus: Corpus) -> None:
    assert len(corpus.truth["two_labels"]) >= 10
    for group in corpus.truth["two_labels"]:
        assert group in corpus.truth["exact_duplicates"]
        assert len({corpus.class_of(corpus.rows[row_id]) for row_id in group}) == len(group)
    others = [group for group in corpus.truth["exact_duplicates"] if group not in corpus.truth["two_labels"]]
    for group in others + corpus.truth["near_duplicates"]:
        assert len({corpus.rows[row_id]["label"] for row_id in group}) == 1


def test_a_tenth_is_mislabelled_with_another_class_often_a_neighbour(corpus: Corpus) -> None:
    wrong = corpus.truth["wrong_labels"]
    assert len(wrong) / 7000 == pytest.approx(0.1, abs=0.01)
    issues = load_banks(BANKS).issues
    given = {row_id: corpus.class_of(corpus.rows[row_id]) for row_id in wrong}
    assert all(given[row_id] != true for row_id, true in wrong.items())
    assert set(wrong.values()) <= {name for name, size in corpus.sizes.items() if size >= 5}
    neighbours = sum(true in issues[given[row_id]].neighbours for row_id, true in wrong.items())
    assert neighbours / len(wrong) > 0.5


def test_blank_texts_are_those_of_the_ground_truth(corpus: Corpus) -> None:
    assert sorted(corpus.truth["blank"]) == [i for i, row in corpus.rows.items() if not row["text"].strip()]
    assert 5 <= len(corpus.truth["blank"]) <= 40


def test_tfidf_predicts_half_to_two_thirds_of_the_labels_and_few_rare_classes(corpus: Corpus) -> None:
    rows = [row for row in corpus.rows.values() if row["text"].strip() and corpus.sizes[corpus.class_of(row)] >= 5]
    labels = [corpus.class_of(row) for row in rows]
    train, test, known, sought = train_test_split(rows, labels, test_size=0.25, random_state=0, stratify=labels)
    terms = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=4000)
    features = terms.fit_transform(row["text"] for row in train)
    model = LogisticRegression(C=10, solver="saga", tol=0.01, random_state=0).fit(features, known)
    found = model.predict(terms.transform(row["text"] for row in test))
    accuracy = accuracy_score(sought, found)
    assert 0.5 <= accuracy <= 0.7
    assert f1_score(sought, found, average="macro", zero_division=0) < accuracy - 0.15
    # For a mislabelled text, the model predicts the class of the ground truth rather than that of the label.
    guesses = {row["row_id"]: guess for row, guess in zip(test, found, strict=True)}
    wrong = {row_id: true for row_id, true in corpus.truth["wrong_labels"].items() if row_id in guesses}
    as_truth = sum(guesses[row_id] == true for row_id, true in wrong.items())
    as_label = sum(guesses[row_id] == corpus.class_of(corpus.rows[row_id]) for row_id in wrong)
    assert as_truth > 4 * as_label


def test_ground_truth_is_unchanged_by_json(corpus: Corpus) -> None:
    assert json.loads(json.dumps(corpus.truth)) == corpus.truth


def test_equal_arguments_return_equal_corpora_and_another_seed_another_corpus() -> None:
    first = digest(*make_corpus(BANKS, rows=300, seed=13))
    assert digest(*make_corpus(BANKS, rows=300, seed=13)) == first
    assert digest(*make_corpus(BANKS, rows=300, seed=14)) != first


def test_corpus_has_the_pinned_digest() -> None:
    assert digest(*make_corpus(BANKS, rows=300, seed=13)) == PINNED


@pytest.mark.parametrize("rows", [100, 600])
def test_small_corpora_keep_the_shape(rows: int) -> None:
    table, truth = make_corpus(BANKS, rows=rows, seed=13)
    assert table.num_rows == rows
    classes = Counter(truth["renames"].get(label, label) for label in table["label"].to_pylist())
    assert classes.most_common(1)[0][0] == TOP
    assert classes[TOP] / rows == pytest.approx(0.23, abs=0.02)
    assert len(truth["wrong_labels"]) == rows // 10


@pytest.mark.parametrize("rows", [0, 10_000_000])
def test_impossible_sizes_are_refused(rows: int) -> None:
    with pytest.raises(UserError, match=rf"not {rows}; correct fetch.sample.rows"):
        make_corpus(BANKS, rows=rows, seed=13)
