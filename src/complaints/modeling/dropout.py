"""Dropout on processors, with masks that are drawn in bulk."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn

LEVELS = 2**16
"""A mask compares 16 random bits with the probability, which is rounded to a multiple of 1 / LEVELS."""


def draw_mask(shape: torch.Size, probability: float) -> torch.Tensor:
    """Return which elements dropout keeps, bool of `shape`.

    torch draws one number of its Mersenne twister for each element, which takes a seventh of the time of a training
    step of MiniLM in bfloat16. Here it draws a seed; the generator SFC64 (Doty-Humphrey 2010), whose stream is the
    same in all versions of NumPy, then draws 16 bits for each element. The mask is a function of torch's seed, on every
    processor and with any number of threads.

    Args:
        shape: Shape of the mask.
        probability: Probability that an element is dropped.
    """
    elements = math.prod(shape)
    generator = np.random.SFC64(int(torch.randint(2**62, ())))
    bits = generator.random_raw(-(-elements * 16 // 64)).astype("<u8", copy=False).view("<u2")
    return torch.from_numpy(bits[:elements] >= round(probability * LEVELS)).view(shape)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, states: torch.Tensor, probability: float) -> torch.Tensor:
        scales = draw_mask(states.shape, probability).to(states.dtype).mul_(1 / (1 - probability))
        context.save_for_backward(scales)
        return states * scales

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient * context.saved_tensors[0], None


class BulkDropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014) with the masks of `draw_mask`."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the states, in training with dropped elements at zero and the others scaled by 1 / (1 - p)."""
        return _Dropout.apply(states, self.p) if self.training and 0 < self.p < 1 else super().forward(states)


def draw_masks_in_bulk(model: nn.Module) -> None:
    """Replace each dropout of a model on a processor, in place; parameters and their names stay the same."""
    for name, child in list(model.named_children()):
        if type(child) is nn.Dropout:
            setattr(model, name, BulkDropout(child.p).train(child.training))
        else:
            draw_masks_in_bulk(child)
