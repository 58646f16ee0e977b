"""The stage compress on a tiny model: its folders, its gate, and predictions by ONNX Runtime."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from support.tiny_models import save_bert, save_llama
from support.tiny_task import backbone_in, model_params, run, tokenize, write_splits

from complaints.backbones.tokens import read_tokens
from complaints.compression import export, quantize
from complaints.compression.folder import ONNX_FILE, SETTINGS_FILE, read_settings
from complaints.compression.layout import Inputs, Outputs, write_nothing
from complaints.compression.params import CompressParams
from complaints.compression.run import agreement_of, check_agreement, compress
from complaints.compression.session import CompressedModel, open_session, run_batch
from complaints.core.errors import UserError
from complaints.core.files import file_digest
from complaints.modeling import classifier
from complaints.predicting.choice import ModelArgument, choose
from complaints.predicting.predictors import load
from complaints.scoring.predictions import read_checkpoint_md5, read_predictions
from complaints.scoring.rungs import Format

QUANTIZED: tuple[Format, ...] = ("int8", "int8_blocks", "int4")
ALL = CompressParams(formats=("onnx", *QUANTIZED), per_channel=True, min_agreement=0.5, sensitivity=True)
MADE = Path("made")
TEXTS = ["the bank report card", "wrong loan call the the report bank loan debt", "late fee"]


def _outputs(folder: Path, name: str = "net") -> Outputs:
    return Outputs(folder / "models" / name, folder / "predictions" / name, folder / "tables" / name)


def _inputs(name: str = "net") -> Inputs:
    return Inputs(Path("models", name), Path("data/tokens", name), Path("predictions", f"{name}.parquet"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny task with a trained encoder in all formats; not to be changed by a test."""
    root = tmp_path_factory.mktemp("compressed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_splits()
        backbone = backbone_in(save_bert(root / "bert"))
        tokenize("net", backbone)
        run(model_params(backbone))
        compress("net", ALL, _inputs(), _outputs(MADE))
    return root


@pytest.fixture
def here(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(built)
    return built


@pytest.mark.parametrize(("name", "tolerance"), [("onnx", 1e-4), ("int8", 0.3), ("int8_blocks", 0.1), ("int4", 2.0)])
def test_predictions_are_those_of_the_parent(here: Path, name: str, tolerance: float) -> None:
    parent, found = (
        read_predictions("predictions/net.parquet"),
        read_predictions(MADE / f"predictions/net/{name}.parquet"),
    )
    for split, (row_ids, logits) in parent.items():
        assert found[split][0] == row_ids
        difference = np.abs(found[split][1] - logits).max()
        assert difference < tolerance
        assert name == "onnx" or difference > 1e-4  # it is another model


def test_each_format_has_quantised_products_and_smaller_weights(here: Path) -> None:
    products = read_settings(here / MADE / "models/net/onnx").weights["products"]
    assert products == 13  # six in each of two layers, and the head
    assert read_settings(here / MADE / "models/net/onnx").quantized == {}
    int8, blocks, int4 = (read_settings(here / MADE / "models/net" / name) for name in QUANTIZED)
    assert int8.quantized["products"] == products
    assert int8.operators["MatMulInteger"] == products
    assert "MatMulInteger" not in int8.operators_before
    assert int4.quantized["products"] == products - 1  # all but the head
    assert blocks.quantized["products"] == blocks.operators["MatMulNBits"] == products
    assert blocks.quantized["tables"] == int8.quantized["tables"] == 3
    assert int8.processor.architecture
    assert "onnxruntime" in int8.versions
    assert int8.agreement.rows == 24


def test_predictions_name_the_folder_that_made_them(here: Path) -> None:
    from complaints.core.dvc_lock import hash_path

    for name in ALL.formats:
        md5 = read_checkpoint_md5(MADE / f"predictions/net/{name}.parquet")
        assert md5 == hash_path(Path(), (MADE / f"models/net/{name}").as_posix())


@pytest.mark.slow
def test_two_runs_have_the_same_bytes(here: Path, tmp_path: Path) -> None:
    params = CompressParams(formats=QUANTIZED, per_channel=True, min_agreement=0.5, sensitivity=False)
    for folder in (tmp_path / "a", tmp_path / "b"):
        compress("net", params, _inputs(), _outputs(folder))
    files = [file for file in sorted((tmp_path / "a/models").rglob("*")) if file.is_file()]
    assert len(files) > 8
    for file in files:
        assert file_digest(file) == file_digest(tmp_path / "b" / file.relative_to(tmp_path / "a")), file


def test_copied_folder_predicts_alone(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = tmp_path / "anywhere"
    shutil.copytree(here / MADE / "models/net/int8", copied)
    expected = load(choose(ModelArgument("x", here / MADE / "models/net/int8")), "auto").decide(TEXTS)
    monkeypatch.chdir(tmp_path)
    model = load(choose(ModelArgument("anywhere", copied)), "auto")
    found = model.decide(TEXTS)
    assert model.labels == ["Card trouble", "Loan trouble", "Late fee"]
    assert np.array_equal(found.scores, expected.scores)
    assert model.decide([]).scores.shape == (0, 3)


@pytest.mark.parametrize("name", [ONNX_FILE, "tokenizer.json", "config.json", SETTINGS_FILE])
def test_changed_file_is_refused(here: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(here / MADE / "models/net/int8", folder)
    content = (folder / name).read_bytes()
    old, new = (b"16", b"17") if name == SETTINGS_FILE else (b"e", b"f")
    assert old in content
    (folder / name).write_bytes(content.replace(old, new, 1))
    with pytest.raises(UserError, match=r"take a complete copy|cannot"):
        CompressedModel(folder)


@pytest.mark.parametrize("name", ["onnx", "int8", "int8_blocks", "int4"])
def test_logits_of_a_text_depend_on_no_other_and_on_no_number_of_threads(
    here: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, found = read_tokens(here / "data/tokens/net/test.parquet"), []
    for count in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        model = CompressedModel(here / MADE / "models/net" / name)
        seen: list[int] = []
        found.append(model.infer(rows, seen.append))
        assert sum(seen) == len(rows) > 1
        found.append(model.infer(rows.take(np.arange(len(rows))[::-1]))[::-1])
        found.append(np.concatenate([model.infer(rows.take(np.array([index]))) for index in range(len(rows))]))
    assert all(np.array_equal(logits, found[0]) for logits in found)


@pytest.mark.parametrize("name", ["int8", "int8_blocks"])
def test_sensitivity_covers_every_group_alone_and_left_out(here: Path, name: str) -> None:
    lines = [line.split(",") for line in (here / MADE / "tables/net/sensitivity.csv").read_text().splitlines()[1:]]
    groups = {"embeddings", "layer 0", "layer 1", "head"}
    for kind in ("only", "all but"):
        assert {line[2] for line in lines if line[0] == name and line[1] == kind} == groups
    operators = {(line[1], line[2]): int(line[3]) for line in lines if line[0] == name}
    assert operators["all", ""] == sum(operators["only", group] for group in groups)
    for group in groups:
        assert operators["only", group] > 0
        assert operators["all but", group] == operators["all", ""] - operators["only", group]


def test_gate_fails_with_the_numbers(here: Path, tmp_path: Path) -> None:
    wrong = np.eye(4)[[0, 1, 2, 3]]
    found = agreement_of(np.array([0, 1, 2, 0]), wrong, np.eye(4)[[0, 1, 2, 0]])
    check_agreement("net", "int8", found, 0.75)
    with pytest.raises(UserError, match=r"int8 has the label of net on 75\.0% of the 4 .*accuracy 0\.750.*1\.000"):
        check_agreement("net", "int8", found, 0.76)


@pytest.mark.slow
def test_failed_gate_writes_nothing(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = CompressParams(formats=("int4",), per_channel=True, min_agreement=1.0, sensitivity=False)
    monkeypatch.setattr("complaints.compression.run.quantize", _forgetful)
    with pytest.raises(UserError, match="min_agreement is 100"):
        compress("net", strict, _inputs(), _outputs(tmp_path))
    assert list(tmp_path.iterdir()) == []


def _forgetful(model: Any, recipe: quantize.Recipe) -> Any:
    """Return the quantised model with the signs of its head turned round."""
    import onnx

    result = quantize.quantize(model, recipe)
    for tensor in result.graph.initializer:
        if tensor.name.startswith("head."):
            tensor.CopyFrom(onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(tensor), tensor.name))
    return result


def test_model_without_quantised_products_is_refused(here: Path) -> None:
    """An optimised graph has other operators, which the quantisers leave as they are."""
    import onnx

    model = onnx.load(here / MADE / "models/net/onnx" / ONNX_FILE)
    for node in model.graph.node:
        if node.op_type == "Gemm" or (node.op_type == "MatMul" and node in quantize.weighted_nodes(model)):
            node.op_type, node.domain = "FusedMatMul", "com.microsoft"
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    for name in QUANTIZED:
        with pytest.raises(UserError, match="none of the 0 matrix products"):
            quantize.quantize(model, quantize.Recipe(name, True, False))


def test_exported_model_has_no_path_of_this_machine(here: Path) -> None:
    content = (here / MADE / "models/net/onnx" / ONNX_FILE).read_bytes()
    for path in (str(Path(export.__file__).parents[2]), sys.prefix, "site-packages"):
        assert path.encode() not in content


def test_other_logits_than_those_of_torch_are_refused(here: Path) -> None:
    import onnx

    batch = np.array([[2, 5, 6, 3]]), np.ones((1, 4), np.int64)
    model = onnx.load(here / MADE / "models/net/onnx" / ONNX_FILE)
    logits = run_batch(open_session(model.SerializeToString(), 1), *batch)
    export.check_logits(model, [batch], [logits + 5e-5])
    with pytest.raises(UserError, match=r"differ from torch's by up to 0\.1"):
        export.check_logits(model, [batch], [logits + 0.1])


def test_attention_without_a_mask_is_refused_by_the_name_of_its_module(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exporter wraps exceptions of the model in its own."""
    monkeypatch.setattr(export, "sdpa_mask", lambda *_, **__: None)
    model = classifier.load(here / "models/net").model
    with pytest.raises(UserError, match=r"^BertSelfAttention computes attention without a mask, which cannot be expo"):
        export.export(model, [])


def test_missing_library_is_one_line(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"onnxruntime, which is not installed: `pip install --no-deps -r requirements"):
        CompressedModel(here / MADE / "models/net/int8")
    with pytest.raises(UserError, match="which is not installed"):
        compress("net", ALL, _inputs(), _outputs(here))


def test_entry_without_formats_has_empty_lists(tmp_path: Path) -> None:
    write_nothing(_outputs(tmp_path))
    assert (tmp_path / "models/net/formats.json").read_text() == "[]\n"
    assert len((tmp_path / "tables/net/formats.csv").read_text().splitlines()) == 1


@pytest.mark.slow
def test_decoder_in_all_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_splits()
    backbone = backbone_in(save_llama(tmp_path / "llama"))
    tokenize("net", backbone)
    run(model_params(backbone))
    compress("net", ALL.model_copy(update={"sensitivity": False}), _inputs(), _outputs(MADE))
    parent, found = read_predictions("predictions/net.parquet"), read_predictions(MADE / "predictions/net/onnx.parquet")
    assert np.abs(parent["test"][1] - found["test"][1]).max() < 1e-4
    assert read_settings(MADE / "models/net/int8").quantized["products"] == 15  # seven in each layer, and the head
