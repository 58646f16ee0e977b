"""Inference: a model's outputs for every row of a split, batch by batch."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from complaints.core.errors import UserError
from complaints.engine.batches import Examples, inference_batches, model_inputs
from complaints.engine.distributed import fill_rows, share_batches

INFERENCE_ROWS = 64


def hidden_bar(accelerator: Accelerator) -> bool | None:
    """Return tqdm's argument `disable`: None draws a bar on a terminal, and ranks above 0 never draw one."""
    return None if accelerator.is_main_process else True


@torch.inference_mode()
def infer_batches(
    accelerator: Accelerator,
    forward: Callable[..., torch.Tensor],
    examples: Examples,
    pad_id: int,
    batches: Iterable[np.ndarray],
) -> np.ndarray:
    """Return the outputs of `forward` for the rows of `batches`, float32 [rows, width]; other rows are undefined.

    The caller puts the model into evaluation mode.

    Args:
        accelerator: The link to device and precision.
        forward: Takes the arguments that `model_inputs` returns for some rows, and returns [rows, width].
        examples: The rows.
        pad_id: Token id of padding.
        batches: The row numbers of each batch, at least one.
    """
    result: np.ndarray | None = None
    for rows in batches:
        with accelerator.autocast():
            output = forward(**model_inputs(examples, rows, pad_id, accelerator.device))
        if result is None:
            result = np.empty((len(examples), output.shape[1]), dtype=np.float32)
        result[rows] = output.float().cpu().numpy()
    assert result is not None
    return result


def infer(
    accelerator: Accelerator, forward: Callable[..., torch.Tensor], examples: Examples, pad_id: int, title: str
) -> np.ndarray:
    """Return the outputs of `forward` for every row in order, float32 [rows, width].

    Distributed processes share the rows, and each returns all of them. The caller puts the model into evaluation mode.

    Args:
        accelerator: The link to device, precision and the other processes.
        forward: Takes the arguments that `model_inputs` returns for some rows, and returns [rows, width].
        examples: The rows.
        pad_id: Token id of padding.
        title: Title of the progress bar.

    Raises:
        UserError: if `examples` is empty.
    """
    if not len(examples):
        raise UserError(f"no rows for {title}")
    batches = share_batches(accelerator, inference_batches(examples.lengths, INFERENCE_ROWS))
    bar = tqdm(batches, desc=title, leave=False, disable=hidden_bar(accelerator))
    result = infer_batches(accelerator, forward, examples, pad_id, bar)
    fill_rows(accelerator, result, batches)
    return result
