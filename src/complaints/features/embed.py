"""Features of an encoder with its initial weights, computed once per entry and stored as arrays."""

from pathlib import Path

import numpy as np
from transformers import AutoModel

from complaints.backbones.pretrained import resolve_pooling
from complaints.backbones.tokens import read_tokens
from complaints.core.files import read_json, replacing_folder, write_json, writing
from complaints.engine.device import one_line_device_errors
from complaints.engine.inference import infer
from complaints.engine.setup import arithmetic, set_up
from complaints.features.params import EmbedParams
from complaints.features.store import FEATURES_FILE
from complaints.modeling import classifier
from complaints.modeling.attention import prepare_attention
from complaints.modeling.loading import load_pretrained
from complaints.modeling.truncation import keep_layers

VERSIONED = ("torch", "transformers")


@one_line_device_errors("lower max_length")
def write_features(params: EmbedParams, tokens: Path, output: Path) -> None:
    """Write the pooled states of an entry's encoder with its initial weights, float32 [rows, width], by split.

    The splits are those of `params.feature_splits`. FEATURES_FILE records the encoder, pooling, rows, width, and the
    arithmetic.

    Args:
        params: The model's entry.
        tokens: Folder of its tokens.
        output: Folder to write, <split>.npy and FEATURES_FILE.

    Raises:
        UserError: if the encoder cannot be loaded or has no such layers, the tokens come from another tokenizer, or
            memory or the disk is full.
    """
    setup = set_up(params, tokens, Path(params.weights))
    pooling = resolve_pooling(params.head.pooling, setup.backbone, setup.initial)
    encoder, _ = load_pretrained(setup.initial.folder, AutoModel)
    keep_layers(encoder, params.keep_layers)
    prepare_attention(encoder, "never", False, setup.precision)
    model = classifier.LinearClassifier(encoder, pooling, 1).eval().to(setup.accelerator.device)
    rows, tokenized = {}, read_json(tokens / "meta.json")
    with writing("features"), replacing_folder(output) as folder:
        for split in params.feature_splits:
            examples = read_tokens(tokens / f"{split}.parquet")
            pad_id = setup.tokenizer.pad_token_id
            features = infer(setup.accelerator, model.features, examples, pad_id, f"features of {split}")
            np.save(folder / f"{split}.npy", features)
            rows[split] = len(features)
        record = {
            "backbone": params.backbone,
            "backbone_sha256": setup.backbone.digest,
            "weights": params.weights,
            "weights_sha256": setup.initial.digest,
            "keep_layers": None if params.keep_layers is None else list(params.keep_layers),
            "max_length": tokenized["max_length"],
            "truncation": tokenized["truncation"],
            "pooling": pooling,
            **arithmetic(setup, VERSIONED),
            "rows": rows,
            "width": encoder.config.hidden_size,
        }
        write_json(folder / FEATURES_FILE, record)
