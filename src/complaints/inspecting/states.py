"""Pooled hidden states of every layer of an encoder, for a sample of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from complaints.backbones.tokens import TokenSet, read_clusters, read_tokens
from complaints.engine.inference import infer
from complaints.engine.setup import Setup
from complaints.modeling.classifier import pool
from complaints.subsets.draws import draw

SAMPLE_KEY = "inspect"
"""Key of the draw: the sample depends on the names of the clusters and on this alone."""


def read_sample(path: Path, most: int) -> TokenSet:
    """Return at most `most` rows of a split, by whole clusters of near duplicates in the order of a draw.

    A cluster that is larger than the remaining room is left out; rows keep the order of the file.
    """
    tokens, clusters = read_tokens(path), read_clusters(path)
    if len(tokens) <= most:
        return tokens
    names, index, sizes = np.unique(np.array(clusters), return_inverse=True, return_counts=True)
    taken, room = np.zeros(len(names), bool), most
    for cluster in np.argsort(draw(names.tolist(), SAMPLE_KEY), kind="stable"):
        if sizes[cluster] <= room:
            taken[cluster] = True
            room -= sizes[cluster]
    if not taken.any():  # every cluster is larger than the sample: rows of the first
        return tokens.take(np.arange(most))
    return tokens.take(np.flatnonzero(taken[index]))


@dataclass(frozen=True)
class LayerStates:
    """Pooled states, float32 [rows, layers + 1, poolings, width]; layer 0 is that of the token embeddings."""

    values: np.ndarray
    poolings: tuple[str, ...]

    @property
    def layers(self) -> int:
        """Number of layers, the token embeddings among them."""
        return int(self.values.shape[1])

    def of(self, layer: int, pooling: str) -> np.ndarray:
        """Return the states of one layer, float32 [rows, width]."""
        return self.values[:, layer, self.poolings.index(pooling)]


def layer_states(setup: Setup, encoder: Any, tokens: TokenSet, poolings: Sequence[str], title: str) -> LayerStates:
    """Return the pooled states of every layer for these rows.

    Args:
        setup: The device and the tokenizer.
        encoder: The network, on the device and in evaluation mode.
        tokens: The rows, at least one.
        poolings: Names of poolings, as `pool` takes them.
        title: Title of the progress bar.

    Raises:
        UserError: if a state is not a finite number.
    """
    widths: list[int] = []

    def forward(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True).hidden_states
        widths.append(states[0].shape[-1])
        return torch.cat([pool(state, attention_mask, pooling) for state in states for pooling in poolings], dim=1)

    flat = infer(setup.accelerator, forward, tokens, setup.tokenizer.pad_token_id, title)
    return LayerStates(flat.reshape(len(tokens), -1, len(poolings), widths[0]), tuple(poolings))
