"""Every row of the scoreboard labels texts as the pipeline did: predictions/*.parquet and the scores of evaluate."""

from pathlib import Path

import numpy as np
import pytest
from accelerate import Accelerator
from support.predictions_of import run_predict
from support.rules import write_rules
from support.small_tfidf import PARAMS
from support.tiny_task import LABELS, model_params, run

from complaints.backbones.resolve import Backbone
from complaints.backbones.tokenizer import load_tokenizer
from complaints.baseline import store
from complaints.baseline.tfidf import fit_tfidf, majority_logits, tfidf_logits
from complaints.core import paths
from complaints.core.files import read_json, write_json
from complaints.core.parquet import read_parquet
from complaints.core.schema import HELD_OUT
from complaints.engine import setup
from complaints.evaluation.scoreboard import ScoreboardRow, read_all_logits, score
from complaints.evaluation.truth import read_truth
from complaints.labels.products import hierarchy
from complaints.modeling import attention, classifier
from complaints.predicting import inference
from complaints.predicting.checkpoint import Predictor
from complaints.predicting.choice import ModelArgument, choose
from complaints.predicting.predictors import load
from complaints.scoring.predictions import write_predictions

TAU = 2000.0
"""Far more than validation would choose: the adjusted labels of this task of balanced classes differ."""

ROWS = ["net", "net-adjusted", "tfidf", "tfidf-adjusted", "ensemble-adjusted"]


def texts_of(split: str) -> list[str]:
    return read_parquet(paths.SPLITS / f"{split}.parquet")["text"].to_pylist()


def build(backbone: Backbone) -> dict[str, ScoreboardRow]:
    """Do the work of finetune, baseline and evaluate in the working directory; return the scoreboard by row."""
    run(model_params(backbone))
    label_ids = read_parquet(paths.SPLITS / "train.parquet")["label_id"].to_numpy()
    tfidf = fit_tfidf(texts_of("train"), label_ids, len(LABELS), PARAMS)
    paths.TFIDF.mkdir(parents=True)
    store.save(tfidf, paths.TFIDF)
    ids = {split: read_parquet(paths.SPLITS / f"{split}.parquet")["row_id"].to_pylist() for split in HELD_OUT}
    logits = {split: tfidf_logits(tfidf, texts_of(split)) for split in HELD_OUT}
    write_predictions(paths.PREDICTIONS / "tfidf.parquet", ids, logits, paths.TFIDF)
    floor = {split: majority_logits(label_ids, len(LABELS), len(ids[split])) for split in HELD_OUT}
    write_predictions(paths.PREDICTIONS / "majority.parquet", ids, floor)
    write_json(paths.HIERARCHY, hierarchy(LABELS, [{}] * len(LABELS), {}))
    write_json(paths.MANIFEST, {"source": "file", "synthetic": False})
    truth = read_truth(paths.SPLITS, paths.LABELS, paths.HIERARCHY, paths.MANIFEST)
    rules = write_rules(["net"], tau_grid=(TAU,))
    rows = score(truth, read_all_logits(paths.PREDICTIONS, ["tfidf", "net"], truth), rules)
    Path("params.yaml").write_text("models:\n  net:\n")
    return {row.name: row for row in rows}


def argument(name: str) -> ModelArgument:
    return ModelArgument(name, Path(name))


