"""Quantised forms of an ONNX model, with weights of 8 or 4 bits, by ONNX Runtime."""

import copy
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from complaints.compression.runtime import need
from complaints.core.errors import UserError

BLOCK = 32
"""Weights that share a scale in int8_blocks and int4."""
_INT8_COMPUTE = 4
"""Accuracy level of MatMulNBits: activations are quantised to int8 for the product."""
WEIGHTED = {"MatMul": 1, "Gemm": 1, "Gather": 0}
"""Operator -> index of its weights among its inputs."""
PRODUCTS, TABLES = "products", "tables"
KINDS = {"MatMul": PRODUCTS, "Gemm": PRODUCTS, "Gather": TABLES}
QUANTIZED = {
    "MatMulInteger": PRODUCTS,
    "MatMulNBits": PRODUCTS,
    "DequantizeLinear": TABLES,
    "GatherBlockQuantized": TABLES,
}
"""Operator -> the kind that it replaces, as both quantisers write them."""
_LAYER = re.compile(r"\.(\d+)(?=[./])")


@dataclass(frozen=True)
class Recipe:
    """A quantised format and its settings."""

    format: str
    """`int8`: dynamic quantisation, one scale for the activations of a text; `int8_blocks`: a scale for each BLOCK
    activations of a token; `int4`: the same with weights of 4 bits."""
    per_channel: bool
    """int8 only: a scale for each output channel of a weight."""
    reduce_range: bool
    """int8 only: weights of 7 bits, for processors whose sums saturate."""


def weighted_nodes(model: Any) -> list[Any]:
    """Return the operators that multiply by a constant matrix, or look up rows of one."""
    matrices = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2 and tensor.data_type == 1}
    return [
        node for node in model.graph.node if node.op_type in WEIGHTED and node.input[WEIGHTED[node.op_type]] in matrices
    ]


def count_weighted(model: Any) -> dict[str, int]:
    """Return the number of operators with weights by kind: products and tables."""
    return dict(Counter(KINDS[node.op_type] for node in weighted_nodes(model)))


def count_quantized(model: Any) -> dict[str, int]:
    """Return the number of quantised operators by kind."""
    return dict(Counter(QUANTIZED[node.op_type] for node in model.graph.node if node.op_type in QUANTIZED))


def count_operators(model: Any) -> dict[str, int]:
    """Return the number of operators of each type."""
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))


def groups(model: Any) -> dict[str, list[str]]:
    """Return group -> names of its operators with weights: `embeddings`, `layer 0`, `layer 1`, ..., `head`."""
    found: dict[str, list[str]] = {}
    for node in weighted_nodes(model):
        layer = _LAYER.search(node.name)
        group = "embeddings" if node.op_type == "Gather" else f"layer {layer[1]}" if layer else "head"
        found.setdefault(group, []).append(node.name)
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the advice and the progress of ONNX Runtime's quantisers, which use the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with np.errstate(invalid="ignore"):  # blocks of zeros have a scale of zero, and are zeros again
            yield
    finally:
        logging.disable(before)


def quantize(model: Any, recipe: Recipe, excluded: Collection[str] = ()) -> Any:
    """Return a quantised copy of an ONNX model in float32 that no optimiser has fused.

    Args:
        model: onnx.ModelProto, the result of `export`.
        recipe: Format and settings.
        excluded: Names of operators that stay in float32.

    Raises:
        UserError: if no product is quantised: the file would be the one in float32 by another name.
    """
    before = count_weighted(model)
    with _quiet():
        result = _QUANTIZERS[recipe.format](copy.deepcopy(model), recipe, list(excluded))
    if not excluded and not count_quantized(result).get(PRODUCTS):
        raise UserError(
            f"{recipe.format}: none of the {before.get(PRODUCTS, 0)} matrix products of the exported model was "
            f"quantised (its operators: {', '.join(count_operators(model))}); this architecture has no such format"
        )
    return result


def _int8(model: Any, recipe: Recipe, excluded: list[str]) -> Any:
    return _dynamic(model, ("MatMul", "Gemm", "Gather"), recipe, _renamed(excluded))


def _int8_blocks(model: Any, recipe: Recipe, excluded: list[str]) -> Any:
    # The quantiser of blocks takes tables in 4 bits alone.
    tables = _dynamic(model, ("Gather",), replace(recipe, reduce_range=False), excluded)
    return _blocks(tables, 8, ("MatMul",), _renamed(excluded))


def _int4(model: Any, recipe: Recipe, excluded: list[str]) -> Any:
    return _blocks(model, 4, ("MatMul", "Gather"), excluded)


_QUANTIZERS = {"int8": _int8, "int8_blocks": _int8_blocks, "int4": _int4}


def _renamed(excluded: list[str]) -> list[str]:
    """Return the names, also as the dynamic quantiser has them, which turns each Gemm into a MatMul first."""
    return [*excluded, *(f"{name}_MatMul" for name in excluded)]


def _dynamic(model: Any, operators: tuple[str, ...], recipe: Recipe, excluded: list[str]) -> Any:
    """Quantise weights, and activations by one scale for each input of a product: of each text, since it is alone."""
    quantization, onnx = need("onnxruntime.quantization"), need("onnx")
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        target = f"{folder}/model.onnx"
        quantization.quantize_dynamic(
            model,
            target,
            op_types_to_quantize=list(operators),
            per_channel=recipe.per_channel,
            reduce_range=recipe.reduce_range,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=excluded,
        )
        return onnx.load(target)


def _blocks(model: Any, bits: int, operators: tuple[str, ...], excluded: list[str]) -> Any:
    """Quantise weights in blocks of BLOCK, with a scale and a zero point each, and activations in such blocks too."""
    quantizer = need("onnxruntime.quantization.matmul_nbits_quantizer").MatMulNBitsQuantizer(
        model,
        bits=bits,
        block_size=BLOCK,
        is_symmetric=False,
        accuracy_level=_INT8_COMPUTE,
        nodes_to_exclude=excluded,
        op_types_to_quantize=operators,
    )
    quantizer.process()
    return quantizer.model.model
