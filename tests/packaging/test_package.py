"""Packages of the tiny project answer as its predictions do, without the project."""

import json
import subprocess
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow.exceptions import MlflowException
from support.fresh_python import PREDICT, python_without_project
from support.project import Project

from complaints.deciding.rule import apply, read_rule


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tfidf", "minilm"])
def test_a_package_answers_as_the_predictions_in_an_environment_without_the_project(
    name: str, project: Project, tmp_path: Path
) -> None:
    root, target, again = project.root, tmp_path / "package", tmp_path / "again"
    for folder in (target, again):
        project.complaints("package", f"{name}-adjusted", "--output", str(folder))
    files = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((target / file).read_bytes() == (again / file).read_bytes() for file in files)
    assert not [file for file in files if file.suffix in {".pkl", ".pickle", ".pt", ".bin"}]

    test = pq.read_table(root / "data/splits/test.parquet", columns=["row_id", "text"])
    texts, answers = tmp_path / "texts.json", tmp_path / "answers.json"
    texts.write_text(json.dumps([{"text": text} for text in [*test["text"].to_pylist(), " "]]))
    python = python_without_project(tmp_path / "venv")
    command = [str(python), "-c", PREDICT, str(target), str(texts), str(answers)]
    subprocess.run(command, check=True, cwd=tmp_path, env={"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"})

    predictions = pq.read_table(root / f"predictions/{name}.parquet").to_pylist()
    logits = {row["row_id"]: row["logits"] for row in predictions if row["split"] == "test"}
    kept = np.array([logits[row_id] for row_id in test["row_id"].to_pylist()], np.float32)
    wanted = apply(read_rule(root / "models/rules", name), {name: kept})
    *found, blank = json.loads(answers.read_text())
    assert (blank["label"], blank["probability"], blank["probabilities"], blank["abstain"]) == (None, None, [], True)
    np.testing.assert_allclose([row["probabilities"] for row in found], np.exp(wanted.log_probabilities), atol=1e-5)
    labels = json.loads((root / "data/interim/labels.json").read_text())
    assert [row["label"] for row in found] == [labels[label] for label in wanted.predicted]

    package = mlflow.pyfunc.load_model(str(target))
    for params in ({"top": 0}, {"abstain_below": 1.5}, {"abstain_below": float("nan")}):
        with pytest.raises(MlflowException, match="top must be at least 1"):
            package.predict(pd.DataFrame({"text": ["a fee"]}), params=params)
