"""Method `names`: the cosine similarity of the embeddings of texts and of class names; nothing is trained."""

from typing import Any

import numpy as np
from accelerate import Accelerator

from complaints.backbones.pretrained import check_length, check_vocabulary, resolve_pooling
from complaints.backbones.resolve import resolve
from complaints.backbones.tokenizer import load_tokenizer
from complaints.backbones.tokens import encode_texts
from complaints.engine.inference import infer
from complaints.modeling.attention import prepare_attention
from complaints.modeling.classifier import LinearClassifier
from complaints.modeling.loading import load_pretrained
from complaints.zero_shot.params import NamesParams

SCALE = 20.0
"""Logit of a text whose embedding equals that of a class name, as in finetuning/head_init.py."""


def cosines(texts: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return the cosine similarity of texts [rows, width] and names [classes, width], float32 [rows, classes]."""
    a, b = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in (texts, names))
    return np.asarray(a @ b.T, np.float32)


def score_by_names(
    params: NamesParams, accelerator: Accelerator, precision: str, texts: list[str], labels: list[str]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return logits, float32 [rows, classes], and a record of how they were computed.

    They are SCALE times the cosine similarity. The class of the highest one is that of a classifier before training
    with head.start: names, which differs by a positive factor for each row.

    Args:
        params: The parameters of the method.
        accelerator: The link to device and precision.
        precision: The precision as resolved on the hardware.
        texts: The complaints.
        labels: The class names, by id.

    Raises:
        UserError: if the backbone cannot be found or loaded, or does not fit the parameters.
    """
    from transformers import AutoModel

    assert params.backbone is not None
    backbone = resolve(params.backbone)
    tokenizer = load_tokenizer(backbone.folder)
    check_length(backbone.folder, params.max_length)
    check_vocabulary(backbone.folder, tokenizer)
    pooling = resolve_pooling("auto", backbone, backbone)
    encoder, _ = load_pretrained(backbone.folder, AutoModel)
    prepare_attention(encoder, "never", False, precision)
    model = LinearClassifier(encoder, pooling, 1).eval().to(accelerator.device)
    features = [
        infer(
            accelerator, model.features, encode_texts(tokenizer, rows, params.max_length), tokenizer.pad_token_id, name
        )
        for name, rows in (("complaints", texts), ("class names", labels))
    ]
    record = {"backbone": backbone.spec, "backbone_sha256": backbone.digest, "pooling": pooling}
    return np.float32(SCALE) * cosines(*features), record
