"""Layers of a fine-tuned encoder beside those of its initial weights: the map of embeddings, and linear probes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import AutoModel

from complaints.backbones.pretrained import is_decoder, resolve_pooling
from complaints.core import paths
from complaints.engine.setup import Setup
from complaints.inspecting.probes import Labels, Separation, probe_accuracies, separation
from complaints.inspecting.samples import HeldOut
from complaints.inspecting.states import layer_states, read_sample
from complaints.modeling.attention import prepare_attention
from complaints.modeling.classifier import Checkpoint
from complaints.modeling.loading import load_pretrained
from complaints.modeling.truncation import keep_layers
from complaints.params import ModelEntry


@dataclass(frozen=True)
class Layers:
    """Measurements of the layers; mappings have the networks `pretrained` and `fine-tuned` as keys."""

    pooling: str
    """The pooling of the entry's head, which the map shows."""
    names: Sequence[str]
    """Class names by id."""
    labels: Labels
    right: np.ndarray
    """Whether the model labels a validation row as the data does, bool [rows]."""
    separations: Mapping[str, Separation]
    accuracies: Mapping[str, Mapping[str, Sequence[float]]]
    """Network -> pooling -> accuracy of the probe of each layer."""


@dataclass(frozen=True)
class Sizes:
    """Rows at most of the two samples."""

    train: int
    validation: int


def measure_layers(
    name: str, entry: ModelEntry, setup: Setup, checkpoint: Checkpoint, held_out: HeldOut, sizes: Sizes
) -> Layers:
    """Return the measurements of an entry.

    Args:
        name: The entry's name.
        entry: Its parameters.
        setup: Its set-up.
        checkpoint: Its checkpoint, on the device.
        held_out: All rows of validation.
        sizes: Sizes of the samples.

    Raises:
        UserError: if a file is missing, broken or of another run than the others, or memory is full.
    """
    tokens = paths.TOKENS / name
    samples = {
        "train": read_sample(tokens / "train.parquet", sizes.train),
        "validation": read_sample(tokens / "validation.parquet", sizes.validation),
    }
    labels = Labels(samples["train"].labels, samples["validation"].labels, len(checkpoint.labels))
    own = resolve_pooling(entry.head.pooling, setup.backbone, setup.initial)
    pretrained, _ = load_pretrained(setup.initial.folder, AutoModel)
    keep_layers(pretrained, entry.keep_layers)
    other = "last" if is_decoder(pretrained.config.model_type) else "cls"
    poolings = tuple(dict.fromkeys(["mean", other, own]))
    separations, accuracies = {}, {}
    for network, encoder in {"pretrained": pretrained, "fine-tuned": checkpoint.model.encoder}.items():
        prepare_attention(encoder, "never", False, setup.precision)
        encoder.eval().to(setup.accelerator.device)
        train, validation = (
            layer_states(setup, encoder, sample, poolings, f"{network}, {split}") for split, sample in samples.items()
        )
        top = train.layers - 1
        separations[network] = separation(train.of(top, own), validation.of(top, own), labels)
        accuracies[network] = probe_accuracies(train, validation, labels, entry.head.probe_c)
    right = held_out.rows_of(samples["validation"].row_ids).predicted == labels.validation
    return Layers(own, checkpoint.labels, labels, right, separations, accuracies)
