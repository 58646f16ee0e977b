"""Divergence of a training run, judged by its history alone, so that a resumed run is judged the same."""

import math
import statistics
from dataclasses import dataclass
from typing import Any

DIVERGED = 3.0
"""Training has diverged when its loss exceeds this multiple of a uniform prediction's loss."""
WINDOW = 20
"""Number of steps judged together: training may recover from a few bad ones."""


@dataclass(frozen=True)
class DivergenceCheck:
    """The check of losses and gradients against those of a uniform prediction."""

    uniform_loss: float
    """Expected loss of a uniform prediction."""
    advice: str
    """Likely cause and remedy: the end of a message."""
    scaled: bool
    """Whether fp16's scaling of the loss is on: it skips steps whose gradients overflow, which is not a problem."""

    def is_sound(self, steps: list[dict[str, Any]]) -> bool:
        """Return whether the state after these steps is worth a checkpoint: none of the last ones was bad."""
        return all(step["loss"] <= DIVERGED * self.uniform_loss for step in steps[-WINDOW:])

    def step_problem(self, steps: list[dict[str, Any]]) -> str | None:
        """Return the problem after a step, its likely cause and remedy, in one line; None if there is none.

        Args:
            steps: The history, rows with step, loss and gradient_norm (None where it was not finite).
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
        """Return the problem with the validation loss after an epoch, 0 being the initial weights; None without."""
        if math.isfinite(loss):
            return None
        if epoch == 0:
            return (
                f"the validation loss is {loss} before any step: the backbone's weights are not finite, or too large "
                "for the precision; set precision: fp32 or take another backbone"
            )
        return f"the validation loss is {loss} after epoch {epoch}, {self.advice}"
