"""The stage knn, its files, and predictions of new texts by them."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from support.commands import run
from support.files import flip_byte
from support.paths import ROOT
from support.tiny_task import embed, model_params

from complaints.backbones.resolve import Backbone
from complaints.core import config, paths
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.core.parquet import read_parquet
from complaints.features.params import FeatureParams
from complaints.neighbours import store
from complaints.predicting.choice import ModelArgument, Part, choose
from complaints.predicting.explain import Explainer, load_explainer
from complaints.predicting.knn import KnnPredictor
from complaints.predicting.predictors import Decider, load
from complaints.scoring.predictions import read_out_of_fold, read_predictions
from complaints.verifying.again import _predict_again

MODEL = Path("models/knn")
OUTPUTS = (MODEL, Path("predictions/knn.parquet"), Path("predictions/knn/out_of_fold.parquet"))


def write_params(**changes: object) -> None:
    """Write params.yaml with the default `knn` of `net`, and changes to it."""
    default = config.read_yaml(ROOT / "params.yaml")
    knn = default["knn"] | {"features": "net"} | changes
    with open("params.yaml", "w") as file:
        YAML().dump({"fetch": default["fetch"], "knn": knn, "models": {"net": {}}}, file)


def run_stage() -> None:
    runpy.run_path(str(ROOT / "stages/knn.py"))["main"]()


def digests() -> dict[str, str]:
    files = [file for path in OUTPUTS for file in ([path] if path.is_file() else path.iterdir())]
    return {str(file): file_digest(file) for file in files}


@pytest.fixture
def embedded(workspace: Path, backbone: Backbone) -> Path:
    """The small task with features of all splits."""
    values = model_params(backbone, head_start="names").model_dump() | {"features": True}
    embed("net", config.check(FeatureParams, config.part(FeatureParams, values)))
    write_params()
    return workspace


@pytest.fixture
def fitted(embedded: Path) -> Path:
    """The small task after the stage."""
    run_stage()
    return embedded


def texts(split: str) -> list[str]:
    found: list[str] = read_parquet(paths.SPLITS / f"{split}.parquet")["text"].to_pylist()
    return found


def test_a_second_run_has_the_same_bytes(fitted: Path) -> None:
    before = digests()
    assert len(before) == 5
    run_stage()
    assert digests() == before


def test_predictions_are_those_of_the_texts_on_the_command_line(fitted: Path) -> None:
    stored = read_predictions("predictions/knn.parquet")
    predictor = KnnPredictor(MODEL, paths.LABELS)
    for split in ("validation", "test"):
        np.testing.assert_allclose(np.exp(predictor.logits(texts(split))), np.exp(stored[split][1]), atol=1e-5)
    assert predictor.logits([]).shape == (0, 3)
    assert np.isfinite(predictor.logits([" "])).all()


def test_verification_predicts_the_same_bits_again(fitted: Path) -> None:
    again = _predict_again(Path.cwd(), "knn", 30)
    assert (again.rows, again.tolerance, again.different) == (30, 0.0, ())


def test_rows_are_those_of_train_without_their_texts(fitted: Path) -> None:
    train = read_parquet(paths.SPLITS / "train.parquet")
    rows = read_parquet(MODEL / "rows.parquet")
    assert rows.column_names == ["row_id", "label_id"]
    assert rows["row_id"].to_pylist() == train["row_id"].to_pylist()
    assert rows["label_id"].to_pylist() == train["label_id"].to_pylist()
    found = read_out_of_fold(OUTPUTS[2])
    assert found is not None
    assert found[0] == train["row_id"].to_pylist()
    content = b"".join(file.read_bytes() for file in MODEL.iterdir())
    assert not any(text.encode() in content for text in train["text"].to_pylist())


def test_the_stage_takes_two_seconds_to_write_nothing_when_it_is_off(fitted: Path) -> None:
    write_params(features=None)
    run_stage()
    assert [file.name for file in MODEL.iterdir()] == ["knn.json"]
    assert [pq.read_metadata(file).num_rows for file in OUTPUTS[1:]] == [0, 0]
    assert read_out_of_fold(OUTPUTS[2]) is None
    with pytest.raises(UserError, match=r"models/knn is empty; set knn\.features in params\.yaml to an entry"):
        store.load(MODEL)


def test_features_of_train_alone_are_one_line(workspace: Path, backbone: Backbone) -> None:
    embed("net", model_params(backbone))  # for the linear probe
    write_params()
    with pytest.raises(UserError, match=r"knn\.features is 'net'.*set models\.net\.features to true"):
        run_stage()
    assert not MODEL.exists()


@pytest.mark.parametrize("name", ["features.npy", "rows.parquet"])
def test_a_changed_file_is_refused(name: str, fitted: Path) -> None:
    flip_byte(MODEL / name)
    with pytest.raises(UserError, match=f"{name} differs from the SHA-256"):
        store.load(MODEL)


@pytest.mark.parametrize(("key", "value"), [("vote", {"neighbours": 0}), ("encoder", {}), ("sha256", [])])
def test_settings_of_another_form_are_one_line(key: str, value: object, fitted: Path) -> None:
    settings: dict[str, Any] = json.loads((MODEL / "knn.json").read_text())
    (MODEL / "knn.json").write_text(json.dumps(settings | {key: value}))
    with pytest.raises(UserError) as error:
        store.load(MODEL)
    assert "\n" not in str(error.value)
    assert "dvc repro" in str(error.value)


def test_another_backbone_than_that_of_the_features_is_refused(fitted: Path) -> None:
    settings = json.loads((MODEL / "knn.json").read_text())
    settings["encoder"]["backbone_sha256"] = "0" * 64
    (MODEL / "knn.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="was made with other files of backbone path:"):
        KnnPredictor(MODEL, paths.LABELS)


def test_features_that_are_not_finite_are_no_label(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = KnnPredictor(MODEL, paths.LABELS)
    monkeypatch.setattr(predictor, "features", lambda texts, done: np.full((1, 16), np.nan, np.float32))
    with pytest.raises(UserError, match="knn: the model's logits are not finite"):
        Decider({"knn": predictor}).decide(["a"])


def predict(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    ran, output = run(capsys, "predict", *arguments)
    assert ran.status == 0, ran
    return output


def test_explain_prints_the_nearest_training_complaints(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, row_id = texts("train")[7], "train7"
    lines = predict(capsys, text, "--model", "knn", "--explain").splitlines()
    at = lines.index("The nearest training complaints, by the cosine of their features:")
    assert lines[at + 1].startswith(f" 1.000  {row_id}: ")
    assert lines[at + 2].strip() == text
    assert len(lines) == at + 7


def test_explain_adds_a_column_to_a_file(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = read_parquet(paths.SPLITS / "train.parquet")
    Path("in.csv").write_text(f"complaint_text\n{texts('train')[3]}\n \n")
    for suffix in ("csv", "parquet", "jsonl"):
        predict(capsys, "--input", "in.csv", "--output", f"out.{suffix}", "--model", "knn", "--explain")
    found = pq.read_table("out.parquet")["neighbours"].to_pylist()
    assert found[1] is None
    nearest = json.loads(found[0])
    assert [sorted(one) for one in nearest] == [["cosine", "label", "row_id", "text"]] * 3
    assert nearest[0]["row_id"] == "train3"
    assert nearest[0]["text"] == train["text"][3].as_py()
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert rows[0]["neighbours"] == nearest
    assert rows[1]["neighbours"] is None


def test_neighbours_of_their_own_model_are_found_by_the_encoder_that_is_there(fitted: Path) -> None:
    """The encoder is loaded once, for the labels and for the explanation."""
    for folder in ("models/knn", "./models/knn"):
        choice = choose(ModelArgument("knn", Path(folder)))
        decider = load(choice, "auto")
        assert load_explainer(choice, decider, "auto").predictor is decider.parts["knn"]


def test_explain_without_texts_has_ids_and_labels(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = texts("train")[5]
    (paths.SPLITS / "train.parquet").unlink()
    found = json.loads(predict(capsys, text, "--model", "knn", "--explain", "--json"))["neighbours"]
    assert found[0]["row_id"] == "train5"
    assert found[0]["text"] is None


@pytest.mark.parametrize("folder", [MODEL, Path("nowhere")])
def test_explain_without_the_model_is_one_line(folder: Path, fitted: Path) -> None:
    write_params(features=None)
    run_stage()
    with pytest.raises(UserError, match=r"set knn\.features in params\.yaml"):
        Explainer(folder, paths.LABELS, paths.SPLITS / "train.parquet", "auto")


def test_the_folder_alone_names_its_model(fitted: Path) -> None:
    assert choose(ModelArgument("models/knn", MODEL)).parts == {"models/knn": Part(MODEL, "knn")}
