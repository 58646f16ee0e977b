"""Learning rate schedules, pure functions of the step."""

import math


def learning_rate_factor(step: int, steps: int, warmup_fraction: float, schedule: str) -> float:
    """Return the share of the peak learning rate at `step`, between 0 and 1.

    All schedules rise linearly during the first ceil(steps x warmup_fraction) steps. Then `linear` falls linearly and
    `cosine` along half a cosine (Loshchilov and Hutter 2017, "SGDR", without restarts), both to zero at `steps`;
    `constant` stays at the peak.

    Args:
        step: Number of the step, from 0.
        steps: Number of steps of the run.
        warmup_fraction: Share of the steps during which the rate rises.
        schedule: `linear`, `cosine` or `constant`.
    """
    warmup = math.ceil(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    left = (steps - step) / max(1, steps - warmup)
    if schedule == "cosine":
        return (1 - math.cos(math.pi * left)) / 2
    return 1.0 if schedule == "constant" else left
