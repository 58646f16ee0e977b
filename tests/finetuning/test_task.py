"""Validation of a classifier is deterministic and without dropout."""

from pathlib import Path

import numpy as np
import pytest
from accelerate import Accelerator
from support.tiny_task import LABELS, model_params

from complaints.backbones import tokens
from complaints.backbones.resolve import Backbone
from complaints.core.schema import SPLITS
from complaints.engine import inference
from complaints.finetuning.losses import make_objective
from complaints.finetuning.task import ClassificationTask, Data
from complaints.modeling import classifier

pytestmark = pytest.mark.usefixtures("workspace")


def test_validation_is_the_same_twice_and_without_dropout(backbone: Backbone) -> None:
    accelerator = Accelerator(cpu=True)
    model = classifier.build(backbone, "linear", "mean", LABELS)
    assert model.encoder.config.hidden_dropout_prob > 0
    train, validation = (tokens.read_tokens(Path(f"data/tokens/net/{split}.parquet")) for split in SPLITS[:2])
    data = Data(train, validation, pad_id=0, classes=len(LABELS))
    model.train()
    recipe = model_params(backbone).finetune
    objective = make_objective(recipe, data.train.labels, data.classes, accelerator.device)
    task = ClassificationTask(accelerator, model, data, recipe, 13, objective)
    first = task.validate()
    assert not any(module.training for module in model.modules())
    assert task.validate() == first
    logits = inference.infer(accelerator, model, data.validation, 0, "validate")
    model.train()
    assert not np.array_equal(logits, inference.infer(accelerator, model, data.validation, 0, "validate"))
