"""Outputs of a network for the tokens of texts, computed in token-budget batches."""

from collections.abc import Callable

import numpy as np
import torch
from accelerate import Accelerator

from complaints.backbones.tokens import TokenSet
from complaints.engine.batches import token_budget_inference_batches
from complaints.engine.device import one_line_device_errors
from complaints.engine.inference import INFERENCE_ROWS, infer_batches
from complaints.engine.setup import open_device
from complaints.predicting.predictors import Done

CPU_BATCH_TOKENS = 2048
"""Token budget of a batch on a processor: larger ones leave its caches. On a GPU a batch has as many tokens as the
largest one in training's validation."""


def open_for_texts(precision: str, recorded: str) -> tuple[Accelerator, str]:
    """Return the link to this machine's best device, and the precision on it.

    Args:
        precision: The option of `complaints predict`.
        recorded: The precision in which the stage computed the held-out rows.

    Raises:
        UserError: if the precision does not fit the hardware.
    """
    if precision == "auto" and recorded == "fp32":
        precision = "fp32"
    elif precision == "fastest":
        precision = "auto"  # of the parameter precision: this machine's fastest
    return open_device("fast", precision)


def infer_rows(
    accelerator: Accelerator,
    network: Callable[..., torch.Tensor],
    rows: TokenSet,
    pad_id: int,
    max_length: int,
    done: Done,
) -> np.ndarray:
    """Return the outputs of a network for rows of tokens, float32 [rows, width].

    Args:
        accelerator: The link to device and precision.
        network: Takes `input_ids` and `attention_mask`, and returns [rows, width].
        rows: The tokens of at least one text.
        pad_id: Id of the padding token.
        max_length: The longest input, in tokens.
        done: Called with the number of texts that were computed since its last call.

    Raises:
        UserError: if memory is full.
    """

    def forward(**inputs: torch.Tensor) -> torch.Tensor:
        output = network(**inputs)
        done(len(output))
        return output

    on_cpu = accelerator.device.type == "cpu"
    budget = CPU_BATCH_TOKENS if on_cpu else INFERENCE_ROWS * max_length
    with one_line_device_errors("hide the GPU with CUDA_VISIBLE_DEVICES= to compute on the processor"):
        batches = token_budget_inference_batches(rows.lengths, budget)
        return infer_batches(accelerator, forward, rows, pad_id, batches)
