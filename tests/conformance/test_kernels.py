"""The array-level building blocks against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorlib.kernels import convolution as conv
from tensorlib.kernels import loss, optim, pooling

torch = pytest.importorskip("torch")

Array = Any
CONVOLUTIONS = [
    # channels, filters, size, kernel, stride, padding, dilation, groups
    (1, 6, (28, 28), (5, 5), (1, 1), (2, 2), (1, 1), 1),
    (6, 16, (14, 14), (5, 5), (1, 1), (0, 0), (1, 1), 1),
    (4, 6, (9, 8), (3, 2), (2, 1), (1, 2), (1, 3), 2),
    (5, 5, (8, 8), (3, 3), (1, 2), (1, 1), (2, 2), 5),
    (8, 4, (7, 7), (1, 1), (2, 2), (0, 0), (1, 1), 4),
    (3, 4, (20,), (5,), (3,), (2,), (2,), 1),
    (2, 4, (5, 6, 7), (3, 2, 3), (1, 2, 1), (1, 0, 1), (1, 1, 2), 2),
]


def numbers(*shape: int, dtype: str = "float64") -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_and_its_gradients(case: Any, dtype: str) -> None:
    channels, filters, size, kernel, *geometry, groups = case
    x, weight = numbers(5, channels, *size, dtype=dtype), numbers(filters, channels // groups, *kernel, dtype=dtype)
    bias = numbers(filters, dtype=dtype)
    leaves = [torch.from_numpy(array).requires_grad_() for array in (x, weight)]
    function = (torch.conv1d, torch.conv2d, torch.conv3d)[len(size) - 1]
    expected = function(*leaves, torch.from_numpy(bias), *geometry, groups)
    g = numbers(*expected.shape, dtype=dtype)
    expected.backward(torch.from_numpy(g))
    close = {"rtol": 1e-4, "atol": 1e-3} if dtype == "float32" else {"rtol": 1e-11, "atol": 1e-11}
    y = conv.convolution(np, x, weight, bias, *geometry, groups)
    np.testing.assert_allclose(y, expected.detach().numpy(), **close)
    gx = conv.convolution_grad_input(np, g, weight, size, *geometry, groups)
    np.testing.assert_allclose(gx, leaves[0].grad.numpy(), **close)
    gw = conv.convolution_grad_weight(np, g, x, kernel, *geometry, groups)
    np.testing.assert_allclose(gw, leaves[1].grad.numpy(), **close)


@pytest.mark.parametrize("values", ["numbers", "ties", "nan", "minus infinity"])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((28, 28), ((2, 2), (2, 2), (0, 0), (1, 1))),
        ((9, 11), ((3, 2), (2, 3), (1, 1), (1, 2))),
        ((10, 10), ((3, 3), (3, 2), (1, 0), (2, 2))),
        ((13,), ((3,), (2,), (1,), (3,))),
        ((6, 5, 7), ((2, 3, 2), (2, 1, 3), (1, 1, 0), (1, 1, 2))),
    ],
)
def test_max_pool_and_its_gradient(size: Any, options: Any, ceil_mode: bool, values: str) -> None:
    x = numbers(2, 3, *size, dtype="float32")
    if values == "ties":
        x = x.round()
    elif values != "numbers":
        x[x > 0] = np.nan if values == "nan" else -np.inf
    leaf = torch.from_numpy(x).requires_grad_()
    function = getattr(torch.nn.functional, f"max_pool{len(size)}d_with_indices")
    expected, expected_indices = function(leaf, *options, ceil_mode)
    y, indices = pooling.max_pool(np, x, *options, ceil_mode)
    np.testing.assert_array_equal(y, expected.detach().numpy())
    np.testing.assert_array_equal(indices, expected_indices.numpy())
    g = numbers(*y.shape, dtype="float32")
    expected.backward(torch.from_numpy(g))
    np.testing.assert_allclose(pooling.max_pool_backward(np, g, indices, size), leaf.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_cross_entropy_and_its_gradient() -> None:
    x, target, g = numbers(7, 5) * 20, np.arange(7) % 5, numbers(7)
    leaf = torch.from_numpy(x).requires_grad_()
    expected = torch.nn.functional.cross_entropy(leaf, torch.from_numpy(target), reduction="none")
    expected.backward(torch.from_numpy(g))
    losses, probabilities = loss.cross_entropy(np, x, target)
    np.testing.assert_allclose(losses, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    gx = loss.cross_entropy_backward(np, g, probabilities, target)
    np.testing.assert_allclose(gx, leaf.grad.numpy(), rtol=1e-12, atol=1e-14)


def steps_of(optimizer: Any, leaf: Any, count: int = 5) -> list[Array]:
    """Take steps with PyTorch's optimizer; return the gradients it was given."""
    grads = [np.random.default_rng(step).standard_normal(leaf.shape) for step in range(count)]
    for grad in grads:
        leaf.grad = torch.from_numpy(grad)
        optimizer.step()
    return grads


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.5, "dampening": 0.3, "weight_decay": 0.1},
    ],
)
def test_sgd(options: dict[str, Any]) -> None:
    param = numbers(30, 40)
    leaf = torch.nn.Parameter(torch.from_numpy(param.copy()))
    grads = steps_of(torch.optim.SGD([leaf], lr=0.1, **options), leaf)
    buffer = np.zeros_like(param) if options.get("momentum") else None
    for step, grad in enumerate(grads):
        optim.sgd_step(np, param, grad, buffer, lr=0.1, first=step == 0, **options)
    np.testing.assert_allclose(param, leaf.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("size", [50, 1 << 16])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["Adam", "AdamW", "AMSGrad"])
def test_adam(kind: str, weight_decay: float, size: int) -> None:
    param = numbers(size)
    leaf = torch.nn.Parameter(torch.from_numpy(param.copy()))
    make = torch.optim.AdamW if kind == "AdamW" else torch.optim.Adam
    amsgrad = kind == "AMSGrad"
    grads = steps_of(make([leaf], lr=0.1, weight_decay=weight_decay, amsgrad=amsgrad), leaf)
    state = [np.zeros_like(param) for _ in range(2 + amsgrad)]
    for step, grad in enumerate(grads, 1):
        optim.adam_step(
            np, param, grad, *state, step=step, lr=0.1, weight_decay=weight_decay, decoupled=kind == "AdamW"
        )
    np.testing.assert_allclose(param, leaf.detach().numpy(), rtol=1e-11, atol=1e-12)
