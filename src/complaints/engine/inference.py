"""What a model makes of every row of a split, batch by batch."""

from collections.abc import Callable

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from complaints.core.errors import UserError
from complaints.engine.batches import Examples, inference_batches, model_inputs
from complaints.engine.distributed import fill_rows, share_batches

INFERENCE_ROWS = 64


def hidden_bar(accelerator: Accelerator) -> bool | None:
    """Return what tells tqdm to draw a bar on the first process's terminal alone."""
    return None if accelerator.is_main_process else True


@torch.inference_mode()
def infer(
    accelerator: Accelerator, forward: Callable[..., torch.Tensor], examples: Examples, pad_id: int, what: str
) -> np.ndarray:
    """Return `forward` of every row in order, float32 [rows, width]; the model is left in evaluation mode by callers.

    Several processes share the rows, and each returns all.

    Args:
        accelerator: Decides device and precision.
        forward: Takes what `model_inputs` gives for the rows, and gives [rows, width].
        examples: The rows.
        pad_id: Id that fills up short rows.
        what: Name for the progress bar.
    """
    result: np.ndarray | None = None
    batches = share_batches(accelerator, inference_batches(examples.lengths, INFERENCE_ROWS))
    for rows in tqdm(batches, desc=what, leave=False, disable=hidden_bar(accelerator)):
        with accelerator.autocast():
            output = forward(**model_inputs(examples, rows, pad_id, accelerator.device))
        if result is None:
            result = np.empty((len(examples), output.shape[1]), dtype=np.float32)
        result[rows] = output.float().cpu().numpy()
    if result is None:
        raise UserError(f"no rows for {what}")
    fill_rows(accelerator, result, batches)
    return result
