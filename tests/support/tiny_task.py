"""A task of three classes that one word decides, and a tiny model that learns it in a second."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from complaints import params
from complaints.backbones import tokens
from complaints.backbones.resolve import Backbone, folder_digest, resolve
from complaints.backbones.tokenizer import load_tokenizer, tokenizer_digest
from complaints.core.config import read_yaml
from complaints.core.files import file_digest, write_json, write_parquet
from complaints.core.schema import SPLIT_SCHEMA, SPLITS
from complaints.features.embed import write_features
from complaints.finetuning import loop
from complaints.finetuning.run import finetune
from support.paths import ROOT

LABELS = ["Card trouble", "Loan trouble", "Late fee"]
HINTS = ["card", "loan", "late fee"]


def backbone_in(folder: Path) -> Backbone:
    return resolve(f"path:{folder}@{folder_digest(folder)}")


def model_params(backbone: Backbone, **changes) -> params.ModelParams:
    entry = params.parse(read_yaml(ROOT / "params.yaml")).models["minilm"]
    small = {"max_length": 16, "epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "head_learning_rate": 0.01}
    small |= {"weights": "models/pretrained/net", "head_start": "probe"}
    small["precision"] = "fp32"  # a process can compute in one precision only
    return replace(entry, backbone=backbone.spec, **small | {"patience": 3, "checkpoint_steps": 4} | changes)


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


def tokenize(name: str, backbone: Backbone) -> None:
    tokenizer = load_tokenizer(backbone.folder)
    folder = Path("data/tokens") / name
    counts = {
        split: tokens.tokenize_split(tokenizer, Path(f"data/splits/{split}.parquet"), folder / f"{split}.parquet", 16)
        for split in SPLITS
    }
    write_json(folder / "meta.json", {"tokenizer_sha256": tokenizer_digest(tokenizer), "splits": counts})


def digests(name: str = "net") -> dict[str, str]:
    files = [file for file in Path("models", name).rglob("*") if file.is_file()]
    files += [Path(f"predictions/{name}.parquet"), *Path("reports/training", name).iterdir()]
    return {str(file): file_digest(file) for file in sorted(files)}


def embed(name: str, settings: params.ModelParams) -> None:
    """Do what the stages `pretrain`, with nothing to do, and `embed` do."""
    own = Path("models/pretrained") / name / "pretraining.json"
    if not own.is_file():
        write_json(own, {"backbone": settings.backbone})
    if settings.uses_features:
        write_features(name, settings)


def run(settings: params.ModelParams, name: str = "net") -> dict:
    embed(name, settings)
    return finetune(name, settings, Path("scratch"), lambda progress: None)


class Killed(Exception):
    """Stands for the end of the process."""


def finetune_until(step: int, monkeypatch, settings: params.ModelParams) -> None:
    """Train and die right after step `step`."""
    whole_step = loop._train_step
    count = 0

    def counted(*arguments):
        nonlocal count
        result = whole_step(*arguments)
        count += 1
        if count == step:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_step", counted)
        with pytest.raises(Killed):
            run(settings)
