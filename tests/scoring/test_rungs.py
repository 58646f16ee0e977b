"""Names of rungs, and where their files are."""

from pathlib import Path

import pytest

from complaints.params import name_problem
from complaints.scoring.rungs import (
    FORMATS,
    compressed_name,
    entry_of,
    model_folder,
    model_output,
    parent_of,
    predictions_file,
    rung_names,
)


@pytest.mark.parametrize("file_format", FORMATS)
def test_compressed_rung_has_a_folder_of_its_own(file_format: str) -> None:
    name = compressed_name("a-b", file_format)
    assert parent_of(name) == ("a-b", file_format)
    assert entry_of(name) == "a-b"
    assert predictions_file(Path("p"), name) == Path("p/compressed/a-b", f"{file_format}.parquet")
    assert model_folder(Path("m"), name) == Path("m/compressed/a-b", file_format)
    assert model_output(Path("m"), name) == Path("m/compressed/a-b")
    assert name_problem(name) is not None


@pytest.mark.parametrize("name", ["tfidf", "knn", "minilm", "int8", "-int8", "minilm-int16"])
def test_other_rungs_have_flat_files(name: str) -> None:
    assert parent_of(name) is None
    assert entry_of(name) == name
    assert predictions_file(Path("p"), name) == Path("p", f"{name}.parquet")
    assert model_folder(Path("m"), name) == model_output(Path("m"), name) == Path("m", name)


@pytest.mark.parametrize("name", ["knn", "compressed"])
def test_names_of_other_folders_are_reserved(name: str) -> None:
    assert name_problem(name) is not None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("models: {a: {}, b: {compress: {formats: [int8, onnx]}}}", ["tfidf", "a", "b", "b-onnx", "b-int8"]),
        ("knn: {features: a}\nmodels: {a: {compress: {formats: null}}}", ["tfidf", "knn", "a"]),
        ("knn: null\nmodels: {a: null}", ["tfidf", "a"]),
    ],
)
def test_rungs_of_params(text: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(text, encoding="utf-8")
    assert rung_names() == names
