from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from complaints.core.errors import UserError
from complaints.engine import portable


@pytest.fixture
def replaced() -> Iterator[None]:
    """Torch with the replaced operations, for one test."""
    library = portable._replace_operations.__wrapped__()
    yield
    library._destroy()


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


SIZES = st.integers(0, 70)


@given(rows=SIZES, inner=SIZES, columns=SIZES, transposed=st.booleans())
def test_a_product_is_that_of_float64(rows: int, inner: int, columns: int, transposed: bool) -> None:
    left = numbers(inner, rows).t() if transposed else numbers(rows, inner)
    right = numbers(columns, inner, seed=1).t() if transposed else numbers(inner, columns, seed=1)
    product = portable._multiply(left, right)
    torch.testing.assert_close(product, (left.double() @ right.double()).float(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 127, 256, 257, 511, 512, 513, 2000])
def test_a_product_does_not_depend_on_the_number_of_workers(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    products = []
    for cores in (1, 2, 64):
        portable._workers.cache_clear()
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        products.append(portable._multiply(numbers(rows, 96), numbers(96, 130, seed=1)))
    portable._workers.cache_clear()
    assert all(torch.equal(products[0], product) for product in products)


def test_every_form_of_every_replaced_operation_gives_what_torch_gives(replaced: None) -> None:
    matrix, batch, vector, term = numbers(5, 5), numbers(3, 5, 5), numbers(5), numbers(5, 5, seed=2)
    calls: dict[str, tuple[Any, ...]] = {
        "mm": (matrix, matrix),
        "bmm": (batch, batch),
        "mv": (matrix, vector),
        "dot": (vector, vector),
        "addmm": (term, matrix, matrix),
        "baddbmm": (batch, batch, batch),
    }
    share = torch.rand(4, 6, generator=torch.Generator().manual_seed(0)) * 0.9 + 0.05
    calls |= {name: (share,) for name in portable.FUNCTIONS}
    assert {name.split(".")[0].rstrip("_") for name in portable._replacements()} == set(calls)
    for name, arguments in calls.items():
        wanted = getattr(torch, name)(*(argument.to("meta") for argument in arguments))
        result = getattr(torch, name)(*arguments)
        assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype), name
        exact = _with_numpy(name, arguments)
        np.testing.assert_allclose(result.numpy(), exact, rtol=2e-5, atol=2e-5, err_msg=name)
        out = torch.empty(0)
        assert getattr(torch, name)(*arguments, out=out) is out, name
        assert torch.equal(out, result), name
        if name in ("addmm", "baddbmm") or name in portable.FUNCTIONS:
            first = arguments[0].clone()
            assert getattr(first, f"{name}_")(*arguments[1:]) is first, name
            assert torch.equal(first, result), name


def _with_numpy(name: str, arguments: tuple[torch.Tensor, ...]) -> np.ndarray:
    values = [argument.double().numpy() for argument in arguments]
    if name in portable.FUNCTIONS:
        return np.asarray(portable.FUNCTIONS[name](values[0]))
    *terms, left, right = values
    return np.asarray(sum(terms) + left @ right)


def test_factors_of_a_sum_count(replaced: None) -> None:
    term, left, right = numbers(4, 4), numbers(4, 4, seed=1), numbers(4, 4, seed=2)
    sum_ = torch.addmm(term, left, right, beta=0.5, alpha=2)
    torch.testing.assert_close(sum_, 0.5 * term + 2 * (left @ right))
    nothing = torch.full((4, 4), torch.nan)
    assert torch.equal(torch.addmm(nothing, left, right, beta=0), left @ right)


def test_integers_become_floats_and_strides_stay(replaced: None) -> None:
    assert torch.exp(torch.tensor([0, 1])).dtype == torch.float32
    turned = numbers(4, 6).t()
    assert torch.exp(turned).stride() == turned.stride()


def test_gradients_go_through_the_replacements(replaced: None) -> None:
    left, right = numbers(3, 4).double().requires_grad_(), numbers(4, 2, seed=1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: torch.exp(a @ b).sum(), (left, right))


@pytest.mark.parametrize("flags", ["flags : fpu sse2 avx avx2", "flags : fpu fma", "flags : fpu"])
def test_a_processor_without_the_instructions_is_refused(flags: str) -> None:
    with pytest.raises(UserError, match=r"needs a processor with (avx2|fma).*; set numerics: fast"):
        portable.check_processor(flags)


def test_a_processor_with_them_is_taken() -> None:
    portable.check_processor("flags : fpu avx2 fma\nbugs :")
    portable.check_processor("")
