"""Parameter groups of AdamW, and warnings about unusual learning rates."""

from typing import Any

import pytest
from support.tiny_task import LABELS, model_params

from complaints.backbones.resolve import Backbone
from complaints.finetuning.optimizer import make_optimizer, unusual_rates
from complaints.modeling import classifier


def test_norms_and_biases_do_not_decay_and_the_head_has_its_own_rate(backbone: Backbone) -> None:
    model = classifier.build(backbone, "linear", "mean", LABELS)
    groups = make_optimizer(model, model_params(backbone, weight_decay=0.1).finetune.optimizer).param_groups
    decaying = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    heads = {id(p) for group in groups if group["peak_lr"] == 0.01 for p in group["params"]}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert (id(parameter) in decaying) == (not name.endswith("bias") and "LayerNorm" not in name), name
            assert (id(parameter) in heads) == name.startswith("head."), name


@pytest.mark.parametrize(
    ("trained", "changes", "said"),
    [
        ("full", {"learning_rate": 1e-4, "head_learning_rate": 1e-3}, []),
        (
            "full",
            {"learning_rate": 2e-3, "head_learning_rate": 1e-3},
            ["finetune.optimizer.learning_rate 0.002 is unusually high"],
        ),
        (
            "full",
            {"learning_rate": 1e-7, "head_learning_rate": 1e-3},
            ["finetune.optimizer.learning_rate 1e-07 is unusually low"],
        ),
        (
            "full",
            {"learning_rate": 1e-4, "head_learning_rate": 0.5},
            ["finetune.optimizer.head_learning_rate 0.5 is unusually high"],
        ),
        ("lora", {"learning_rate": 2e-3, "head_learning_rate": 1e-3}, []),
        (
            "lora",
            {"learning_rate": 2e-6, "head_learning_rate": 1e-3},
            ["finetune.optimizer.learning_rate 2e-06 is unusually low"],
        ),
        ("head", {"learning_rate": 9.0, "head_learning_rate": 0.5}, []),
        ("frozen", {"learning_rate": 9.0, "head_learning_rate": 9.0}, []),
    ],
)
def test_learning_rates_outside_the_usual_range_are_named(
    backbone: Backbone, trained: str, changes: dict[str, Any], said: Any
) -> None:
    found = unusual_rates(model_params(backbone, train=trained, **changes).finetune)
    assert [sentence.startswith(start) for sentence, start in zip(found, said, strict=True)] == [True] * len(said)
