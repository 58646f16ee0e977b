"""Export of a classifier to ONNX, with a variable number of rows and tokens, compared with torch."""

import ast
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from complaints.backbones.reports import without_reports
from complaints.compression.runtime import need
from complaints.compression.session import open_session, run_batch, threads
from complaints.core.errors import UserError

ATTENTION = "onnx_products"
TOLERANCE = 1e-4
"""Largest difference between the logits of torch and of ONNX Runtime, absolute and relative to torch's."""
MAX_BYTES = 2**31 - 2**20
"""An ONNX file without external data holds less than 2 GiB, the limit of its format (protobuf)."""
SCOPES = "pkg.torch.onnx.name_scopes"
INPUTS = ("input_ids", "attention_mask")
EXAMPLE = (2, 16)
"""Rows and tokens of the example; both are variables of the graph."""

Batch = tuple[np.ndarray, np.ndarray]
"""Token ids and mask, int64 [rows, tokens]."""


def _product_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention by two matrix products and a softmax: fewer operators than the export of torch's fused one.

    Arguments and result are those of transformers' attention interface, `modeling.product_attention` describes them.

    Raises:
        UserError: if there is no mask: padding would have attention, and a decoder would see later tokens.
    """
    if attention_mask is None:
        raise UserError(f"{type(module).__name__} computes attention without a mask, which cannot be exported to ONNX")
    if query.shape[1] != key.shape[1]:
        key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for states in (key, value))
    bias = torch.where(attention_mask, 0.0, torch.finfo(torch.float32).min)
    scores = query * (query.shape[-1] ** -0.5 if scaling is None else scaling) @ key.transpose(2, 3) + bias
    return (scores.softmax(-1) @ value).transpose(1, 2), None


@contextmanager
def _exportable(model: Any) -> Iterator[None]:
    """Give a model an attention that exports well, if it takes transformers' fused one, and give that back."""
    before = model.encoder.config._attn_implementation
    if before == "sdpa":
        AttentionInterface.register(ATTENTION, _product_attention)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
        model.encoder.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        if before == "sdpa":
            model.encoder.set_attn_implementation(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's progress, and its log of operators of packages that are not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with without_reports():
            yield
    finally:
        logger.setLevel(level)


def export(model: Any, examples: Sequence[Batch]) -> Any:
    """Return a classifier as an ONNX model in float32 whose operators are named after the modules that they are in.

    Args:
        model: A classifier in float32 and evaluation mode.
        examples: Batches on which the logits of both are compared.

    Returns:
        onnx.ModelProto with the inputs INPUTS, int64 [rows, tokens], and the output `logits`, float32 [rows, classes].

    Raises:
        UserError: if torch cannot export the model, it is too large, or logits differ by more than TOLERANCE.
    """
    for package in ("onnx", "onnxscript"):
        need(package)
    if sum(weights.nbytes for weights in model.parameters()) > MAX_BYTES:
        raise UserError("the model has 2 GiB of weights or more, which one ONNX file cannot hold; set formats to []")
    ids = torch.ones(EXAMPLE, dtype=torch.int64)
    axes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens")}
    with torch.inference_mode():
        wanted = [model(*map(torch.from_numpy, batch)).numpy() for batch in examples]
    try:
        with _exportable(model), _quiet(), torch.no_grad():
            program = torch.onnx.export(
                model,
                (ids, torch.ones_like(ids)),
                dynamo=True,
                input_names=list(INPUTS),
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(INPUTS, axes),
                verbose=False,
            )
    except Exception as error:  # the exporter raises exceptions of many types
        if refused := _refusal(error):
            raise refused from None
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"torch cannot export the model to ONNX ({type(error).__name__}: {reason})") from None
    assert program is not None
    exported = _cleaned(program.model_proto)
    check_logits(exported, examples, wanted)
    return exported


def _refusal(error: BaseException | None) -> UserError | None:
    """Return the UserError that an exception of the exporter wraps, None for none."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error


def _cleaned(model: Any) -> Any:
    """Return a model without paths of this machine, whose operators are named `<module>/<operator>`.

    The recorded shapes are left out too: the quantiser of ONNX Runtime infers them again, and stops at some of torch's.
    """
    names: Counter[str] = Counter()
    for node in model.graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "[]")
        module = next((scope for scope in reversed(ast.literal_eval(scopes)[:-1]) if scope), "graph")
        name = f"{module}/{node.op_type}"
        node.name = f"{name}.{names[name]}" if names[name] else name
        names[name] += 1
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    return model


def check_logits(exported: Any, examples: Sequence[Batch], wanted: Sequence[np.ndarray]) -> None:
    """Check that ONNX Runtime computes the logits that torch computed for some batches.

    Raises:
        UserError: if one differs by more than TOLERANCE.
    """
    session = open_session(exported.SerializeToString(), threads())
    for batch, logits in zip(examples, wanted, strict=True):
        found = run_batch(session, *batch)
        if not np.allclose(found, logits, rtol=TOLERANCE, atol=TOLERANCE):
            raise UserError(
                f"the logits of the exported model differ from torch's by up to {np.abs(found - logits).max():.2g}; "
                f"{TOLERANCE:g} is allowed: this architecture cannot be compressed"
            )


def save(model: Any, path: Path) -> None:
    """Write an ONNX model as one file."""
    path.write_bytes(model.SerializeToString(deterministic=True))
