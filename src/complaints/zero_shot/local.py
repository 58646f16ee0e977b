"""The methods that compute on this machine."""

from typing import Any

import numpy as np
import torch

from complaints.engine.device import describe_device, one_line_device_errors
from complaints.engine.setup import open_device
from complaints.zero_shot.likelihood import score_by_likelihood
from complaints.zero_shot.names import score_by_names
from complaints.zero_shot.params import ZeroShotParams


@one_line_device_errors("lower zero_shot's max_length")
def score_locally(
    params: ZeroShotParams, texts: list[str], labels: list[str]
) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Return method -> logits, float32 [rows, classes], and a record, for `names` and `likelihood` if they are on.

    Raises:
        UserError: if the precision does not fit the hardware, memory is full, or for the reasons of the methods.
    """
    accelerator, precision = open_device(params.numerics, params.precision)
    found = {}
    if params.names.backbone:
        found["names"] = score_by_names(params.names, accelerator, precision, texts, labels)
    if params.likelihood.backbone:
        found["likelihood"] = score_by_likelihood(params.likelihood, accelerator, precision, texts, labels)
    device = describe_device(accelerator.device.type)
    computed = {"device": device, "numerics": params.numerics, "precision": precision}
    if device == "cpu":
        computed |= {"instructions": torch.backends.cpu.get_cpu_capability(), "threads": str(torch.get_num_threads())}
    return {method: (logits, record | computed) for method, (logits, record) in found.items()}
