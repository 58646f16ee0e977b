"""Croissant description of the split: MLCommons' own library accepts it and reads the rows by it."""

import json
from pathlib import Path
from typing import Any

import mlcroissant as mlc
import pytest
from support import cards_data, evaluation_data

from complaints.core import paths
from complaints.core.parquet import read_parquet

FILE = Path("data/croissant.json")


def _read(path: Path) -> Any:
    return mlc.Dataset(jsonld=str(path))


def test_the_description_is_valid(inputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    metadata = _read(cards_data.write() / FILE).metadata
    assert "not standard" not in caplog.text
    assert metadata.ctx.issues.errors == set()
    # A date of publication and a version of the form 1.0.0 are recommended, and the pipeline knows neither.
    assert len(metadata.ctx.issues.warnings) == 2
    assert metadata.conforms_to[0] == "http://mlcommons.org/croissant/1.0"
    assert {file.id: file.sha256 for file in metadata.distribution} == {
        f"{name}.parquet": split.sha256 for name, split in cards_data.evidence().splits.items()
    }


def test_the_rows_are_read_by_it(inputs: Path) -> None:
    dataset = _read(cards_data.write() / FILE)
    for split in ("train", "validation", "test"):
        rows = list(dataset.records(split))
        table = read_parquet(paths.SPLITS / f"{split}.parquet")
        assert [row[f"{split}/row_id"].decode() for row in rows] == table["row_id"].to_pylist()
        assert [row[f"{split}/label_id"] for row in rows] == table["label_id"].to_pylist()
    names = [row["classes/name"] for row in dataset.records("classes")]
    assert names == evaluation_data.LABELS
    assert len(list(dataset.records("splits"))) == 3


def test_a_changed_file_is_refused_by_its_digest(inputs: Path) -> None:
    folder = cards_data.write()
    file = paths.SPLITS / "train.parquet"
    file.write_bytes((paths.SPLITS / "test.parquet").read_bytes())
    with pytest.raises(mlc.GenerationError, match=r"Download\(train"):
        list(_read(folder / FILE).records("train"))


def test_a_broken_description_is_found_by_the_library(inputs: Path) -> None:
    path = cards_data.write() / FILE
    content = json.loads(path.read_text())
    content["recordSet"][2]["field"][0]["source"]["fileObject"]["@id"] = "absent.parquet"
    path.write_text(json.dumps(content))
    with pytest.raises(mlc.ValidationError, match=r"absent\.parquet"):
        _read(path)
