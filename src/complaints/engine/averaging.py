"""Averaged weights of a training: an exponential moving average over steps, or the mean of the last epochs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from complaints.engine.checkpoints import restore_parameters, trainable_parameters

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class AverageSettings:
    """The kind of averaged weights."""

    kind: Literal["ema", "last_k"]
    decay: float
    """Of `ema`: the share of the former average that remains after a step."""
    last: int
    """Of `last_k`: the number of epochs."""


class WeightAverage:
    """The average of a model's trainable weights, beside the weights that training changes.

    `ema`: after step t the average is d x average + (1 - d) x weights with d = min(decay, (1 + t) / (10 + t)), so that
    the initial weights do not dominate the average of a short training (Polyak and Juditsky 1992; the factor is that of
    tf.train.ExponentialMovingAverage). `last_k`: the mean of the weights at the ends of the last epochs (Kaddour 2022,
    "Stop wasting my time! Saving days of ImageNet and BERT training with latest weight averaging").

    The average is a function of the weights after every step, and `state` is in every checkpoint: a resumed training
    has the average of one that was not interrupted. Distributed processes have the same weights and so the same
    averages.
    """

    def __init__(self, model: nn.Module, settings: AverageSettings) -> None:
        """Average the trainable weights of `model`; `begin` or `restore` gives the average its first value."""
        self.model, self.settings = model, settings
        self._kept: list[Weights] = []
        """The moving average alone; or the weights at the ends of the last epochs, the oldest first."""

    def begin(self) -> None:
        """Take the initial weights of a new training."""
        self._kept = [self._weights()]

    def _weights(self) -> Weights:
        return {name: parameter.detach().clone() for name, parameter in trainable_parameters(self.model).items()}

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Take the weights after a step, counted from 1, into the moving average."""
        if self.settings.kind == "ema":
            decay = min(self.settings.decay, (1 + step) / (10 + step))
            for name, parameter in trainable_parameters(self.model).items():
                self._kept[0][name].mul_(decay).add_(parameter, alpha=1 - decay)

    def after_epoch(self, epoch: int) -> None:
        """Take the weights after an epoch, counted from 1, into the mean of the last epochs."""
        if self.settings.kind == "last_k":
            earlier = self._kept if epoch > 1 else []  # the initial weights are no epoch's
            self._kept = [*earlier, self._weights()][-self.settings.last :]

    def state(self) -> Weights:
        """Return all tensors that `restore` needs, by names without meaning."""
        return {f"{index}.{name}": tensor for index, kept in enumerate(self._kept) for name, tensor in kept.items()}

    def restore(self, state: Weights) -> None:
        """Continue from the state of an interrupted training."""
        own, kept = trainable_parameters(self.model), dict[int, Weights]()
        for key, tensor in state.items():
            index, _, name = key.partition(".")
            # A copy on the device: the loaded tensor is a map of its file.
            kept.setdefault(int(index), {})[name] = tensor.to(own[name].device, copy=True)
        self._kept = [kept[index] for index in sorted(kept)]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the averaged weights, for validation and to keep them; afterwards it has its own again."""
        own = self._weights()
        mean = {name: torch.stack([kept[name] for kept in self._kept]).mean(0) for name in own}
        restore_parameters(self.model, mean)
        try:
            yield
        finally:
            restore_parameters(self.model, own)
