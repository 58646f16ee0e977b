"""Layer-wise learning rates for every model type."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.tiny_task import default_params
from torch import nn
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    LlamaConfig,
    ModernBertConfig,
    Olmo2Config,
    PreTrainedConfig,
    Qwen2Config,
    RobertaConfig,
)

from complaints.core.errors import UserError
from complaints.finetuning.layerwise_lr import layer_factors
from complaints.finetuning.optimizer import make_optimizer
from complaints.finetuning.params import OptimizerParams
from complaints.modeling.classifier import Classifier, LinearClassifier, StockClassifier, is_head

CLASSES: dict[str, Any] = {"num_labels": 3}
SMALL: dict[str, Any] = {"vocab_size": 20, "hidden_size": 8, "num_attention_heads": 2} | CLASSES
LAYERS: dict[str, Any] = {"num_hidden_layers": 3, "intermediate_size": 16}
DECODER = SMALL | LAYERS | {"num_key_value_heads": 2, "pad_token_id": 0}
CONFIGS = [
    BertConfig(**SMALL, **LAYERS),
    RobertaConfig(**SMALL, **LAYERS),
    DistilBertConfig(vocab_size=20, dim=8, n_heads=2, n_layers=3, hidden_dim=16, **CLASSES),
    ModernBertConfig(**SMALL, **LAYERS, pad_token_id=0, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2),
    Qwen2Config(**DECODER),
    LlamaConfig(**DECODER),
    Olmo2Config(**DECODER),
]
EMBEDDING = re.compile(r"embed")


def linear(config: PreTrainedConfig) -> LinearClassifier:
    return LinearClassifier(AutoModel.from_config(config), "mean", 3)


def stock(config: PreTrainedConfig) -> StockClassifier:
    return StockClassifier(AutoModelForSequenceClassification.from_config(config))


def settings(**changes: Any) -> OptimizerParams:
    return default_params(**changes).finetune.optimizer


def rates(model: Classifier, **changes: Any) -> dict[str, float]:
    """Return the peak learning rate of each trained parameter by name."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = make_optimizer(model, settings(**changes)).param_groups
    return {names[parameter]: group["peak_lr"] for group in groups for parameter in group["params"]}


@pytest.mark.parametrize("build", [linear, stock])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_each_layer_learns_at_half_the_rate_of_the_one_above(
    config: PreTrainedConfig, build: Callable[..., Classifier]
) -> None:
    found = rates(build(config), learning_rate=1.0, head_learning_rate=7.0, layer_decay=0.5)
    seen = set()
    for name, rate in found.items():
        number = re.search(r"layers?\.(\d)\.", name)
        if is_head(name):
            expected = 7.0
        elif number:
            expected = {"0": 0.25, "1": 0.5, "2": 1.0}[number[1]]
        elif EMBEDDING.search(name):
            expected = 0.125
        else:  # a norm or a pooler above the layers
            expected = 1.0
        assert rate == expected, name
        seen.add(rate)
    assert seen == {0.125, 0.25, 0.5, 1.0, 7.0}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
def test_without_decay_there_are_two_rates(config: PreTrainedConfig) -> None:
    assert set(rates(linear(config), learning_rate=1.0, head_learning_rate=7.0).values()) == {1.0, 7.0}


def test_frozen_layers_do_not_change_the_rates_of_the_others() -> None:
    model = linear(CONFIGS[0])
    model.encoder.encoder.layer[0].requires_grad_(False)
    found = rates(model, learning_rate=1.0, head_learning_rate=7.0, layer_decay=0.5)
    assert not any("layer.0." in name for name in found)
    assert found["encoder.encoder.layer.1.output.dense.weight"] == 0.5


def test_layers_that_share_their_weights_are_refused_only_with_decay() -> None:
    config = AlbertConfig(**SMALL, **LAYERS, embedding_size=8)
    assert set(layer_factors(linear(config), 1.0).values()) == {1.0}
    with pytest.raises(UserError, match="needs a backbone whose 3 layers have separate weights"):
        layer_factors(linear(config), 0.9)


def test_every_parameter_has_a_factor() -> None:
    model: nn.Module = linear(CONFIGS[3])
    assert set(layer_factors(model, 0.9)) == {name for name, _ in model.named_parameters()}
