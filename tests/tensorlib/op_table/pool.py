"""Calls of pooling, padding and batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.nn.gradient_hooks import Watch
from tests.tensorlib.op_table.sample import Sample, integers, normal, positive, spaced


def window(kernel: Any, stride: Any, padding: Any, dilation: Any = None, ceil_mode: Any = None) -> dict[str, Any]:
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    return {name: value for name, value in given.items() if value is not None}


def max_pool_as_torch(x: Any, kernel: Any, return_indices: bool = False, **options: Any) -> Any:
    import torch

    function = getattr(torch.nn.functional, f"max_pool{len(kernel)}d")
    return function(x, kernel, **options, return_indices=return_indices)


def max_pool_with_indices_as_torch(x: Any, **options: Any) -> Any:
    return max_pool_as_torch(x, **options, return_indices=True)


def put_at_as_torch(x: Any, indices: Any, size: Any) -> Any:
    zeros = x.new_zeros(*x.shape[:2], int(numpy.prod(size)))
    return zeros.scatter_add(2, indices.flatten(2), x.flatten(2)).reshape(*x.shape[:2], *size)


def take_at_as_torch(x: Any, indices: Any) -> Any:
    return x.flatten(2).gather(2, indices.flatten(2)).reshape(indices.shape)


def sum_pool_as_torch(x: Any, out: Any, kernel: Any, **options: Any) -> Any:
    import torch

    pooled = torch.nn.functional.avg_pool2d(x, kernel, **options, divisor_override=1)
    assert tuple(pooled.shape[2:]) == out
    return pooled


def sum_pool_grad_as_torch(g: Any, size: Any, **options: Any) -> Any:
    import torch

    x = torch.zeros((*g.shape[:2], *size), dtype=g.dtype, requires_grad=True)
    return torch.autograd.grad(sum_pool_as_torch(x, tuple(g.shape[2:]), **options), x, g, create_graph=True)[0]


def batch_norm_as_torch(x: Any, weight: Any = None, bias: Any = None, *, eps: float) -> Any:
    import torch

    axes = [0, *range(2, x.ndim)]
    values = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    return values, x.mean(axes), x.var(axes, unbiased=False)


def pad_as_torch(x: Any, pads: Any, value: float = 0) -> Any:
    import torch

    return torch.nn.functional.pad(x, [cells for pair in reversed(pads) for cells in pair], value=value)


def watched_as_torch(tensors: Any, watch: Any) -> Any:
    return tuple(x.view_as(x) for x in tensors)


def watch_nothing(gradients: Any) -> Any:
    return gradients


MAX_POOLS = [
    ((normal(2, 2, 4, 6),), window((2, 2), (2, 2), (0, 0), (1, 1))),
    ((normal(1, 2, 5, 6),), window((3, 2), (2, 1), (1, 1), (1, 1), True)),
    ((spaced(normal(1, 1, 7, 5)),), window((2, 3), (1, 2), (0, 1), (2, 1), False)),
    ((normal(2, 1, 6),), window((2,), (2,), (0,), (1,))),
]
PLACES = integers(2, 3, 2, 2, low=0, high=12)

SAMPLES = [
    *[Sample("max_pool", args, options, torch=max_pool_as_torch) for args, options in MAX_POOLS],
    *[
        Sample("max_pool_with_indices", args, options, torch=max_pool_with_indices_as_torch)
        for args, options in MAX_POOLS
    ],
    Sample("put_at", (normal(2, 3, 2, 2), PLACES), {"size": (3, 4)}, torch=put_at_as_torch),
    Sample("take_at", (normal(2, 3, 3, 4), PLACES), torch=take_at_as_torch),
    *[
        Sample("sum_pool", args, {"out": out, **options}, torch=sum_pool_as_torch)
        for args, out, options in [
            ((normal(2, 2, 4, 6),), (2, 3), window((2, 2), (2, 2), (0, 0))),
            ((spaced(normal(1, 2, 5, 6)),), (3, 7), window((3, 2), (2, 1), (1, 1))),
        ]
    ],
    *[
        Sample("sum_pool_grad", args, {"size": size, **options}, torch=sum_pool_grad_as_torch)
        for args, size, options in [
            ((normal(2, 2, 2, 3),), (4, 6), window((2, 2), (2, 2), (0, 0))),
            ((spaced(normal(1, 2, 3, 7)),), (5, 6), window((3, 2), (2, 1), (1, 1))),
        ]
    ],
    *[
        Sample("batch_norm_training", args, {"eps": 1e-3}, torch=batch_norm_as_torch, tolerance=512)
        for args in [
            (normal(4, 3),),
            (normal(3, 2, 2, 2), positive(2), normal(2, seed=1)),
            (spaced(normal(3, 2, 4)), positive(2), None),
        ]
    ],
    *[
        Sample("constant_pad", args, options, torch=pad_as_torch)
        for args, options in [
            ((normal(2, 3),), {"pads": ((1, 0), (0, 2)), "value": 1.5}),
            ((spaced(normal(3, 4)),), {"pads": ((-1, 1), (2, -1))}),
            ((integers(3),), {"pads": ((1, 1),)}),
        ]
    ],
    Sample("watched", ([normal(2, 3), normal()],), {"watch": Watch(watch_nothing)}, torch=watched_as_torch),
]
