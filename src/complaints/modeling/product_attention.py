"""Attention on processors in bfloat16: two matrix products and a softmax in place of torch's fused operation."""

from typing import Any

import torch
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

PRODUCT_TOKENS = 512
"""Longest rows whose attention is computed by matrix products: memory grows with the square of the length."""


def product_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention in bfloat16 by two matrix products and a softmax, as transformers' attention interface.

    On a processor torch's fused attention takes two to three times as long as these, also in float32
    (benchmarks/precision.py). It needs less memory: with more than PRODUCT_TOKENS tokens it computes in float32 here,
    and so does attention to earlier tokens alone without a mask, which only the fused one knows.

    Args:
        module: The attention layer.
        query: [rows, heads, tokens, width].
        key: Like query; with fewer heads, each serves several heads of the query.
        value: Like key.
        attention_mask: Whether a token attends to another, bool [rows, 1, tokens, tokens]; None for all.
        dropout: Share of the weights that are set to zero.
        scaling: Factor of the scores; None for 1 / sqrt(width).
        is_causal: Whether tokens attend to earlier ones alone if there is no mask; None for the layer's `is_causal`.
        named: Further arguments of transformers' `sdpa`.

    Returns:
        [rows, tokens, heads, width], in the dtype of `value`, and None for the weights.
    """
    causal = getattr(module, "is_causal", False) if is_causal is None else is_causal
    with torch.autocast(query.device.type, enabled=False):
        if query.shape[2] > PRODUCT_TOKENS or (attention_mask is None and causal):
            states = (query.float(), key.float(), value.float())
            output, _ = sdpa_attention_forward(
                module, *states, attention_mask, dropout, scaling, is_causal=is_causal, **named
            )
            return output.to(value.dtype), None
        # Rotary embeddings may leave query and key in float32.
        query, key = query.to(value.dtype), key.to(value.dtype)
        if query.shape[1] != key.shape[1]:
            key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for states in (key, value))
        scores = query * (query.shape[-1] ** -0.5 if scaling is None else scaling) @ key.transpose(2, 3)
        if attention_mask is not None:
            lowest = torch.finfo(scores.dtype).min
            scores = scores + torch.zeros_like(attention_mask, dtype=scores.dtype).masked_fill_(~attention_mask, lowest)
        weights = nn.functional.dropout(scores.softmax(-1), dropout, module.training)
        return (weights @ value).transpose(1, 2), None
