"""Losses and class weights: values, gradients, and sums over micro-batches."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from support.tiny_task import default_params

from complaints.finetuning import losses
from complaints.scoring.class_prior import log_prior

CPU = torch.device("cpu")
COUNTS = st.lists(st.integers(1, 5000), min_size=2, max_size=30).map(np.array)
LABELS = np.repeat([0, 1, 2], [600, 300, 100])


def objective(labels: np.ndarray = LABELS, classes: int = 3, **changes: Any) -> losses.Objective:
    return losses.make_objective(default_params(**changes).finetune, labels, classes, CPU)


def draw(rows: int = 7, classes: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=random, dtype=torch.float64) * 3
    return logits.requires_grad_(), torch.randint(classes, (rows,), generator=random)


def normaliser(chosen: losses.Objective, labels: torch.Tensor) -> float:
    """Return the loss normaliser of a batch of rows with these labels."""
    return chosen.batch_weights(labels.numpy(), [np.arange(len(labels))]).item()


def softmax(logits: torch.Tensor) -> np.ndarray:
    values = logits.detach().numpy()
    exponents = np.exp(values - values.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)


def gradient(loss: torch.Tensor, logits: torch.Tensor) -> np.ndarray:
    return torch.autograd.grad(loss.sum(), logits)[0].numpy()


class TestValuesAndGradients:
    """Comparison with scikit-learn and with explicit formulas."""

    @pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
    def test_cross_entropy_with_smoothing(self, smoothing: float) -> None:
        logits, labels = draw()
        loss, p = losses.cross_entropy(logits, labels, smoothing), softmax(logits)
        target = np.eye(5)[labels] * (1 - smoothing) + smoothing / 5
        np.testing.assert_allclose(loss.detach(), -(target * np.log(p)).sum(1))
        np.testing.assert_allclose(gradient(loss, logits), p - target, atol=1e-12)
        if not smoothing:
            assert loss.mean().item() == pytest.approx(log_loss(labels, p, labels=range(5)))

    @pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
    def test_focal(self, gamma: float) -> None:
        logits, labels = draw()
        loss, p = losses.focal(logits, labels, gamma), softmax(logits)
        own = p[np.arange(7), labels]
        np.testing.assert_allclose(loss.detach(), -((1 - own) ** gamma) * np.log(own))
        # d loss / d p x d p / d logits, with d p / d logits = p (one-hot - p)
        outer = gamma * (1 - own) ** (gamma - 1) * np.log(own) - (1 - own) ** gamma / own
        np.testing.assert_allclose(gradient(loss, logits), (outer * own)[:, None] * (np.eye(5)[labels] - p), atol=1e-12)

    def test_focal_of_exponent_zero_is_cross_entropy(self) -> None:
        logits, labels = draw()
        torch.testing.assert_close(losses.focal(logits, labels, 0.0), losses.cross_entropy(logits, labels))

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
    @pytest.mark.parametrize("size", [30.0, 1e4])
    def test_focal_has_a_gradient_where_a_probability_rounds_to_one_or_zero(self, gamma: float, size: int) -> None:
        logits = torch.tensor([[size, 0.0, 0.0], [0.0, 0.0, size]], requires_grad=True)
        loss = losses.focal(logits, torch.tensor([0, 0]), gamma)
        assert np.isfinite(gradient(loss, logits)).all()
        assert loss[0] < 1e-9
        assert loss[1].item() == pytest.approx(size)

    @pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
    def test_logit_adjusted(self, tau: float) -> None:
        logits, labels = draw()
        shares = np.array([0.6, 0.2, 0.1, 0.07, 0.03])
        loss = losses.logit_adjusted(logits, labels, torch.from_numpy(np.log(shares)), tau)
        odds = np.exp(logits.detach().numpy()) * shares**tau
        p = odds / odds.sum(1, keepdims=True)
        np.testing.assert_allclose(loss.detach(), -np.log(p[np.arange(7), labels]))
        np.testing.assert_allclose(gradient(loss, logits), p - np.eye(5)[labels], atol=1e-12)

    def test_plain_objective_has_the_exact_gradient_of_torchs_loss(self) -> None:
        plain = objective()
        logits = torch.randn(32, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
        labels = torch.randint(3, (32,), generator=torch.Generator().manual_seed(2))
        ours = torch.autograd.grad(plain(logits, labels) / normaliser(plain, labels), logits)[0]
        assert torch.equal(ours, torch.autograd.grad(torch.nn.functional.cross_entropy(logits, labels), logits)[0])

    def test_weighted_objective_is_torchs_weighted_mean(self) -> None:
        weighted = objective(class_weights="inverse")
        logits, labels = draw(40, 3)
        ours = weighted(logits, labels) / normaliser(weighted, labels)
        torch.testing.assert_close(
            ours, torch.nn.functional.cross_entropy(logits, labels, weight=weighted.weights.double())
        )


class TestClassWeights:
    @given(COUNTS, st.sampled_from(["none", "inverse", "sqrt_inverse", "effective"]), st.floats(0.01, 0.9999))
    def test_mean_weight_over_training_rows_is_one_and_rarer_classes_have_no_smaller_weight(
        self, counts: np.ndarray, scheme: str, beta: float
    ) -> None:
        weights = losses.class_weights(counts, scheme, beta)
        assert (weights * counts).sum() / counts.sum() == pytest.approx(1)
        order = np.argsort(-counts)
        assert all(a <= b * (1 + 1e-9) for a, b in itertools.pairwise(weights[order]))

    @given(COUNTS)
    def test_inverse_weights_make_classes_equal_and_sqrt_inverse_is_their_root(self, counts: np.ndarray) -> None:
        inverse = losses.class_weights(counts, "inverse", 0.9)
        np.testing.assert_allclose(inverse * counts, counts.sum() / len(counts))
        half = losses.class_weights(counts, "sqrt_inverse", 0.9)
        np.testing.assert_allclose(half[0] / half, np.sqrt(inverse[0] / inverse))

    def test_effective_numbers_are_those_of_the_paper(self) -> None:
        counts, beta = np.array([1, 10, 1000]), 0.99
        effective = np.array([sum(beta**k for k in range(n)) for n in counts])  # 1, 1 + beta, 1 + beta + beta^2, ...
        weights = losses.class_weights(counts, "effective", beta)
        np.testing.assert_allclose(weights / weights[0], 1 / effective)

    @given(COUNTS)
    def test_effective_is_between_none_and_inverse(self, counts: np.ndarray) -> None:
        np.testing.assert_allclose(losses.class_weights(counts, "effective", 1e-9), 1.0)
        inverse = losses.class_weights(counts, "inverse", 0.5)
        np.testing.assert_allclose(losses.class_weights(counts, "effective", 1 - 1e-9), inverse, rtol=1e-4)

    def test_class_without_rows_has_the_weight_of_a_single_row(self) -> None:
        weights = losses.class_weights(np.array([50, 0, 1]), "inverse", 0.9)
        assert weights[1] == weights[2]
        assert np.isfinite(weights).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"class_weights": "inverse"},
        {"class_weights": "effective", "label_smoothing": 0.1},
        {"loss": "focal", "class_weights": "sqrt_inverse"},
        {"loss": "logit_adjusted"},
    ],
    ids=str,
)
class TestObjective:
    @given(st.lists(st.integers(0, 19), max_size=4))
    @settings(max_examples=20)
    def test_micro_batches_add_up_to_the_step(self, changes: dict[str, Any], cuts: list[int]) -> None:
        complete = objective(**changes)
        logits, labels = draw(20, 3, seed=len(cuts))
        weight = normaliser(complete, labels)
        once = complete(logits, labels) / weight
        bounds = [0, *sorted(cuts), 20]
        parts = torch.stack([complete(logits[a:b], labels[a:b]) / weight for a, b in itertools.pairwise(bounds)]).sum()
        torch.testing.assert_close(parts, once)
        np.testing.assert_allclose(gradient(parts, logits), gradient(once, logits), atol=1e-12)

    def test_uniform_loss_is_the_loss_of_a_uniform_prediction_on_all_training_rows(
        self, changes: dict[str, Any]
    ) -> None:
        complete = objective(**changes)
        labels = torch.from_numpy(LABELS)
        expected = complete(torch.zeros(len(labels), 3), labels) / normaliser(complete, labels)
        assert complete.uniform_loss() == pytest.approx(expected.item(), rel=1e-5)
        if not changes:
            assert complete.uniform_loss() == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [0.6, 0.3, 0.1]),
        ({"class_weights": "inverse"}, [1 / 3] * 3),
        ({"sampling": "class_aware"}, [1 / 3] * 3),
        ({"loss": "logit_adjusted"}, [1 / 3] * 3),
        ({"sampling": "sqrt"}, np.sqrt([0.6, 0.3, 0.1])),
        ({"class_weights": "sqrt_inverse"}, np.sqrt([0.6, 0.3, 0.1])),
    ],
)
def test_shifted_biases_are_those_that_training_of_the_biases_alone_reaches(
    changes: dict[str, Any], expected: Any
) -> None:
    """Without features, the best biases are known: the log prior under the objective."""
    chosen = objective(**changes)
    biases = torch.from_numpy(log_prior(LABELS, 3)).float() + chosen.bias_shift
    expected = np.array(expected) / sum(expected)
    np.testing.assert_allclose(biases.softmax(0), expected, atol=0.01)
    # At the end, the gradient over rows drawn as training draws them is zero.
    biases.requires_grad_()
    labels = torch.arange(3)
    loss = (chosen.mass * chosen.rows(biases.expand(3, 3), labels)).sum()
    assert torch.autograd.grad(loss, biases)[0].abs().max() < 0.01


def test_plain_objective_shifts_no_bias_and_an_absent_class_has_the_smallest_shift() -> None:
    assert (objective().bias_shift == 0).all()
    shift = objective(np.repeat([0, 2], [90, 10]), class_weights="inverse").bias_shift
    assert torch.isfinite(shift).all()
    assert shift[0] == shift[1] < shift[2]
