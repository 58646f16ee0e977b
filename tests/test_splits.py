"""Properties of the division into train, validation and test, and of the key that copies share."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from complaints.errors import UserError
from complaints.params import SplitParams
from complaints.schema import LABELED_SCHEMA, SPLIT_SCHEMA, SPLITS
from complaints.splits import TEST, TRAIN, VALIDATION, assign, divide, warning
from complaints.text import REDACTED, group_key, normalise

SHARES = [(TEST, 0.25), (VALIDATION, 0.1)]
PARAMS = SplitParams(test_fraction=0.25, validation_fraction=0.1, seed=13)


corpora = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), min_size=1, max_size=150)
"""(group, label) of each row."""
fractions = st.floats(0.01, 0.9)


def run(rows: list[tuple[int, int]], shares=SHARES, seed=13) -> list[int]:
    groups = np.array([f"g{group}" for group, _ in rows])
    return assign(groups, np.array([label for _, label in rows], np.int32), shares, seed).tolist()


def groups_of_class(rows: list[tuple[int, int]]) -> dict[int, set[int]]:
    votes: dict[int, Counter[int]] = defaultdict(Counter)
    for group, label in rows:
        votes[group][label] += 1
    owned: dict[int, set[int]] = defaultdict(set)
    for group, counts in votes.items():
        owned[min(counts, key=lambda label: (-counts[label], label))].add(group)
    return owned


def labeled(rows: list[tuple[str, int]], source_split: list[str | None] | None = None) -> pa.Table:
    splits = source_split or [None] * len(rows)
    return pa.Table.from_pylist(
        [
            {"row_id": f"r{i}", "text": text, "label_id": label, "source_split": split}
            for i, ((text, label), split) in enumerate(zip(rows, splits, strict=True))
        ],
        schema=LABELED_SCHEMA,
    )


def ids(table: pa.Table) -> list[str]:
    return table["row_id"].to_pylist()


@given(corpora, fractions, fractions)
def test_no_group_stands_in_two_splits(rows, test, validation):
    where = defaultdict(set)
    for (group, _), code in zip(rows, run(rows, [(TEST, test), (VALIDATION, validation)]), strict=True):
        where[group].add(code)
    assert all(len(codes) == 1 for codes in where.values())


@given(corpora, fractions, fractions)
def test_a_class_serves_train_then_test_then_validation(rows, test, validation):
    codes = run(rows, [(TEST, test), (VALIDATION, validation)])
    code_of = {group: code for (group, _), code in zip(rows, codes, strict=True)}
    for owned in groups_of_class(rows).values():
        expected = {TRAIN, TEST, VALIDATION} if len(owned) >= 3 else {TRAIN, TEST} if len(owned) == 2 else {TRAIN}
        assert {code_of[group] for group in owned} == expected


@given(corpora, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    codes = run(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = run([rows[i] for i in order])
    assert [codes[i] for i in order] == shuffled


@given(corpora, corpora)
def test_other_classes_do_not_matter(rows, others):
    apart = [(group + 1000, label + 10) for group, label in others]
    assert run(rows + apart)[: len(rows)] == run(rows)


@given(st.lists(st.integers(1, 4), min_size=60, max_size=200), fractions, fractions)
@settings(max_examples=50)
def test_a_big_class_comes_within_a_group_of_its_quotas(sizes, test, validation):
    rows = [(group, 0) for group, size in enumerate(sizes) for _ in range(size)]
    counts = Counter(run(rows, [(TEST, test), (VALIDATION, validation)]))
    assert abs(counts[TEST] - test * len(rows)) <= 4
    assert abs(counts[VALIDATION] - validation * (len(rows) - counts[TEST])) <= 4


def test_a_share_is_the_fraction_of_single_rows_rounded_half_up():
    for total, expected in [(10, 3), (9, 2), (6, 2), (5, 1), (4, 1), (3, 1), (2, 1)]:
        codes = run([(group, 0) for group in range(total)], [(TEST, 0.25)])
        assert codes.count(TEST) == expected


def test_a_group_larger_than_the_quota_stays_in_train():
    for seed in range(20):
        rows = [(0, 0)] * 50 + [(group, 0) for group in range(1, 51)]
        codes = run(rows, seed=seed)
        assert codes[0] == TRAIN
        assert (codes.count(TEST), codes.count(VALIDATION)) == (25, 8)


def test_where_no_group_fits_the_smallest_is_taken():
    for seed in range(20):
        codes = run([(0, 0)] * 9 + [(1, 0)] * 5 + [(2, 0)] * 7, [(TEST, 0.1)], seed=seed)
        assert codes == [TRAIN] * 9 + [TEST] * 5 + [TRAIN] * 7


def test_the_seed_changes_the_division():
    rows = [(group, 0) for group in range(100)]
    assert run(rows, seed=1) != run(rows, seed=2)


def test_growth_moves_few_of_the_old_rows():
    rows = [(group, 0) for group in range(1000)]
    before = run(rows[:900])
    after = run(rows)[:900]
    assert sum(a != b for a, b in zip(before, after, strict=True)) < 90


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(0, 2)), max_size=40))
def test_every_row_appears_once_and_in_order_with_its_columns(extra):
    rows = [(f"text number {i}", i % 3) for i in range(12)] + extra
    table = labeled(rows)
    divided = divide(table, ["a", "b", "c"], PARAMS)
    assert list(divided.tables) == list(SPLITS)
    assert sorted(row for part in divided.tables.values() for row in ids(part)) == sorted(ids(table))
    for part in divided.tables.values():
        assert part.schema == SPLIT_SCHEMA
        numbers = [int(row[1:]) for row in ids(part)]
        assert numbers == sorted(numbers)
        assert part["text"].to_pylist() == [rows[i][0] for i in numbers]
        assert part["label_id"].to_pylist() == [rows[i][1] for i in numbers]


def test_the_report_counts_rows_groups_copies_and_missing_classes():
    rows = [(f"text {i}", 0) for i in range(8)] + [("Same  TEXT", 0), ("same text", 0)] + [("only one", 1)]
    report = divide(labeled(rows), ["many", "single"], PARAMS).report
    # Class 0: quota of test 2.5 -> 3 of 10 rows; of validation 0.7 -> 1 of 7.
    assert report["copies"] == {"groups": 1, "rows": 2, "largest_group": 2}
    assert report["from_source"] is False
    assert [report[split]["rows"] for split in SPLITS] == [7, 1, 3]
    assert [report[split]["share"] for split in SPLITS] == [0.6364, 0.0909, 0.2727]
    assert sum(report[split]["groups"] for split in SPLITS) == 10
    assert [report[split]["classes"] for split in SPLITS] == [2, 1, 1]
    assert report["test"]["rows_with_a_copy_in_train"] == 0
    assert report["missing_classes"] == {"validation": ["single"], "test": ["single"]}
    assert warning(report) == ("no complaint of class 'single' in validation; none of class 'single' in test")


def test_nothing_is_warned_about_when_every_class_is_everywhere():
    report = divide(labeled([(f"text {i}", i % 2) for i in range(20)]), ["a", "b"], PARAMS).report
    assert report["missing_classes"] == {"validation": [], "test": []}
    assert warning(report) is None


def test_the_sources_split_is_kept_and_its_leakage_counted():
    rows = [(f"text {i}", i % 2) for i in range(20)] + [("text 0!", 0), ("TEXT  2", 0), ("text 3", 1)]
    split = ["train"] * 20 + ["test"] * 3
    divided = divide(labeled(rows, split), ["a", "b"], PARAMS)
    assert ids(divided.tables["test"]) == ["r20", "r21", "r22"]
    held = {row for row in ids(divided.tables["validation"])}
    assert len(held) == 2
    assert held < {f"r{i}" for i in range(20)}
    assert divided.report["from_source"] is True
    leaked = 2 - len(held & {"r2", "r3"})
    assert divided.report["test"]["rows_with_a_copy_in_train"] == leaked


def test_a_small_class_that_the_sources_test_lacks_is_reported():
    rows = [(f"text {i}", 0) for i in range(60)] + [(f"rare {i}", 1) for i in range(6)]
    report = divide(labeled(rows, ["train", "test", "train"] * 20 + ["train"] * 6), ["a", "b"], PARAMS).report
    assert report["missing_classes"] == {"validation": [], "test": ["b"]}
    assert report["test"]["classes"] == 1
    assert warning(report) == "no complaint of class 'b' in test"


def test_the_sources_validation_is_kept_too():
    rows = [(f"text {i}", i % 2) for i in range(12)]
    split = ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    tables = divide(labeled(rows, split), ["a", "b"], PARAMS).tables
    assert {name: ids(table) for name, table in tables.items()} == {
        "train": [f"r{i}" for i in range(6)],
        "validation": ["r6", "r7"],
        "test": [f"r{i}" for i in range(8, 12)],
    }


def test_validation_inside_train_keeps_copies_together():
    rows = [(f"text {i // 2}", 0) for i in range(40)] + [("other", 0)]
    tables = divide(labeled(rows, ["train"] * 40 + ["test"]), ["a"], PARAMS).tables
    held, trained = (set(tables[name]["group"].to_pylist()) for name in ("validation", "train"))
    assert tables["validation"].num_rows == 4
    assert not held & trained


@pytest.mark.parametrize(
    ("rows", "split", "problem"),
    [
        (6, ["train", None] * 3, "3 of 6 complaints have no split of the source"),
        (6, ["train", "dev"] * 3, "has the value 'dev'; make it one of train, validation, test, or"),
        (6, ["train"] * 6, "none of the 6 complaints falls into test; set fetch.file.columns.split to null"),
        (6, ["test", "train", "test", "train", "test", "test"], "no complaint in train for class 'a' (the source's"),
        (80, ["train", "train", "train", "test"] * 20, "no complaint in test for class 'a', too many"),
        (2, None, "none of the 2 complaints falls into validation; give more complaints"),
    ],
)
def test_a_split_that_cannot_be_used_is_an_error(rows, split, problem):
    with pytest.raises(UserError) as error:
        divide(labeled([(f"text {i}", i % 2) for i in range(rows)], split), ["a", "b"], PARAMS)
    assert problem in str(error.value)
    if split:
        assert "fetch.file.columns.split" in str(error.value)


def test_a_class_is_an_error_when_its_only_text_is_held_out_with_another_class():
    texts = [f"text {i}" for i in range(10)] + ["shared"] * 3
    table = labeled([(text, int(i == 12)) for i, text in enumerate(texts)])
    keys = np.array([group_key(text, "") for text in texts])
    code_of_seed = [assign(keys, np.zeros(13, np.int32), SHARES, seed)[12] for seed in range(50)]
    kept = divide(table, ["a", "b"], SplitParams(0.25, 0.1, seed=code_of_seed.index(TRAIN))).tables["train"]
    assert 1 in kept["label_id"].to_pylist()
    with pytest.raises(UserError, match=r"no complaint in train for class 'b' \(its texts .*merge_labels\.min_count"):
        divide(table, ["a", "b"], SplitParams(0.25, 0.1, seed=code_of_seed.index(TEST)))


def test_copies_differ_in_case_white_space_and_redaction_alone():
    texts = [
        "On XX/XX/XXXX I paid {$12.00} to XXXX XXXX .",
        "on XX/XX/2016 i  paid {$1,300.50}\nto XXXX .",
        "ON XX/XX/XXXX I PAID {$9.00} TO XXXX XXXX XXXX .",
    ]
    assert {normalise(text) for text in texts} == {"on # i paid # to # ."}
    assert len({group_key(text, str(i)) for i, text in enumerate(texts)}) == 1
    assert group_key(texts[0], "1") != group_key("On # I paid # to them .", "1")


@pytest.mark.parametrize("text", ["Maxx", "XXL", "TJXX", "X", "I saw X Corp", "xxxx"])
def test_letters_x_that_belong_to_a_word_are_no_redaction(text):
    assert normalise(text) == text.lower()
    assert not REDACTED.search(text)


@pytest.mark.parametrize("text", ["XX", "XXXX", "(XXXX)", "XXXX1", "XXXX's", "XX/XX/XXXX"])
def test_runs_of_capital_x_are_redaction(text):
    assert REDACTED.search(text)
    assert "x" not in normalise(text)


@pytest.mark.parametrize("text", ["", " \n", "XXXX XXXX", "XX/XX/XXXX {$5.00} !", "...", "#"])
def test_a_text_that_says_nothing_is_nobodys_copy(text):
    assert group_key(text, "1") != group_key(text, "2")
    assert group_key(text, "1") == group_key(text, "1")


@given(st.text(alphabet="aAxX /#{}$1., \n", max_size=40))
def test_a_normalised_text_normalises_to_itself(text):
    once = normalise(text)
    assert normalise(once) == once
