"""Attention in place of that of transformers: without padding (packed rows), and by matrix products in bfloat16."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from complaints.core.errors import UserError
from complaints.engine.device import device_name
from complaints.modeling.product_attention import product_attention

PADDING_FREE = "padding_free"
PRODUCT = "product"

PACKABLE = frozenset({"albert", "bert", "distilbert", "llama", "modernbert", "olmo2", "qwen2", "roberta"})
"""Model types whose packed batches are tested against padded ones; batches of other types are always padded."""
KERNEL_WIDTH = 8
"""The kernel needs heads whose width is a multiple of this."""
POSITIONS_AFTER_PAD = frozenset({"roberta"})
"""Model types whose first position is the padding id + 1."""


@functools.cache
def varlen_kernel() -> Callable[..., Any] | None:
    """Return torch's attention over packed rows, or None if this version of torch has none with windows."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn if "window_size" in inspect.signature(varlen_attn).parameters else None


def _unpacked_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    starts: torch.Tensor,
    _starts: torch.Tensor,
    longest: int,
    _longest: int,
    *,
    scale: float | None,
    window_size: tuple[int, int],
) -> torch.Tensor:
    """Compute the result of `varlen_attn`, with its arguments, without its kernel: rows are padded in here alone."""
    positions = torch.arange(longest, device=query.device)
    real = positions < starts.diff()[:, None]

    # In float32 on a processor, whose fused attention is slow in half precision.
    dtype = value.dtype if value.is_cuda else torch.float32

    def padded(packed: torch.Tensor) -> torch.Tensor:
        unpacked = packed.new_zeros(*real.shape, *packed.shape[1:], dtype=dtype)
        unpacked[real] = packed.to(dtype)
        return unpacked.transpose(1, 2)

    before, after = (longest if side < 0 else side for side in window_size)
    distance = positions - positions[:, None]
    near = (distance >= -before) & (distance <= after)
    # Padding attends to itself: a softmax over nothing is NaN, and so are its gradients.
    mask = (real[:, None, None, :] & near) | (distance == 0)
    with torch.autocast(query.device.type, enabled=False):
        output = nn.functional.scaled_dot_product_attention(
            padded(query), padded(key), padded(value), mask, scale=scale
        )
    return output.transpose(1, 2)[real].to(value.dtype)


def _attention_for(value: torch.Tensor) -> Callable[..., Any]:
    fits = value.is_cuda and value.dtype != torch.float32 and value.shape[-1] % KERNEL_WIDTH == 0
    return (varlen_kernel() if fits else None) or _unpacked_attention


