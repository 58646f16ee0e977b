"""When training has gone wrong, and which learning rates are likely to make it."""

import math
from dataclasses import dataclass
from typing import Any

from complaints.params import ModelParams

EXPLODED = 3.0
"""A loss of this many times that of a blind guess is one that no honest batch has."""
EXPLODED_STEPS = 20
"""After so many such steps in a row training is given up."""

RATES = {
    "full": {"learning_rate": (1e-6, 5e-4), "head_learning_rate": (1e-6, 5e-2)},
    "freeze_layers": {"learning_rate": (1e-6, 5e-4), "head_learning_rate": (1e-6, 5e-2)},
    "lora": {"learning_rate": (1e-5, 5e-3), "head_learning_rate": (1e-5, 5e-2)},
    "frozen": {"head_learning_rate": (1e-5, 1.0)},
    "head": {"head_learning_rate": (1e-5, 1.0)},
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

    def is_sound(self, step: dict[str, Any]) -> bool:
        """Tell whether a step's loss is one that training can go on from, so that its state is worth keeping."""
        return step["loss"] <= EXPLODED * self.chance

    def fault(self, steps: list[dict[str, Any]]) -> str | None:
        """Return what is wrong, its likely cause and what to do, in one line; None if nothing is.

        Args:
            steps: What happened so far, rows with step, loss and gradient_norm (None where it was not finite).
        """
        last = steps[-1]
        step, loss = last["step"], last["loss"]
        cure = (
            f"lower learning_rate ({self.params.learning_rate:g}) or head_learning_rate "
            f"({self.params.head_learning_rate:g}), raise warmup_fraction, or set precision: fp32"
        )
        if not math.isfinite(loss):
            if step == 1:
                return (
                    f"the loss is {loss} at step 1, before any weight has moved: the backbone's weights are not finite "
                    "or too large for the precision; set precision: fp32 or take another backbone"
                )
            return f"the loss is {loss} at step {step}, most likely from too high a learning rate; {cure}"
        if last["gradient_norm"] is None and not self.scaled:
            return f"the gradient is not finite at step {step}, most likely from too high a learning rate; {cure}"
        recent = steps[-EXPLODED_STEPS:]
        if len(recent) == EXPLODED_STEPS and not any(map(self.is_sound, recent)):
            return (
                f"the loss has exploded: {loss:.3g} at step {step}, and {EXPLODED_STEPS} steps in a row over "
                f"{EXPLODED:g} times that of a blind guess ({self.chance:.3g}), most likely from too high a "
                f"learning rate; {cure}"
            )
        return None
