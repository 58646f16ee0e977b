"""Training that goes wrong stops with its likely cause and loses nothing; unusual settings are pointed out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from support.tiny_models import save_bert
from support.tiny_task import LABELS, backbone_in, model_params, run

from complaints.backbones import tokens
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.engine import inference
from complaints.engine.divergence import DIVERGED, WINDOW, DivergenceCheck
from complaints.finetuning import linear_probe
from complaints.finetuning.losses import make_objective
from complaints.finetuning.optimizer import unusual_rates
from complaints.finetuning.task import ClassificationTask, Data
from complaints.modeling import classifier

pytestmark = pytest.mark.usefixtures("workspace")


def check(scaled: bool = False) -> DivergenceCheck:
    return DivergenceCheck(uniform_loss=1.0, advice="lower the rate", scaled=scaled)


def steps(*losses: float, norm: float | None = 1.0) -> list[dict]:
    return [{"step": i + 1, "loss": loss, "gradient_norm": norm} for i, loss in enumerate(losses)]


def test_loss_that_explodes_stops_and_keeps_the_last_sound_state(backbone):
    # The rate climbs through the whole run, so that it is good at first.
    rates = {"learning_rate": 0.1, "head_learning_rate": 5.0, "warmup_fraction": 1.0}
    settings = model_params(backbone, **rates, epochs=40, patience=40)
    with pytest.raises(UserError) as error:
        run(settings)
    message = str(error.value)
    assert "training has diverged" in message
    assert "lower finetune.optimizer.learning_rate (0.1) or finetune.optimizer.head_learning_rate (5)" in message
    assert "\n" not in message
    assert not Path("models/net").exists()
    kept = sorted(Path("scratch/finetune/net").glob("*/step-*"))
    assert str(kept[0].parent) in message
    state = read_json(kept[-1] / "state.json")["state"]["progress"]
    assert state["step"] > WINDOW
    assert max(step["loss"] for step in state["steps"][-WINDOW:]) < DIVERGED * np.log(3) * 1.0001
    assert all(torch.isfinite(tensor).all() for tensor in load_file(kept[-1] / "model").values())

    with pytest.raises(UserError) as again:
        run(settings)
    assert str(again.value) == message
    run(model_params(backbone))
    assert Path("models/net").is_dir()
    assert kept[-1].is_dir()


def test_weights_that_overflow_stop_with_one_line(backbone):
    with pytest.raises(
        UserError, match=r"is (nan|inf|not finite) at step \d+, most likely from too high a learning rate"
    ):
        run(model_params(backbone, learning_rate=1e30, head_learning_rate=1e30))
    assert not Path("models/net").exists()


@pytest.mark.parametrize(
    ("start", "message"), [("random", "before the first step"), ("probe", "features are not finite")]
)
def test_backbone_that_is_not_finite_is_blamed_itself(backbone, tmp_path, start, message):
    folder = save_bert(tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.weight"][0, 0] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=message):
        run(model_params(backbone_in(folder), head_start=start))


class TestDivergenceCheck:
    def test_bad_steps_are_borne_while_they_are_fewer_than_half(self):
        watch = check()
        bad, good = DIVERGED * 1.01, 0.5
        assert watch.step_problem(steps(*[bad] * (WINDOW - 1))) is None
        assert "diverged" in watch.step_problem(steps(*[bad] * WINDOW))
        assert watch.step_problem(steps(*[bad, good] * WINDOW)) is None
        assert "diverged" in watch.step_problem(steps(*[bad, bad, good] * WINDOW))
        assert watch.step_problem(steps(*[DIVERGED] * 50)) is None

    @pytest.mark.parametrize("loss", [float("nan"), float("inf"), 9.0])
    def test_no_state_is_kept_until_a_bad_step_is_long_past(self, loss):
        assert not check().is_sound(steps(loss))
        assert not check().is_sound(steps(loss, *[0.5] * (WINDOW - 1)))
        assert check().is_sound(steps(loss, *[2.9] * WINDOW))

    def test_gradient_that_overflows_is_a_fault_unless_the_scaler_skips_it(self):
        assert "gradient is not finite at step 2" in check().step_problem(steps(0.5, 0.5, norm=None))
        assert check(scaled=True).step_problem(steps(0.5, 0.5, norm=None)) is None
        assert "the loss is nan at step 2" in check(scaled=True).step_problem(steps(0.5, float("nan")))

    def test_validation_that_is_not_finite_is_a_fault(self):
        assert "after epoch 2" in check().validation_problem(2, float("inf"))
        assert check().validation_problem(2, 5.0) is None


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
def test_rates_far_outside_the_usual_are_pointed_out(backbone, trained, changes, said):
    found = unusual_rates(model_params(backbone, train=trained, **changes).finetune)
    assert [sentence.startswith(start) for sentence, start in zip(found, said, strict=True)] == [True] * len(said)


def test_probe_of_features_that_are_not_finite_is_refused():
    features = np.ones((4, 2), dtype="f4")
    features[1, 1] = np.inf
    with pytest.raises(UserError, match="not finite"):
        linear_probe.fit_probe(features, np.array([0, 1, 0, 1]), 2, 1.0)


def test_validation_is_the_same_twice_and_without_the_dropout_of_training(backbone):
    accelerator = Accelerator(cpu=True)
    model = classifier.build(backbone, "linear", "mean", LABELS)
    assert model.encoder.config.hidden_dropout_prob > 0
    splits = [tokens.read_tokens(Path(f"data/tokens/net/{split}.parquet")) for split in ("train", "validation")]
    data = Data(*splits, pad_id=0, classes=len(LABELS))
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
