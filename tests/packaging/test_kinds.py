"""Packages of every other kind of model answer as its stored predictions: in 8 bits, a decoder, a folder elsewhere."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.commands import run
from support.fresh_python import PREDICT, python_without_project
from support.paths import ROOT
from support.tiny_models import save_bert, save_llama
from support.tiny_task import LABELS, backbone_in, model_params, tokenize, write_splits
from support.tiny_task import run as train

from complaints.deciding.rule import log_softmax
from complaints.scoring.predictions import read_predictions


def train_decoder() -> tuple[str, Path]:
    """Train a tiny decoder; return its folder and the file of its predictions."""
    backbone = backbone_in(save_llama(Path("llama")))
    tokenize("net", backbone)
    train(model_params(backbone, head_start="random", pooling="last"))
    return "models/net", Path("predictions/net.parquet")


def compress_encoder() -> tuple[str, Path]:
    """Train a tiny encoder and compress it to 8 bits; return its folder and the file of its predictions."""
    pytest.importorskip("onnxscript")
    from complaints.compression.layout import Inputs, Outputs
    from complaints.compression.params import CompressParams
    from complaints.compression.run import compress

    backbone = backbone_in(save_bert(Path("bert")))
    tokenize("net", backbone)
    train(model_params(backbone))
    params = CompressParams(formats=("int8",), per_channel=True, min_agreement=0.5, sensitivity=False)
    inputs = Inputs(Path("models/net"), Path("data/tokens/net"), Path("predictions/net.parquet"))
    compress("net", params, inputs, Outputs(Path("made/models"), Path("made/predictions"), Path("made/tables")))
    return "made/models/int8", Path("made/predictions/int8.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("make", [train_decoder, compress_encoder])
def test_a_package_answers_as_the_stored_predictions_without_the_project(
    make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(make)
    monkeypatch.chdir(tmp_path)
    write_splits()
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    model, predictions = make()
    # The folder is named by its path, from the root and from below it.
    for name, named in (("absolute", tmp_path / model), ("relative", Path("..") / model)):
        monkeypatch.chdir(tmp_path / "data")
        ran, _ = run(capsys, "package", str(named), "--output", str(tmp_path / name))
        assert ran.status == 0, ran.err
    relative = sorted(file.relative_to(tmp_path / "relative") for file in (tmp_path / "relative").rglob("*"))
    assert relative == sorted(file.relative_to(tmp_path / "absolute") for file in (tmp_path / "absolute").rglob("*"))

    test = pq.read_table(tmp_path / "data/splits/test.parquet", columns=["row_id", "text"]).to_pydict()
    texts, answers = tmp_path / "texts.json", tmp_path / "answers.json"
    texts.write_text(json.dumps([{"text": text} for text in test["text"]]))
    files = [str(tmp_path / "absolute"), str(texts), str(answers)]
    python = python_without_project(tmp_path / "venv")
    environment = {"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run([python, "-c", PREDICT, *files], check=True, cwd=tmp_path / "venv", env=environment)

    row_ids, logits = read_predictions(tmp_path / predictions)["test"]
    found = json.loads(answers.read_text())
    wanted = np.exp(log_softmax(logits))
    assert row_ids == test["row_id"]
    np.testing.assert_allclose([answer["probabilities"] for answer in found], wanted, atol=1e-5)
    assert [answer["label"] for answer in found] == [LABELS[label] for label in logits.argmax(axis=1)]
