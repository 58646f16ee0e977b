"""Attention other than transformers' own: over rows of any length without padding, and in float32 on a processor."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from complaints.core.errors import UserError
from complaints.engine.device import device_name

PADDING_FREE = "padding_free"
FLOAT32 = "sdpa_float32"

# Kinds of encoder that packed and padded batches were compared on; with others, batches stay padded.
PACKABLE = frozenset({"albert", "bert", "distilbert", "llama", "modernbert", "olmo2", "qwen2", "roberta"})
# The kernel takes heads whose width is a multiple of this.
KERNEL_WIDTH = 8
# These count the positions of a row's tokens from the one after the padding id.
POSITIONS_AFTER_PAD = frozenset({"roberta"})


@functools.cache
def varlen_kernel() -> Callable[..., Any] | None:
    """Return torch's attention over rows of any length, or None where this torch has none with windows."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn if "window_size" in inspect.signature(varlen_attn).parameters else None


def _rows_apart(
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
    """Compute what `varlen_attn` does, called like it, where its kernel does not run: with padding in here alone."""
    places = torch.arange(longest, device=query.device)
    real = places < starts.diff()[:, None]

    # In float32 on a processor, for the reason that `float32_attention` gives.
    kind = value.dtype if value.is_cuda else torch.float32

    def padded(packed: torch.Tensor) -> torch.Tensor:
        apart = packed.new_zeros(*real.shape, *packed.shape[1:], dtype=kind)
        apart[real] = packed.to(kind)
        return apart.transpose(1, 2)

    before, after = (longest if side < 0 else side for side in window_size)
    distance = places - places[:, None]
    near = (distance >= -before) & (distance <= after)
    # A place without a token sees itself: a softmax over nothing would be no number, also in the gradients.
    mask = (real[:, None, None, :] & near) | (distance == 0)
    with torch.autocast(query.device.type, enabled=False):
        output = nn.functional.scaled_dot_product_attention(
            padded(query), padded(key), padded(value), mask, scale=scale
        )
    return output.transpose(1, 2)[real].to(value.dtype)


def _attention_for(value: torch.Tensor) -> Callable[..., Any]:
    fits = value.is_cuda and value.dtype != torch.float32 and value.shape[-1] % KERNEL_WIDTH == 0
    return (varlen_kernel() if fits else None) or _rows_apart


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
    """Attend within each of the rows that lie end to end in one sequence, in the form that transformers calls.

    Args:
        module: The attention layer; its `is_causal` decides whether tokens see those after them.
        query: [1, heads, tokens, width]; key and value may have fewer heads, each shared by several of the query's.
        key: See query.
        value: See query.
        attention_mask: None, since there is no padding.
        scaling: Factor of the scores; None for one over the root of the width.
        sliding_window: Tokens see those at most `sliding_window - 1` away; None for all of the row.
        cu_seq_lens_q: Where each row begins, and the end of the last, int32 [rows + 1].
        max_length_q: An upper bound of the rows' lengths.

    Returns:
        [1, tokens, heads, width], and None for the weights.
    """
    assert cu_seq_lens_q is not None, "padding-free attention got a padded batch"
    reach = -1 if sliding_window is None else sliding_window - 1
    # Rotary embeddings may have left query and key in float32 under autocast, which the kernel does not take.
    q, k, v = (states[0].transpose(0, 1).to(value.dtype) for states in (query, key, value))
    if q.shape[1] != k.shape[1]:  # not every version of the kernel takes fewer heads
        k, v = (states.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for states in (k, v))
    output = _attention_for(value)(
        *(q, k, v, cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q),
        scale=scaling,
        window_size=(reach, 0 if getattr(module, "is_causal", False) else reach),
    )
    return output[None], None


def float32_attention(
    module: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *arguments: Any, **named: Any
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' `sdpa` does, in float32, and answer in the type of `value`.

    On a processor the backward pass of torch's attention takes three to four times as long in bfloat16 as in float32.
    A step of MiniLM in bfloat16 is a sixth shorter with attention in float32 (benchmarks/precision.py).
    """
    with torch.autocast(query.device.type, enabled=False):
        output, _ = sdpa_attention_forward(module, query.float(), key.float(), value.float(), *arguments, **named)
    return output.to(value.dtype), None


def _pooled(encoder: Any, states: torch.Tensor) -> torch.Tensor:
    """Return what the encoder's own pooler, which some stock heads read, makes of each row's first token."""
    if isinstance(encoder.pooler, nn.Linear):  # ALBERT
        return encoder.pooler_activation(encoder.pooler(states[:, 0]))
    return encoder.pooler(states)


def compile_blocks(module: nn.Module) -> None:
    """Compile the blocks that an encoder repeats, each by itself: they share what is compiled for the first.

    For ModernBERT-base that takes 26 seconds beside a GPU (docs/LOG.md); the whole at once takes several times as long.

    Args:
        module: An encoder, changed in place; its parameters and their names are not.
    """
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            for block in child:
                block.compile(dynamic=True)
        else:
            compile_blocks(child)


def skip_padding(encoder: Any) -> None:
    """Let `encoder` compute real tokens alone; it is called, and answers, as before.

    It takes input_ids and attention_mask [rows, tokens] (padded on the right) and returns `last_hidden_state`
    [rows, tokens, width], in which the states of padding are zero. In between every layer sees one sequence of all
    real tokens, with positions that start anew in each row.

    Args:
        encoder: A base model of transformers; it is changed in place, its parameters and their names are not.
    """
    AttentionInterface.register(PADDING_FREE, padding_free_attention)
    encoder.set_attn_implementation(PADDING_FREE)
    layers = encoder.forward
    config = encoder.config
    first = config.pad_token_id + 1 if config.model_type in POSITIONS_AFTER_PAD else 0

    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> Any:
        real = attention_mask.bool()
        places = real.flatten().nonzero().squeeze(1)
        starts = nn.functional.pad(real.sum(1).cumsum(0), (1, 0)).int()
        # A model around this one may hand on the names of all it could have been given.
        given = {name: value for name, value in others.items() if value is not None}
        output = layers(
            input_ids=input_ids.flatten()[places][None],
            position_ids=(places % real.shape[1] + first)[None],
            cu_seq_lens_q=starts,
            max_length_q=real.shape[1],
            **given,
        )
        states = output.last_hidden_state[0]
        apart = states.new_zeros(real.numel(), states.shape[1]).index_copy(0, places, states)
        output.last_hidden_state = apart.view(*real.shape, -1)
        if getattr(output, "pooler_output", None) is not None:
            output.pooler_output = _pooled(encoder, output.last_hidden_state)
        return output

    encoder.forward = forward


def prepare(encoder: Any, packing: str, kernel_runs: bool, compiled: bool, slow_half: bool = False) -> bool:
    """Make `encoder` skip padding, or compile it, as parameters ask; return whether it skips padding.

    Args:
        encoder: A base model of transformers, changed in place.
        packing: `always`, `never`, or `auto`, which packs where `kernel_runs` and the encoder is of a kind that can.
        kernel_runs: Whether torch's attention over rows of any length runs on this device, in this precision.
        compiled: true compiles the blocks.
        slow_half: Whether attention is slower in half precision than in float32, as it is on processors.

    Raises:
        UserError: if packing is asked for that this kind of encoder cannot do.
    """
    kind = encoder.config.model_type
    if packing == "always" and kind not in PACKABLE:
        raise UserError(
            f"params: packing is 'always', which is not known to be right for {kind}; take 'auto' or 'never'"
        )
    if compiled:
        compile_blocks(encoder)
    if packing == "always" or (packing == "auto" and kernel_runs and kind in PACKABLE):
        skip_padding(encoder)
        return True
    if slow_half and encoder.config._attn_implementation == "sdpa":
        AttentionInterface.register(FLOAT32, float32_attention)
        AttentionMaskInterface.register(FLOAT32, sdpa_mask)
        encoder.set_attn_implementation(FLOAT32)
    return False


def runs_varlen(device: str, precision: str) -> bool:
    """Tell whether torch's attention over rows of any length runs: compute capability 8 and up, half precision."""
    if device == "cpu" or precision == "fp32" or varlen_kernel() is None:
        return False
    return torch.cuda.get_device_capability()[0] >= 8


def prepare_attention(encoder: Any, packing: str, compiled: bool, precision: str) -> bool:
    """Let `attention.prepare` choose how `encoder` attends on this machine; return whether it skips padding.

    Raises:
        UserError: as it does.
    """
    device = device_name()
    slow_half = device == "cpu" and precision == "bf16"
    return prepare(encoder, packing, runs_varlen(device, precision), compiled, slow_half)
