"""Compressed models with the decision rule of their parent: predict labels texts as evaluate scored them."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from support.predictions_of import run_predict
from support.rules import write_rules
from support.tiny_models import save_bert
from support.tiny_task import LABELS, backbone_in, model_params, run, tokenize, write_splits

from complaints.compression.layout import Inputs, Outputs
from complaints.compression.params import CompressParams
from complaints.compression.run import compress
from complaints.core import paths
from complaints.core.files import read_json, write_json
from complaints.core.parquet import read_parquet
from complaints.evaluation.scoreboard import answers_of
from complaints.scoring.predictions import read_predictions, write_predictions
from complaints.scoring.rungs import COMPRESSED, predictions_file

FORMATS = CompressParams(formats=("int8",), per_channel=True, min_agreement=0.5, sensitivity=False)
TAU = 2000.0
"""Far more than would be chosen: the labels of the rule differ from those of the highest logit."""


def build(folder: Path) -> None:
    """Write the tiny task, a model with its INT8 form, and decision rules into the working directory."""
    write_splits()
    backbone = backbone_in(save_bert(folder / "bert"))
    tokenize("net", backbone)
    run(model_params(backbone))
    inputs = Inputs(paths.MODELS / "net", paths.TOKENS / "net", paths.PREDICTIONS / "net.parquet")
    parts = (paths.MODELS / COMPRESSED / "net", paths.PREDICTIONS / COMPRESSED / "net", paths.COMPRESSION / "net")
    compress("net", FORMATS, inputs, Outputs(*parts))
    found = read_predictions(inputs.predictions)
    row_ids = {split: ids for split, (ids, _) in found.items()}
    flat = {split: np.zeros_like(logits) for split, (_, logits) in found.items()}
    write_predictions(paths.PREDICTIONS / "tfidf.parquet", row_ids, flat)
    Path("params.yaml").write_text("models:\n  net:\n    compress: {formats: [int8]}\n")


def test_predict_has_the_labels_that_evaluate_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(tmp_path)
    rules = write_rules(["net", "net-int8"], tau_grid=(TAU,))
    assert rules["net-int8"].temperature == rules["net"].temperature
    logits = {
        split: found[1] for split, found in read_predictions(predictions_file(paths.PREDICTIONS, "net-int8")).items()
    }
    answers = {a.name: a for a in answers_of({"net-int8": logits}, {"net-int8": rules["net-int8"]})}
    labels = {}
    for row in ("net-int8", "net-int8-adjusted"):
        options = ["--input", paths.SPLITS / "test.parquet", "--text-column", "text", "--id-column", "row_id"]
        assert run_predict(monkeypatch, "--model", row, *options, "--output", f"{row}.parquet") == 0
        labels[row] = read_parquet(f"{row}.parquet")["label"].to_pylist()
        assert labels[row] == [LABELS[index] for index in answers[row].predicted["test"]], row
    assert labels["net-int8"] != labels["net-int8-adjusted"]


def test_predict_refuses_a_compressed_model_of_another_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    build(tmp_path)
    write_rules(["net", "net-int8"])
    assert run_predict(monkeypatch, "a card", "--model", "net-int8-adjusted") == 0
    file = paths.MODELS / COMPRESSED / "net/int8/training.json"
    write_json(file, read_json(file) | {"best_epoch": 99})
    assert run_predict(monkeypatch, "a card", "--model", "net-int8-adjusted") == 1
    assert "models/rules/net-int8.json was fitted on the predictions of another models/compr" in capsys.readouterr().err
