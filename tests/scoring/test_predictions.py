"""Files of predictions."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from complaints.core.dvc_lock import hash_path
from complaints.core.errors import UserError
from complaints.scoring.predictions import (
    read_checkpoint_md5,
    read_out_of_fold,
    read_predictions,
    write_out_of_fold,
    write_predictions,
)


def test_predictions_are_read_by_split_in_order(tmp_path: Path) -> None:
    ids = {"validation": ["b", "a"], "test": ["d"]}
    logits = {"validation": np.array([[1, 2], [3, 4]], "f4"), "test": np.array([[5, 6]], "f4")}
    write_predictions(tmp_path / "p.parquet", ids, logits)
    for split, (row_ids, values) in read_predictions(tmp_path / "p.parquet").items():
        assert row_ids == ids[split]
        assert np.array_equal(values, logits[split])
    with pytest.raises(ValueError, match="logits of shape"):
        write_predictions(tmp_path / "p.parquet", ids, {**logits, "test": np.zeros((2, 2), "f4")})


def test_predictions_name_the_checkpoint_that_made_them(tmp_path: Path) -> None:
    ids, logits = (
        {"validation": ["b"], "test": ["d"]},
        {name: np.zeros((1, 2), "f4") for name in ("validation", "test")},
    )
    write_predictions(tmp_path / "p.parquet", ids, logits)
    assert read_checkpoint_md5(tmp_path / "p.parquet") is None
    (tmp_path / "net").mkdir()
    (tmp_path / "net/head.safetensors").write_text("x")
    write_predictions(tmp_path / "p.parquet", ids, logits, tmp_path / "net")
    assert read_checkpoint_md5(tmp_path / "p.parquet") == hash_path(tmp_path, "net")
    assert read_predictions(tmp_path / "p.parquet")["test"][0] == ["d"]
    assert read_checkpoint_md5(tmp_path / "absent.parquet") is None


def test_predictions_of_unequal_width_are_refused(tmp_path: Path) -> None:
    table = pa.table({"row_id": ["a", "b"], "split": ["test", "test"], "logits": [[1.0], [1.0, 2.0]]})
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(UserError, match=r"rows of \[1, 2\] logits instead of one number"):
        read_predictions(tmp_path / "p.parquet")


def test_out_of_fold_logits_are_read_in_order(tmp_path: Path) -> None:
    logits = np.array([[1, 2], [3, 4], [5, 6]], "f4")
    write_out_of_fold(tmp_path / "p.parquet", ["b", "a", "c"], logits)
    read = read_out_of_fold(tmp_path / "p.parquet")
    assert read is not None
    assert read[0] == ["b", "a", "c"]
    assert np.array_equal(read[1], logits)


def test_a_file_without_folds_has_no_out_of_fold_logits(tmp_path: Path) -> None:
    write_out_of_fold(tmp_path / "p.parquet", [], np.empty((0, 2), "f4"))
    assert read_out_of_fold(tmp_path / "p.parquet") is None
    with pytest.raises(UserError, match="has no rows"):
        read_predictions(tmp_path / "p.parquet")