def padding_free_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each row of a packed sequence, in the form of transformers' attention interface.

    Args:
        module: The attention layer; `is_causal` decides whether tokens attend to later ones.
        query: [1, heads, tokens, width].
        key: Like query; with fewer heads, each serves several heads of the query.
        value: Like key.
        attention_mask: Not used: packed rows have no padding.
        scaling: Factor of the scores; None for 1 / sqrt(width).
        sliding_window: Tokens attend to those at most `sliding_window - 1` away; None for all of the row.
        cu_seq_lens_q: Index of each row's first token, and the number of tokens, int32 [rows + 1].
        max_length_q: An upper bound of the rows' lengths.

    Returns:
        [1, tokens, heads, width], and None for the weights.
    """
    assert cu_seq_lens_q is not None, "padding-free attention got a padded batch"
    reach = -1 if sliding_window is None else sliding_window - 1
    # Under autocast, rotary embeddings may leave query and key in float32, which the kernel does not accept.
    q, k, v = (states[0].transpose(0, 1).to(value.dtype) for states in (query, key, value))
    if q.shape[1] != k.shape[1]:  # not every version of the kernel accepts fewer heads of key and value
        k, v = (states.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for states in (k, v))
    output = _attention_for(value)(
        *(q, k, v, cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q),
        scale=scaling,
        window_size=(reach, 0 if getattr(module, "is_causal", False) else reach),
    )
    return output[None], None


def _pooled(encoder: Any, states: torch.Tensor) -> torch.Tensor:
    """Return the output of the encoder's own pooler, which some stock heads read, for each row's first token."""
    if isinstance(encoder.pooler, nn.Linear):  # ALBERT
        return encoder.pooler_activation(encoder.pooler(states[:, 0]))
    return encoder.pooler(states)


def compile_blocks(module: nn.Module) -> None:
    """Compile each repeated block of an encoder separately: all share the code that is compiled for the first.

    For ModernBERT-base this takes 26 seconds on a machine with a GPU (docs/LOG.md); compiling the complete model takes
    several times as long.

    Args:
        module: An encoder, changed in place; its parameters and their names stay the same.
    """
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            for block in child:
                block.compile(dynamic=True)
        else:
            compile_blocks(child)


def skip_padding(encoder: Any) -> None:
    """Make an encoder compute real tokens only; its arguments and results keep their form.

    It takes input_ids and attention_mask [rows, tokens] (padded on the right) and returns `last_hidden_state`
    [rows, tokens, width], in which the states of padding are zero. In between, every layer gets one sequence of all
    real tokens, with positions that start again in each row.

    Args:
        encoder: A base model of transformers, changed in place; its parameters and their names stay the same.
    """
    AttentionInterface.register(PADDING_FREE, padding_free_attention)
    encoder.set_attn_implementation(PADDING_FREE)
    layers = encoder.forward
    config = encoder.config
    first = config.pad_token_id + 1 if config.model_type in POSITIONS_AFTER_PAD else 0

    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> Any:
        real = attention_mask.bool()
        indices = real.flatten().nonzero().squeeze(1)
        starts = nn.functional.pad(real.sum(1).cumsum(0), (1, 0)).int()
        # A model around this one may pass on all of its optional arguments, most of them None.
        given = {name: value for name, value in others.items() if value is not None}
        output = layers(
            input_ids=input_ids.flatten()[indices][None],
            position_ids=(indices % real.shape[1] + first)[None],
            cu_seq_lens_q=starts,
            max_length_q=real.shape[1],
            **given,
        )
        states = output.last_hidden_state[0]
        unpacked = states.new_zeros(real.numel(), states.shape[1]).index_copy(0, indices, states)
        output.last_hidden_state = unpacked.view(*real.shape, -1)
        if getattr(output, "pooler_output", None) is not None:
            output.pooler_output = _pooled(encoder, output.last_hidden_state)
        return output

    encoder.forward = forward


def prepare(encoder: Any, packing: str, kernel_runs: bool, compiled: bool, slow_half: bool = False) -> bool:
    """Set an encoder's attention and compilation; return whether it skips padding.

    Args:
        encoder: A base model of transformers, changed in place.
        packing: `always`, `never`, or `auto`, which packs if `kernel_runs` and the model type is in PACKABLE.
        kernel_runs: Whether torch's attention over packed rows runs on this device, in this precision.
        compiled: Whether to compile the blocks.
        slow_half: Whether fused attention is slow in half precision, as on processors.

    Raises:
        UserError: if `packing` is `always` and the model type is not in PACKABLE.
    """
    model_type = encoder.config.model_type
    if packing == "always" and model_type not in PACKABLE:
        raise UserError(
            f"finetune.packing: always is not tested for backbones of type {model_type}; set it to auto or never"
        )
    if compiled:
        compile_blocks(encoder)
    if packing == "always" or (packing == "auto" and kernel_runs and model_type in PACKABLE):
        skip_padding(encoder)
        return True
    if slow_half and encoder.config._attn_implementation == "sdpa":
        AttentionInterface.register(PRODUCT, product_attention)
        AttentionMaskInterface.register(PRODUCT, sdpa_mask)
        encoder.set_attn_implementation(PRODUCT)
    return False


def runs_varlen(device: str, precision: str) -> bool:
    """Return whether torch's attention over packed rows runs: compute capability 8 and up, half precision."""
    if device == "cpu" or precision == "fp32" or varlen_kernel() is None:
        return False
    return torch.cuda.get_device_capability()[0] >= 8


def prepare_attention(encoder: Any, packing: str, compiled: bool, precision: str) -> bool:
    """Set an encoder's attention and compilation for this machine; return whether it skips padding.

    Args:
        encoder: A base model of transformers, changed in place.
        packing: `always`, `never` or `auto`.
        compiled: Whether to compile the blocks.
        precision: `fp32`, `bf16` or `fp16`.

    Raises:
        UserError: as `prepare` does.
    """
    device = device_name()
    slow_half = device == "cpu" and precision == "bf16"
    return prepare(encoder, packing, runs_varlen(device, precision), compiled, slow_half)
