"""Divergence checks of a training run, functions of its history alone: a resumed run has the same results."""

import math
import statistics
from dataclasses import dataclass
from typing import Any

DIVERGED = 3.0
"""Training has diverged when its loss exceeds this multiple of a uniform prediction's loss."""
WINDOW = 20
"""Number of steps in a check: training may recover from a few steps with a large loss."""


@dataclass(frozen=True)
class DivergenceCheck:
    """Checks of losses, against the uniform-prediction loss, and of gradients."""

    uniform_loss: float
    """Expected loss of a uniform prediction."""
    advice: str
    """Likely cause and remedy, the end of a message."""
    scaled: bool
    """Whether the loss is scaled for fp16: steps whose gradients overflow are then skipped, which is not a problem."""

    def is_sound(self, steps: list[dict[str, Any]]) -> bool:
        """Return whether the state after these steps may be saved: none of the last losses exceeds the limit."""
        return all(step["loss"] <= DIVERGED * self.uniform_loss for step in steps[-WINDOW:])

    def step_problem(self, steps: list[dict[str, Any]]) -> str | None:
        """Return the problem after a step with its likely cause and remedy, in one line, or None.

        Args:
            steps: The history; each row has step, loss and gradient_norm (None if it was not finite).
        """
        step, loss, norm = (steps[-1][name] for name in ("step", "loss", "gradient_norm"))
        if not math.isfinite(loss):
            return f"the loss is {loss} at step {step}, {self.advice}"
        if norm is None and not self.scaled:
            return f"the gradient is not finite at step {step}, {self.advice}"
        recent = [step["loss"] for step in steps[-WINDOW:]]
        if len(recent) == WINDOW and statistics.median(recent) > DIVERGED * self.uniform_loss:
            return (
                f"training has diverged: at step {step} the median loss of the last {WINDOW} steps is "
                f"{statistics.median(recent):.3g}, a uniform prediction has {self.uniform_loss:.3g}, {self.advice}"
            )
        return None

    def validation_problem(self, epoch: int, loss: float) -> str | None:
        """Return the problem with the validation loss after an epoch, or None; epoch 0 is before the first step."""
        if math.isfinite(loss):
            return None
        if epoch == 0:
            return (
                f"the validation loss is {loss} before the first step: the backbone's weights are not finite, or too "
                "large for the precision; set precision: fp32 or take another backbone"
            )
        return f"the validation loss is {loss} after epoch {epoch}, {self.advice}"
