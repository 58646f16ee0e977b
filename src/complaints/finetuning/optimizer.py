"""AdamW with learning rates of the head and of each layer of the encoder, and usual ranges of these rates."""

import torch
from torch import nn

from complaints.engine.optimizer import make_adamw
from complaints.finetuning.layerwise_lr import layer_factors
from complaints.finetuning.params import FinetuneParams, OptimizerParams
from complaints.modeling.classifier import is_head

USUAL_RATES: dict[str, dict[str, tuple[float, float]]] = {
    "full": {"learning_rate": (1e-6, 5e-4), "head_learning_rate": (1e-6, 5e-2)},
    "lora": {"learning_rate": (1e-5, 5e-3), "head_learning_rate": (1e-5, 5e-2)},
    "head": {"head_learning_rate": (1e-5, 1.0)},
    "frozen": {},
}
"""Usual learning rates with AdamW for each value of finetune.train, both ends included."""


def make_optimizer(model: nn.Module, params: OptimizerParams) -> torch.optim.AdamW:
    """Return AdamW for the trainable parameters of a classifier or of a `HeadOnly`."""
    factors = layer_factors(model, params.layer_decay)
    rates = (
        (parameter, params.head_learning_rate if is_head(name) else params.learning_rate * factors[name])
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    )
    return make_adamw(rates, params.weight_decay)


def unusual_rates(params: FinetuneParams) -> list[str]:
    """Return a sentence for each learning rate outside the usual range for this value of finetune.train."""
    found = []
    for name, (low, high) in USUAL_RATES[params.train].items():
        rate = getattr(params.optimizer, name)
        if not low <= rate <= high:
            risk = "low: the model may hardly learn" if rate < low else "high: training may diverge"
            found.append(
                f"finetune.optimizer.{name} {rate:g} is unusually {risk} "
                f"(usual for {params.train} training: {low:g} to {high:g})"
            )
    return found


def divergence_advice(params: FinetuneParams) -> str:
    """Return the likely cause of a divergence and its remedy, the end of a message."""
    rates = [f"finetune.optimizer.{name} ({getattr(params.optimizer, name):g})" for name in USUAL_RATES[params.train]]
    return (
        f"most likely from too high a learning rate; lower {' or '.join(rates)}, "
        "raise finetune.optimizer.warmup_fraction, or set precision: fp32"
    )
