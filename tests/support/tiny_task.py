"""A task of three classes, each with its own word, and a tiny model that learns it in a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from complaints.backbones import tokens
from complaints.backbones.model_files import folder_digest
from complaints.backbones.resolve import Backbone, resolve
from complaints.backbones.tokenizer import load_tokenizer, tokenizer_digest
from complaints.core import config, paths
from complaints.core.files import file_digest, write_json
from complaints.core.parquet import write_parquet
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.engine import loop
from complaints.features.embed import write_features
from complaints.features.params import EmbedParams
from complaints.finetuning.fit import Inputs
from complaints.finetuning.params import ModelParams
from complaints.finetuning.run import Outputs, finetune
from complaints.params import MOVED
from complaints.scoring.predictions import read_predictions
from support.paths import ROOT

LABELS = ["Card trouble", "Loan trouble", "Late fee"]
HINTS = ["card", "loan", "late fee"]


def backbone_in(folder: Path) -> Backbone:
    return resolve(f"path:{folder}@{folder_digest(folder)}")


def with_changes(params: ModelParams, **changes: Any) -> ModelParams:
    """Return a copy of an entry with some keys changed, each by its former flat name (`complaints.params.MOVED`)."""
    return config.changed(
        params, {(MOVED | {"head": "head.kind"}).get(key, key): value for key, value in changes.items()}
    )


def default_params(**changes: Any) -> ModelParams:
    """Return the entry `minilm` of the committed params.yaml with some keys changed."""
    entry = config.read_yaml(ROOT / "params.yaml")["models"]["minilm"]
    return with_changes(config.check(ModelParams, config.part(ModelParams, entry)), **changes)


def model_params(backbone: Backbone, **changes: Any) -> ModelParams:
    """Return the entry of a tiny model; `changes` as for `with_changes`."""
    small: dict[str, Any] = {"max_length": 16, "epochs": 3, "batch_size": 8, "patience": 3, "checkpoint_steps": 4}
    small |= {"learning_rate": 1e-3, "head_learning_rate": 0.01, "head_start": "probe"}
    small |= {"weights": "models/pretrained/net", "backbone": backbone.spec}
    small["numerics"] = "fast"  # what is portable holds for the whole process
    small["precision"] = "fp32"  # a process has one precision: that of its first accelerator
    return default_params(**small | changes)


def write_splits() -> None:
    """Write splits and labels into the working directory."""
    random = np.random.default_rng(0)
    write_json("data/interim/labels.json", LABELS)
    for split, rows in zip(SPLITS, (60, 24, 24), strict=True):
        label_ids = random.integers(0, 3, rows)
        noise = [" ".join(random.choice(["the", "bank", "report", "wrong", "call"], 6)) for _ in range(rows)]
        texts = [f"{words} {HINTS[label]}" for words, label in zip(noise, label_ids, strict=True)]
        ids = [f"{split}{i}" for i in range(rows)]
        blank = pa.nulls(rows)
        seen = pa.array([False] * rows)
        columns = [ids, texts, pa.array(label_ids, pa.int32()), ids, seen, blank, blank]
        write_parquet(f"data/splits/{split}.parquet", SPLIT_SCHEMA, [pa.table(columns, names=SPLIT_SCHEMA.names)])


def tokenize(name: str, backbone: Backbone, max_length: int = 16, truncation: str = "start") -> None:
    """Do the work of the stage `tokenize`."""
    tokenizer = load_tokenizer(backbone.folder)
    folder = Path("data/tokens") / name
    counts = {
        split: tokens.tokenize_split(
            tokenizer, Path(f"data/splits/{split}.parquet"), folder / f"{split}.parquet", max_length, truncation
        )
        for split in SPLITS
    }
    write_json(
        folder / "meta.json",
        {
            "tokenizer_sha256": tokenizer_digest(tokenizer),
            "max_length": max_length,
            "truncation": truncation,
            "splits": counts,
        },
    )


def digests(name: str = "net") -> dict[str, str]:
    """Return the digest of every output file of the stage `finetune`."""
    files = [file for file in Path("models", name).rglob("*") if file.is_file()]
    files += [Path(f"predictions/{name}.parquet"), *Path("reports/training", name).iterdir()]
    return {str(file): file_digest(file) for file in sorted(files)}


def embed(name: str, params: EmbedParams) -> None:
    """Do the work of the stages `pretrain`, with zero epochs, and `embed`."""
    own = Path("models/pretrained") / name / "pretraining.json"
    if not own.is_file():
        write_json(own, {"backbone": params.backbone, "backbone_sha256": resolve(params.backbone).digest, "epochs": []})
    if params.feature_splits:
        write_features(params, Path("data/tokens") / name, Path("data/features") / name)


def files_of(name: str) -> tuple[Inputs, Outputs]:
    """Return the input and output files of the stage `finetune`."""
    inputs = Inputs(paths.TOKENS / name, paths.FEATURES / name, paths.LABELS, paths.TEACHERS / name)
    outputs = Outputs(paths.MODELS / name, paths.PREDICTIONS / f"{name}.parquet", paths.HISTORIES / name)
    return inputs, outputs


def run(params: ModelParams, name: str = "net") -> dict[str, Any]:
    """Do the work of the stages from `pretrain` to `finetune`; return the record of the training."""
    embed(name, params)
    return finetune(params, *files_of(name), paths.SCRATCH / "finetune" / name, lambda progress: None).record


def train_and_read(params: ModelParams) -> tuple[np.ndarray, np.ndarray]:
    """Train and return the loss of each step and the logits of the test rows."""
    run(params)
    losses = pd.read_csv("reports/training/net/steps.csv")["loss"].to_numpy()
    return losses, read_predictions("predictions/net.parquet")["test"][1]


class Killed(Exception):
    """The simulated end of a process."""


def kill_after(step: int, monkeypatch: pytest.MonkeyPatch, training: Callable[[], Any]) -> None:
    """Call `training`, and end it with Killed after its step `step`."""
    train_step = loop._train_step
    count = 0

    def counted(*arguments: Any) -> Any:
        nonlocal count
        result = train_step(*arguments)
        count += 1
        if count == step:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_step", counted)
        with pytest.raises(Killed):
            training()


def finetune_until(step: int, monkeypatch: pytest.MonkeyPatch, params: ModelParams) -> None:
    """Fine-tune and end after step `step`."""
    kill_after(step, monkeypatch, lambda: run(params))


def newest_checkpoint(name: str = "net") -> Path:
    """Return the folder of the newest checkpoint of a fine-tuning."""
    return max((paths.SCRATCH / "finetune" / name).glob("*/step-*"))
