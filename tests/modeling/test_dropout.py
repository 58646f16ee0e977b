"""Tests of dropout with masks that are drawn in bulk."""

import math

import pytest
import torch
from torch import nn

from complaints.modeling.dropout import BulkDropout, draw_mask, draw_masks_in_bulk


@pytest.mark.parametrize("shape", [(1,), (3, 5), (7, 11, 13), (0, 4)])
def test_mask_has_the_shape(shape: tuple[int, ...]) -> None:
    mask = draw_mask(torch.Size(shape), 0.5)
    assert mask.shape == shape
    assert mask.dtype == torch.bool


@pytest.mark.parametrize("probability", [0.05, 0.1, 0.5, 0.9])
def test_share_of_dropped_elements_is_the_probability(probability: float) -> None:
    torch.manual_seed(3)
    mask = draw_mask(torch.Size((1000, 400)), probability)
    error = math.sqrt(probability * (1 - probability))
    assert abs((~mask).double().mean().item() - probability) < 4 * error / math.sqrt(400_000)
    # No row and no column has a share of its own: neighbours in the stream are independent.
    assert (~mask).double().mean(0).std().item() == pytest.approx(error / math.sqrt(1000), rel=0.15)
    assert (~mask).double().mean(1).std().item() == pytest.approx(error / math.sqrt(400), rel=0.15)


def test_mask_is_a_function_of_the_seed() -> None:
    masks = []
    for seed, threads in ((7, 1), (7, 2), (8, 2)):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        torch.manual_seed(seed)
        masks.append(torch.stack([draw_mask(torch.Size((50, 50)), 0.3) for _ in range(2)]))
        torch.set_num_threads(before)
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0][0], masks[0][1])


def test_the_bits_are_those_of_all_versions() -> None:
    torch.manual_seed(13)
    kept = draw_mask(torch.Size((4, 16)), 0.25).int().tolist()
    assert ["".join(map(str, row)) for row in kept] == [
        "0010111001010111",
        "0011101110111110",
        "1100111101111111",
        "1011111011100101",
    ]


def test_output_and_gradient_are_scaled_by_the_same_mask() -> None:
    torch.manual_seed(5)
    states = torch.ones(200, 30, requires_grad=True)
    output = BulkDropout(0.25).train()(states)
    output.sum().backward()
    assert states.grad is not None
    assert set(output.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert torch.equal(output, states.grad)


def test_nothing_is_dropped_in_evaluation_or_with_probability_zero() -> None:
    states = torch.randn(20, 3)
    assert torch.equal(BulkDropout(0.5).eval()(states), states)
    assert torch.equal(BulkDropout(0.0).train()(states), states)
    assert not BulkDropout(1.0).train()(states).any()


def test_every_dropout_of_a_model_is_replaced() -> None:
    block = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.2))
    model = nn.ModuleDict({"block": block, "last": nn.Dropout(0.4)}).train()
    names = list(model.state_dict())
    model["last"].eval()
    draw_masks_in_bulk(model)
    found = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert [(type(module), module.p, module.training) for module in found] == [
        (BulkDropout, 0.2, True),
        (BulkDropout, 0.4, False),
    ]
    assert list(model.state_dict()) == names
