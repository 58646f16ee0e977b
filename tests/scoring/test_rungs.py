"""Names of rungs, and where their files are."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.paths import ROOT

from complaints.params import name_problem
from complaints.scoring.rungs import (
    FORMATS,
    compressed_name,
    entry_of,
    model_folder,
    model_output,
    parent_of,
    predictions_file,
    remove_outputs,
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


def test_every_output_of_an_entry_is_removed_and_none_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    named: list[str] = []
    for stage in (stage["do"] for stage in stages.values() if "foreach" in stage):
        for out in (*stage.get("outs", ()), *stage.get("plots", ()), *stage.get("metrics", ())):
            named += [out] if isinstance(out, str) else list(out)
    assert len(named) > 10
    made = {entry: [Path(name.replace("${key}", entry)) for name in named] for entry in ("net", "net-2")}
    for path in (path for files in made.values() for path in files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove_outputs("net")
    assert [path for path in made["net"] if path.exists()] == []
    assert all(path.exists() for path in made["net-2"])
