"""Training that diverges stops with one line on its likely cause, and keeps its checkpoints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.tiny_models import save_bert
from support.tiny_task import backbone_in, model_params, run

from complaints.backbones.resolve import Backbone
from complaints.core.errors import UserError
from complaints.core.files import read_json
from complaints.engine.divergence import DIVERGED, WINDOW, DivergenceCheck

pytestmark = pytest.mark.usefixtures("workspace")


def check(scaled: bool = False) -> DivergenceCheck:
    return DivergenceCheck(uniform_loss=1.0, advice="lower the rate", scaled=scaled)


def steps(*losses: float, norm: float | None = 1.0) -> list[dict[str, Any]]:
    return [{"step": i + 1, "loss": loss, "gradient_norm": norm} for i, loss in enumerate(losses)]


def problem(divergence_check: DivergenceCheck, *losses: float) -> str | None:
    """Return `diverged` if the check finds that these losses diverge, None if it finds no problem."""
    found = divergence_check.step_problem(steps(*losses))
    assert found is None or "training has diverged" in found
    return found and "diverged"


def test_loss_that_diverges_stops_and_keeps_the_checkpoints_before(backbone: Backbone) -> None:
    # The rate rises through the run, so that the first epochs are sound.
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


def test_weights_that_overflow_stop_with_one_line(backbone: Backbone) -> None:
    with pytest.raises(
        UserError, match=r"is (nan|inf|not finite) at step \d+, most likely from too high a learning rate"
    ):
        run(model_params(backbone, learning_rate=1e30, head_learning_rate=1e30))
    assert not Path("models/net").exists()


@pytest.mark.parametrize("start", ["random", "probe"])
def test_backbone_that_is_not_finite_is_named_as_the_cause(backbone: Backbone, tmp_path: Path, start: str) -> None:
    folder = save_bert(tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.weight"][0, 0] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"broken has values in the tensor encoder\.layer\.0\.output\.dense\.weight"):
        run(model_params(backbone_in(folder), head_start=start))


class TestDivergenceCheck:
    def test_training_has_diverged_when_the_median_loss_of_a_window_exceeds_the_limit(self) -> None:
        large, small = DIVERGED * 1.01, 0.5
        assert problem(check(), *[large] * (WINDOW - 1)) is None
        assert problem(check(), *[large] * WINDOW) == "diverged"
        assert problem(check(), *[large, small] * WINDOW) is None
        assert problem(check(), *[large, large, small] * WINDOW) == "diverged"
        assert problem(check(), *[DIVERGED] * 50) is None

    @pytest.mark.parametrize("loss", [float("nan"), float("inf"), 9.0])
    def test_no_state_is_saved_within_a_window_of_a_large_loss(self, loss: float) -> None:
        assert not check().is_sound(steps(loss))
        assert not check().is_sound(steps(loss, *[0.5] * (WINDOW - 1)))
        assert check().is_sound(steps(loss, *[2.9] * WINDOW))

    def test_gradient_that_overflows_is_a_problem_unless_the_scaler_skips_the_step(self) -> None:
        overflow = steps(0.5, 0.5, norm=None)
        assert "gradient is not finite at step 2" in str(check().step_problem(overflow))
        assert check(scaled=True).step_problem(overflow) is None
        assert "the loss is nan at step 2" in str(check(scaled=True).step_problem(steps(0.5, float("nan"))))

    def test_validation_loss_that_is_not_finite_is_a_problem(self) -> None:
        assert "after epoch 2" in str(check().validation_problem(2, float("inf")))
        assert "before the first step" in str(check().validation_problem(0, float("nan")))
        assert check().validation_problem(2, 5.0) is None