def test_labels_of_every_row_are_those_that_were_scored(
    workspace: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = build(backbone)
    labels = {}
    for row in ROWS:
        options = ["--input", paths.SPLITS / "test.parquet", "--text-column", "text", "--id-column", "row_id"]
        assert run_predict(monkeypatch, "--model", row, *options, "--output", f"{row}.parquet") == 0
        table = read_parquet(f"{row}.parquet")
        assert table["row_id"].to_pylist() == read_parquet(paths.SPLITS / "test.parquet")["row_id"].to_pylist()
        labels[row] = table["label"].to_pylist()
        assert labels[row] == [LABELS[i] for i in scored[row].predicted["test"]], row
    assert labels["net"] != labels["net-adjusted"]
    assert labels["tfidf"] != labels["tfidf-adjusted"]


def test_a_folder_has_the_labels_of_its_row(workspace: Path, backbone: Backbone) -> None:
    build(backbone)
    for row in ("net", "tfidf"):
        by_name = load(choose(argument(row)), "auto").decide(texts_of("test"))
        by_folder = load(choose(ModelArgument(f"../models/{row}", paths.MODELS / row)), "auto").decide(texts_of("test"))
        assert np.array_equal(by_name.scores, by_folder.scores)
    assert choose(None).inputs == [paths.MODELS / "net"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no rule", "models/rules/net.json is missing; run `dvc repro`"),
        ("half a rule", "models/rules/net.json is not a decision rule (temperature: Field required)"),
        ("another checkpoint", "models/rules/net.json was fitted on the predictions of another models/net; run `dvc r"),
        ("other classes", "models/rules/net.json: models/net has other classes; run `dvc repro`"),
    ],
)
def test_an_adjusted_row_without_its_files_is_refused(
    workspace: Path,
    backbone: Backbone,
    damage: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build(backbone)
    file = paths.RULES / "net.json"
    if damage == "no rule":
        file.unlink()
    elif damage == "half a rule":
        write_json(file, {name: value for name, value in read_json(file).items() if name != "temperature"})
    elif damage == "another checkpoint":
        (paths.MODELS / "net/training.json").write_text("{}")
    else:
        write_json(file, read_json(file) | {"train_rows": [1, 2]})
    assert run_predict(monkeypatch, "a card", "--model", "net-adjusted") == 1
    assert message in capsys.readouterr().err
    assert run_predict(monkeypatch, "a card", "--model", "net") == 0


def test_the_ensemble_needs_every_model_with_weight(
    workspace: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(backbone)
    file = paths.RULES / "ensemble.json"
    rule = read_json(file)
    write_json(file, rule | {"weights": {"net": 0.5, "tfidf": 0.5}})
    assert run_predict(monkeypatch, "a card", "--model", "ensemble") == 0
    paths.TFIDF.rename("elsewhere")
    assert run_predict(monkeypatch, "a card", "--model", "ensemble") == 1
    assert "models/tfidf is missing; run `dvc repro`" in capsys.readouterr().err
    write_json(file, rule | {"weights": {"net": 1.0, "tfidf": 0.0}})
    assert run_predict(monkeypatch, "a card", "--model", "ensemble-adjusted") == 0
    write_json(file, rule | {"weights": {"net": 0.5, "gone": 0.5}})
    assert run_predict(monkeypatch, "a card", "--model", "ensemble") == 1
    assert "ensemble.json has a model gone, which params.yaml has not; run `dvc repro`" in capsys.readouterr().err


def test_unsure_texts_of_a_file_have_no_label(
    workspace: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(backbone)
    options = ["--model", "ensemble", "--input", paths.SPLITS / "test.parquet", "--text-column", "text"]
    rule = read_json(paths.RULES / "ensemble.json") | {"temperature": 2.0, "tau": 0.0}
    write_json(paths.RULES / "ensemble.json", rule)
    assert run_predict(monkeypatch, *options, "--output", "all.parquet") == 0
    everything = read_parquet("all.parquet").to_pylist()
    assert "unsure" not in everything[0]
    probabilities = [row["probability"] for row in everything]
    cut = round((min(probabilities) + max(probabilities)) / 2, 6)

    rule["fit"]["thresholds"] = [{"accuracy": 0.8, "confidence": cut, "coverage": 0.5}]
    write_json(paths.RULES / "ensemble.json", rule)
    for name, below in (("number", cut), ("named", "accuracy=0.8")):
        assert run_predict(monkeypatch, *options, "--abstain-below", below, "--output", f"{name}.parquet") == 0
    some = read_parquet("number.parquet").to_pylist()
    assert read_parquet("named.parquet").to_pylist() == some
    assert 0 < sum(row["unsure"] for row in some) < len(some)
    for row, known in zip(some, everything, strict=True):
        assert row.pop("unsure") == (known["probability"] < cut)
        assert row == known | ({"label": None} if known["probability"] < cut else {})
    said = capsys.readouterr().out
    assert f", {sum(row['label'] is None for row in some)} of them unsure, in" in said


def test_tfidf_outside_its_project_needs_the_class_names(
    workspace: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build(backbone)
    Path("elsewhere").mkdir()
    paths.TFIDF.rename("elsewhere/model")
    names = paths.LABELS.rename("names.json")
    monkeypatch.chdir("elsewhere")
    assert run_predict(monkeypatch, "a card", "--model", "model") == 1
    assert "model has no class names; copy data/interim/labels.json" in capsys.readouterr().err
    write_json("model/labels.json", read_json(workspace / names)[:2])
    assert run_predict(monkeypatch, "a card", "--model", "model") == 1
    assert "has 3 classes, model/labels.json has 2" in capsys.readouterr().err
    write_json("model/labels.json", read_json(workspace / names))
    assert run_predict(monkeypatch, "a card", "--model", "model") == 0
    assert "Card trouble" in capsys.readouterr().out


def test_a_texts_logits_depend_on_its_batch_by_rounding_only(workspace: Path, backbone: Backbone) -> None:
    run(model_params(backbone))
    predictor = Predictor(paths.MODELS / "net")
    texts = [f"{'the bank ' * n} card" for n in range(40)]
    counted: list[int] = []
    together = predictor.logits(texts, counted.append)
    alone = np.concatenate([predictor.logits([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert sum(counted) == len(texts)
    assert predictor.logits([]).shape == (0, len(LABELS))


@pytest.mark.parametrize(
    ("scored", "option", "expected"),
    [
        ("bf16", "auto", "auto"),
        ("fp32", "auto", "fp32"),
        ("bf16", "fp32", "fp32"),
        ("fp32", "bf16", "bf16"),
        ("fp32", "fastest", "auto"),
    ],
)
def test_precision_is_half_only_if_the_checkpoint_was_scored_so(
    workspace: Path, backbone: Backbone, scored: str, option: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` is then resolved by the hardware; training.json has no say."""
    folder = workspace / "checkpoint"
    folder.mkdir()
    model = classifier.build(backbone, "linear", "mean", LABELS)
    classifier.save(
        model, load_tokenizer(backbone.folder), folder, classifier.InferenceSettings("mean", 16, "start", scored)
    )
    (folder / "training.json").write_text("no record")
    asked: list[str] = []

    def open_device(numerics: str, precision: str) -> tuple[Accelerator, str]:
        asked.append(precision)
        return setup.open_device(numerics, "fp32")

    monkeypatch.setattr(inference, "open_device", open_device)
    Predictor(folder, option)
    assert asked == [expected]


@pytest.mark.parametrize(("precision", "expected"), [("fp32", "sdpa"), ("bf16", attention.PRODUCT)])
def test_attention_is_that_of_training(
    workspace: Path, backbone: Backbone, precision: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bf16 on a processor it is faster; in fp32 it is that of transformers, whose bytes stay as they were."""
    run(model_params(backbone))
    monkeypatch.setattr(attention, "device_name", lambda: "cpu")
    # A process has one precision: that of its first accelerator.
    accelerator, _ = setup.open_device("fast", "fp32")
    monkeypatch.setattr(inference, "open_device", lambda numerics, named: (accelerator, named))
    predictor = Predictor(paths.MODELS / "net", precision)
    assert predictor.model.encoder.config._attn_implementation == expected
