"""Rows of the nearest-neighbour model against the splits."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.tiny_task import write_splits

from complaints.core.dvc_lock import Entry, Stage
from complaints.core.parquet import read_parquet, write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.lineage.hashes import Hashes
from complaints.neighbours.store import ROWS_SCHEMA
from complaints.scoring.predictions import write_out_of_fold, write_predictions, write_unlabeled
from complaints.verifying.rows import check_rows

NONE = np.empty((0, 3), np.float32)


def outs(*paths: str) -> tuple[Entry, ...]:
    return tuple(Entry(path, "0" * 32) for path in paths)


LOCK = {
    "split": Stage(
        "split",
        "",
        (),
        {},
        outs("data/splits/train.parquet", "data/splits/validation.parquet", "data/splits/test.parquet"),
    ),
    "knn": Stage(
        "knn", "", (), {}, outs("models/knn", "predictions/knn.parquet", "predictions/knn/out_of_fold.parquet")
    ),
    "net": Stage("net", "", (), {}, outs("predictions/net.parquet", "predictions/unlabeled/net.parquet")),
    "unlabeled": Stage("unlabeled", "", (), {}, outs("data/unlabeled/texts.parquet")),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Splits, and the predictions of a nearest-neighbour model that is off."""
    monkeypatch.chdir(tmp_path)
    write_splits()
    write_predictions("predictions/knn.parquet", {"validation": [], "test": []}, {"validation": NONE, "test": NONE})
    write_out_of_fold("predictions/knn/out_of_fold.parquet", [], NONE)
    return tmp_path


def problems(project: Path) -> list[str]:
    return [problem.message for problem in check_rows(LOCK, Hashes(project))]


def write_voters(order: slice, label: int | None = None) -> None:
    """Write the rows of a model: those of train in an order, the first perhaps with another label."""
    train = read_parquet("data/splits/train.parquet", ["row_id", "label_id"])
    ids, labels = train["row_id"].to_pylist()[order], train["label_id"].to_pylist()[order]
    if label is not None:
        labels[0] = (labels[0] + label) % 3
    table = pa.table([pa.array(ids), pa.array(labels, pa.int32())], schema=ROWS_SCHEMA)
    write_parquet("models/knn/rows.parquet", ROWS_SCHEMA, [table])


def test_predictions_of_a_model_that_is_off_may_be_empty_and_others_not(project: Path) -> None:
    assert problems(project) == []
    write_predictions("predictions/net.parquet", {"validation": [], "test": []}, {"validation": NONE, "test": NONE})
    assert any("predictions/net.parquet lacks 24 rows" in problem for problem in problems(project))


def test_the_rows_that_vote_are_those_of_train_with_their_labels(project: Path) -> None:
    write_voters(slice(None))
    assert problems(project) == []
    write_voters(slice(None, None, -1))
    assert problems(project) == ["models/knn/rows.parquet has the rows of train in another order"]
    write_voters(slice(1, None))
    assert problems(project) == ["models/knn/rows.parquet lacks 1 row, such as 'train0', of train"]
    write_voters(slice(None), label=1)
    assert problems(project) == [
        "models/knn/rows.parquet has another label_id than data/splits/train.parquet for 1 row, such as 'train0'"
    ]


def test_predictions_of_texts_without_labels_are_of_those_texts_or_of_none(project: Path) -> None:
    """Their ids may be numbers of rows, as those of complaints may."""
    texts = pa.table([["train0", "1"], ["one", "two"]], schema=UNLABELED_SCHEMA)
    write_parquet("data/unlabeled/texts.parquet", UNLABELED_SCHEMA, [texts])
    write_unlabeled("predictions/unlabeled/net.parquet", ["train0", "1"], np.zeros((2, 3), np.float32))
    assert problems(project) == []
    write_unlabeled("predictions/unlabeled/net.parquet", ["train0"], np.zeros((1, 3), np.float32))
    assert problems(project) == ["predictions/unlabeled/net.parquet lacks 1 row, such as '1', of unlabeled"]
    write_unlabeled("predictions/unlabeled/net.parquet", [], NONE)
    assert problems(project) == []
