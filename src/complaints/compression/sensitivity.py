"""Sensitivity to quantisation by group of layers: each quantised alone, and each left out."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from complaints.backbones.tokens import TokenSet
from complaints.compression.params import CompressParams
from complaints.compression.processor import saturates, this_processor
from complaints.compression.quantize import Recipe, count_quantized, groups, quantize
from complaints.compression.session import TextSession
from complaints.scoring import metrics

NOTHING, ONLY, WITHOUT, ALL = "nothing", "only", "all but", "all"


def _plans(found: dict[str, list[str]]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (what is quantised, the group, names of the operators that stay in float32)."""
    yield ALL, "", []
    for group in found:
        yield ONLY, group, [name for other, names in found.items() if other != group for name in names]
    for group, names in found.items():
        yield WITHOUT, group, names


def sensitivity(model: Any, params: CompressParams, rows: TokenSet) -> list[list[object]]:
    """Return the lines of the table: agreement with the model in float32, accuracy and macro-F1 on some rows.

    A group is `embeddings`, a layer of the encoder or the head; each takes two inferences of the rows.

    Args:
        model: The exported model in float32.
        params: The formats; those that quantise are measured.
        rows: The validation rows.
    """
    found = groups(model)
    logits = TextSession(model.SerializeToString()).infer(rows)
    expected, lines = logits.argmax(axis=1), []

    def line(file_format: str, quantized: str, group: str, operators: int, logits: np.ndarray) -> list[object]:
        labels = logits.argmax(axis=1)
        scores = metrics.class_scores(rows.labels, labels, logits.shape[1])
        values = np.mean(labels == expected), np.mean(labels == rows.labels), metrics.macro_f1(scores)
        return [file_format, quantized, group, operators, *(round(float(value), 6) for value in values)]

    for file_format in (name for name in params.formats if name != "onnx"):
        recipe = Recipe(file_format, params.per_channel, saturates(this_processor()))
        lines.append(line(file_format, NOTHING, "", 0, logits))
        for quantized, group, excluded in _plans(found):
            made = quantize(model, recipe, excluded)
            of_group = TextSession(made.SerializeToString()).infer(rows)
            operators = sum(count_quantized(made).values())
            lines.append(line(file_format, quantized, group, operators, of_group))
    return lines
