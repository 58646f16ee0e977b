"""Stages that are killed with SIGKILL and run again: the same bytes as without the kill."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from support.killed_stage import run_killed, run_stage
from support.tiny_models import save_bert
from support.tiny_task import backbone_in, embed, model_params, run, tokenize, write_splits

from complaints.core import paths
from complaints.core.files import file_digest
from complaints.core.parquet import write_parquet
from complaints.core.schema import UNLABELED_SCHEMA
from complaints.finetuning.params import ModelParams
from complaints.scoring.rungs import COMPRESSED

pytestmark = pytest.mark.slow

OUT_OF_FOLD = paths.OUT_OF_FOLD / "net.parquet"
OF_TEXTS = paths.UNLABELED_LOGITS / "net.parquet"
SCRATCH = paths.SCRATCH / "cross_fit" / "net"
COMPRESSED_FOLDERS = [folder / COMPRESSED / "net" for folder in (paths.MODELS, paths.PREDICTIONS)]
COMPRESSED_FOLDERS.append(paths.COMPRESSION / "net")


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelParams:
    """A tiny model's entry in the params.yaml of the working directory, with its tokens."""
    monkeypatch.chdir(tmp_path)
    write_splits()
    backbone = backbone_in(save_bert(tmp_path / "bert"))
    tokenize("net", backbone)
    params = model_params(backbone, epochs=1, head_start="names", checkpoint_steps=2)
    compress = {"formats": ["onnx", "int8"], "per_channel": True, "min_agreement": 0.5, "sensitivity": False}
    keys = params.model_dump(mode="json") | {"cross_fit": {"folds": 3}, "compress": compress}
    new = pa.table([["new0", "new1", "new2"], ["a card", "the loan", "a late fee"]], schema=UNLABELED_SCHEMA)
    write_parquet(paths.UNLABELED_TEXTS, UNLABELED_SCHEMA, [new])
    Path("params.yaml").write_text(json.dumps({"models": {"net": keys}}))
    return params


def digests(folders: list[Path]) -> dict[str, str]:
    """Return the digest of every file in folders."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file): file_digest(file) for file in files}


def test_cross_fit_killed_in_the_middle_ends_with_the_same_bytes(entry: ModelParams) -> None:
    """Each fold has five steps: the kill is in the second fold."""
    embed("net", entry)
    run_stage("cross_fit.py", "net")
    expected = file_digest(OUT_OF_FOLD), file_digest(OF_TEXTS)
    OUT_OF_FOLD.unlink()
    run_killed("cross_fit.py", "net", "complaints.engine.loop", "_train_step", 8)
    assert [file.name for file in SCRATCH.glob("*/fold-*.npy")] == ["fold-0.npy"]
    assert not OUT_OF_FOLD.exists()
    run_stage("cross_fit.py", "net")
    assert (file_digest(OUT_OF_FOLD), file_digest(OF_TEXTS)) == expected
    assert not SCRATCH.exists()


def test_compress_killed_in_the_middle_ends_with_the_same_bytes(entry: ModelParams) -> None:
    """The kill is between the folders of models and of predictions."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    run(entry)
    run_stage("compress.py", "net")
    expected = digests(COMPRESSED_FOLDERS)
    assert len(expected) > 10
    for folder in COMPRESSED_FOLDERS:
        shutil.rmtree(folder)
    run_killed("compress.py", "net", "complaints.compression.run", "write_predictions", 1)
    assert [folder.exists() for folder in COMPRESSED_FOLDERS] == [True, False, False]
    run_stage("compress.py", "net")
    assert digests(COMPRESSED_FOLDERS) == expected
    assert not list(Path().rglob("*~"))
