"""Post-hoc logit adjustment for class frequency (Menon et al. 2021)."""

import numpy as np


def adjust(logits: np.ndarray, prior: np.ndarray, tau: float) -> np.ndarray:
    """Return logits [rows, classes] minus `tau` times the log prior [classes].

    Menon et al. 2021, "Long-tail learning via logit adjustment": tau = 1 turns posterior scores into scores under
    balanced classes, tau = 0 changes nothing.
    """
    return logits - tau * prior
