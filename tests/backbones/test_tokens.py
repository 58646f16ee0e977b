"""Tokens on disk: truncated, counted, not padded."""

import json
from pathlib import Path

import numpy as np
import torch

from complaints.backbones import tokens
from complaints.backbones.resolve import Backbone
from complaints.backbones.tokenizer import load_tokenizer
from complaints.engine import batches as engine_batches


def test_tokens_are_cut_counted_and_never_padded(workspace: Path, backbone: Backbone) -> None:
    meta = json.loads(Path("data/tokens/net/meta.json").read_text())["splits"]["train"]
    train = tokens.read_tokens(Path("data/tokens/net/train.parquet"))
    assert (meta["rows"], meta["truncated"], meta["longest"]) == (60, 0, int(train.lengths.max()))
    assert meta["tokens"] == len(train.ids) == train.offsets[-1]
    target = Path("cut.parquet")
    counts = tokens.tokenize_split(
        load_tokenizer(backbone.folder), Path("data/splits/train.parquet"), target, 8, "start"
    )
    assert counts["truncated"] == 60
    assert tokens.read_tokens(target).lengths.max() == 8
    padded = engine_batches.padded(train, np.array([0, 5]), 0, torch.device("cpu"))
    assert (padded["attention_mask"].sum(1).numpy() == train.lengths[[0, 5]]).all()
