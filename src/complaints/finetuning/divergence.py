"""When training has gone wrong, and which learning rates are likely to make it."""

import math
import statistics
from dataclasses import dataclass
from typing import Any

from complaints.finetuning.params import ModelParams

EXPLODED = 3.0
"""A loss of this many times that of a blind guess is one that no sound training has."""
WINDOW = 20
"""So many steps are looked at together: training may get over a few bad ones."""

RATES: dict[str, dict[str, tuple[float, float]]] = {
    "full": {"learning_rate": (1e-6, 5e-4), "head_learning_rate": (1e-6, 5e-2)},
    "lora": {"learning_rate": (1e-5, 5e-3), "head_learning_rate": (1e-5, 5e-2)},
    "head": {"head_learning_rate": (1e-5, 1.0)},
    "frozen": {},
}
"""For each way to train, the learning rates that are usual with AdamW, both ends included."""


def unusual_rates(trained: str, params: ModelParams) -> list[str]:
    """Return a sentence for each learning rate that lies outside the usual range for what is trained."""
    found = []
    for name, (low, high) in RATES[trained].items():
        rate = getattr(params, name)
        if not low <= rate <= high:
            much = "low: the model may hardly learn" if rate < low else "high: training may diverge"
            found.append(f"{name} {rate:g} is unusually {much} (usual for {trained} training: {low:g} to {high:g})")
    return found


@dataclass(frozen=True)
class Guard:
    """Watches the history of a run; what it says depends on that history alone, so a resumed run hears the same."""

    params: ModelParams
    chance: float
    """Loss of a blind guess."""
    scaled: bool
    """Under fp16 the loss is scaled, and steps whose gradients overflow are skipped: they are no fault."""

    def is_sound(self, steps: list[dict[str, Any]]) -> bool:
        """Tell whether the state after these steps is worth keeping: none of the last ones was bad."""
        return all(step["loss"] <= EXPLODED * self.chance for step in steps[-WINDOW:])

    def _blame_rates(self) -> str:
        rates = [f"{name} ({getattr(self.params, name):g})" for name in RATES[self.params.train]]
        return (
            f"most likely from too high a learning rate; lower {' or '.join(rates)}, raise warmup_fraction, "
            "or take fp32 as precision"
        )

    def step_fault(self, steps: list[dict[str, Any]]) -> str | None:
        """Return what is wrong, its likely cause and what to do, in one line; None if nothing is.

        Args:
            steps: What happened so far, rows with step, loss and gradient_norm (None where it was not finite).
        """
        step, loss, norm = (steps[-1][name] for name in ("step", "loss", "gradient_norm"))
        if not math.isfinite(loss):
            return f"the loss is {loss} at step {step}, {self._blame_rates()}"
        if norm is None and not self.scaled:
            return f"the gradient is not finite at step {step}, {self._blame_rates()}"
        recent = [step["loss"] for step in steps[-WINDOW:]]
        if len(recent) == WINDOW and statistics.median(recent) > EXPLODED * self.chance:
            return (
                f"the loss has exploded: at step {step} the median of the last {WINDOW} steps is "
                f"{statistics.median(recent):.3g}, a blind guess has {self.chance:.3g}, {self._blame_rates()}"
            )
        return None

    def validation_fault(self, epoch: int, loss: float) -> str | None:
        """Return the same about the validation after an epoch; epoch 0 is the start."""
        if math.isfinite(loss):
            return None
        if epoch == 0:
            return (
                f"the validation loss is {loss} before any weight has moved: the backbone's weights are not finite, or "
                "too large for the precision; set precision: fp32 or take another backbone"
            )
        return f"the validation loss is {loss} after epoch {epoch}, {self._blame_rates()}"
