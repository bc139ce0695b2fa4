"""Calls of convolutions and of their gradients."""

from __future__ import annotations

from typing import Any

from tests.tensorlib.op_table.sample import Sample, normal, spaced


def window(stride: Any, padding: Any, dilation: Any, groups: int = 1) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def as_torch(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    import torch

    return torch.convolution(x, weight, bias, **options, transposed=False, output_padding=(0,))


def input_grad_as_torch(g: Any, weight: Any, size: Any, **options: Any) -> Any:
    import torch

    shape = (g.shape[0], weight.shape[1] * options["groups"], *size)
    x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    return torch.autograd.grad(as_torch(x, weight, **options), x, g, create_graph=True)[0]


def weight_grad_as_torch(g: Any, x: Any, kernel: Any, **options: Any) -> Any:
    import torch

    shape = (g.shape[1], x.shape[1] // options["groups"], *kernel)
    weight = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    return torch.autograd.grad(as_torch(x, weight, **options), weight, g, create_graph=True)[0]


PLAIN = window((1, 1), (0, 0), (1, 1))
UNEVEN = window((2, 1), (1, 0), (1, 2), groups=2)
LINE = window((2,), (1,), (1,))

SAMPLES = [
    *[
        Sample("convolution", args, options, torch=as_torch, tolerance=256)
        for args, options in [
            ((normal(1, 1, 3, 3), normal(1, 1, 2, 2, seed=1)), PLAIN),
            ((normal(2, 2, 4, 5), normal(4, 1, 3, 2, seed=1), normal(4, seed=2)), UNEVEN),
            ((spaced(normal(2, 3, 5)), spaced(normal(2, 3, 3, seed=1)), normal(2, seed=2)), LINE),
            ((normal(1, 1, 2, 3, 2), normal(1, 1, 2, 2, 1, seed=1)), window((1, 1, 1), (0, 1, 0), (1, 1, 1))),
            ((normal(0, 2, 3), normal(1, 2, 3, seed=1), normal(1, seed=2)), LINE),
        ]
    ],
    *[
        Sample("convolution_input_grad", args, {"size": size, **options}, torch=input_grad_as_torch, tolerance=256)
        for args, size, options in [
            ((normal(1, 1, 2, 2), normal(1, 1, 2, 2, seed=1)), (3, 3), PLAIN),
            ((normal(2, 4, 2, 3), normal(4, 1, 3, 2, seed=1)), (4, 5), UNEVEN),
            ((spaced(normal(2, 2, 3)), spaced(normal(2, 3, 3, seed=1))), (6,), LINE),
        ]
    ],
    *[
        Sample(
            "convolution_weight_grad", args, {"kernel": kernel, **options}, torch=weight_grad_as_torch, tolerance=256
        )
        for args, kernel, options in [
            ((normal(1, 1, 2, 2), normal(1, 1, 3, 3, seed=1)), (2, 2), PLAIN),
            ((normal(2, 4, 2, 3), normal(2, 2, 4, 5, seed=1)), (3, 2), UNEVEN),
            ((spaced(normal(2, 2, 3)), spaced(normal(2, 3, 6, seed=1))), (3,), LINE),
        ]
    ],
]
