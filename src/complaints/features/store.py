"""Features on disk: one array per split, and how they were computed; without torch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from complaints.core.errors import broken_output
from complaints.core.section import Count, Section

FEATURES_FILE = "features.json"


class Encoder(Section):
    """The encoder that made features, as FEATURES_FILE records it; features of new texts need the same."""

    backbone: str
    backbone_sha256: str
    weights: str
    """Folder of the initial weights."""
    weights_sha256: str
    keep_layers: list[int] | None
    """Layers of the weights that it has; None for all."""
    pooling: str
    max_length: Count
    truncation: str = "start"
    """The part of a longer text that is kept; records of earlier versions do not say so."""
    precision: str
    """Precision in which it computed, `fp32`, `bf16` or `fp16`."""


@dataclass(frozen=True)
class Features:
    """The features of one entry on disk."""

    folder: Path

    def read(self, split: str, rows: int) -> np.ndarray:
        """Return a split's features, float32 [rows, width], memory-mapped.

        Raises:
            UserError: if the file is missing or damaged, or has another number of rows.
        """
        path = self.folder / f"{split}.npy"
        try:
            features: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            raise broken_output(path, "is missing or damaged") from None
        if len(features) != rows:
            raise broken_output(path, f"has {len(features)} rows, the tokens have {rows}")
        return features
