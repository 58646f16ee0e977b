"""Texts without labels: none of them is near a text of the splits, withdrawn, blank, or there twice."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.paths import ROOT
from support.split_data import text_of

from complaints.core import config
from complaints.core.errors import UserError
from complaints.core.parquet import write_parquet
from complaints.core.schema import SPLIT_SCHEMA, SPLITS, UNLABELED_SCHEMA
from complaints.sources.params import FetchParams
from complaints.unlabeled.params import UnlabeledParams
from complaints.unlabeled.texts import drop_duplicates, read_texts
from complaints.withdrawals.ledger import NONE

HELD, EACH_OTHER, OF_TRAIN = (
    "near_duplicates_of_held_out",
    "near_duplicates_of_each_other",
    "near_duplicates_of_train",
)


def fetch(mask: bool = False, **columns: str | None) -> FetchParams:
    keys = config.read_yaml(ROOT / "params.yaml")["fetch"] | {"mask_personal_data": mask}
    keys["file"]["columns"] |= {"text": "text", "id": None} | columns
    return config.check(FetchParams, keys)


def table(texts: list[str]) -> pa.Table:
    return pa.table([[str(number) for number in range(len(texts))], texts], schema=UNLABELED_SCHEMA)


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    """Template 0 is in train, 1 in validation, 2 in test."""
    for template, split in enumerate(SPLITS):
        row = {"row_id": split, "text": text_of(template, 0), "label_id": 0, "group": split, "seen": False}
        write_parquet(tmp_path / f"{split}.parquet", SPLIT_SCHEMA, [pa.Table.from_pylist([row], SPLIT_SCHEMA)])
    return tmp_path


def kept(texts: list[str], splits: Path) -> tuple[list[str], dict[str, int]]:
    table_kept, counts = drop_duplicates(table(texts), splits)
    return table_kept["text"].to_pylist(), counts


def test_a_near_duplicate_of_a_held_out_text_is_never_kept(splits: Path) -> None:
    near = [text_of(1, 3), text_of(2, 7), text_of(2, 0).upper()]
    assert kept([near[0], text_of(9, 0), *near[1:]], splits) == (
        [text_of(9, 0)],
        {HELD: 3, OF_TRAIN: 0, EACH_OTHER: 0},
    )


def test_a_chain_of_near_duplicates_that_leads_to_a_held_out_text_is_dropped_as_a_whole(splits: Path) -> None:
    """The last one differs from the held-out text in half of its words, and is close to the one before."""
    chain = [text_of(2, 0).split()]
    for start in range(0, 20, 4):
        chain.append([*chain[-1][:start], *(f"other{start + i}" for i in range(4)), *chain[-1][start + 4 :]])
    texts = [" ".join(words) for words in chain]
    assert kept(texts[-1:], splits)[0] == texts[-1:]
    assert kept(texts[1:], splits) == ([], {HELD: 5, OF_TRAIN: 0, EACH_OTHER: 0})


def test_near_duplicates_of_training_texts_and_of_each_other_are_dropped_and_counted(splits: Path) -> None:
    texts = [text_of(5, 0), text_of(0, 4), text_of(5, 2), text_of(6, 0), text_of(5, 0)]
    assert kept(texts, splits) == ([text_of(5, 0), text_of(6, 0)], {HELD: 0, OF_TRAIN: 1, EACH_OTHER: 2})


def test_the_splits_are_only_read_if_there_are_texts(tmp_path: Path) -> None:
    assert kept([], tmp_path / "nowhere") == ([], {HELD: 0, OF_TRAIN: 0, EACH_OTHER: 0})
    with pytest.raises(UserError, match=r"train\.parquet is missing"):
        kept(["a text"], tmp_path / "nowhere")


def test_a_file_is_read_without_its_labels_and_blanks_are_counted(tmp_path: Path) -> None:
    rows = [{"text": "they call me", "issue": ["no label at all"]}, {"text": "  ", "issue": 1}, {"text": "ssn 1"}]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts, counts = read_texts(tmp_path / "new.jsonl", fetch(label="issue"), NONE)
    assert texts.to_pylist() == [{"row_id": "1", "text": "they call me"}, {"row_id": "3", "text": "ssn 1"}]
    assert counts == {"read": 3, "withdrawn": 0, "blank": 1}


def test_withdrawn_texts_are_dropped_by_their_text_and_by_their_id(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,text\na,they call me\nb,THEY   call me\nc,a late fee\nd,no escrow\n")
    ledger = NONE.extended(["c"], ["they call me"])
    texts, counts = read_texts(tmp_path / "new.csv", fetch(id="id"), ledger)
    assert texts["row_id"].to_pylist() == ["d"]
    assert counts["withdrawn"] == 3
    numbered, _ = read_texts(tmp_path / "new.csv", fetch(), ledger)
    assert numbered["text"].to_pylist() == ["a late fee", "no escrow"]


def test_personal_data_is_masked_as_in_complaints(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["write to ann@example.org"]}), tmp_path / "new.parquet")
    assert read_texts(tmp_path / "new.parquet", fetch(mask=True), NONE)[0]["text"].to_pylist() == ["write to XXXX"]


def test_the_committed_empty_file_has_no_texts() -> None:
    texts, counts = read_texts(ROOT / "data/no_unlabeled.csv", fetch(), NONE)
    assert (len(texts), set(counts.values())) == (0, {0})


def test_a_missing_file_and_one_without_the_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"new\.csv does not exist; set unlabeled\.path to the file of the texts"):
        read_texts(tmp_path / "new.csv", fetch(), NONE)
    (tmp_path / "new.csv").write_text("body\nhello\n")
    with pytest.raises(UserError, match=r"has no column 'text' \(fetch\.file\.columns\.text\); it has: 'body'"):
        read_texts(tmp_path / "new.csv", fetch(), NONE)


def test_a_path_of_null_is_refused_with_the_file_for_no_texts() -> None:
    with pytest.raises(UserError, match=r"must be a path; for no texts without labels, write data/no_unlabeled\.csv"):
        config.check(UnlabeledParams, {"path": None})
