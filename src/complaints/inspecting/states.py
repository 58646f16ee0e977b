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
from complaints.inspecting.samples import sample_rows
from complaints.modeling.classifier import pool


def read_sample(path: Path, most: int) -> TokenSet:
    """Return at most `most` rows of a split as `sample_rows` draws them, in the order of the file."""
    tokens = read_tokens(path)
    return tokens.take(sample_rows(read_clusters(path), most))


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
