"""Calls of activation functions."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, integers, normal, spaced, unary

SPECIAL = numpy.array([0.0, -0.0, 30.0, -30.0, 100.0, -100.0, numpy.inf, -numpy.inf, numpy.nan])
NUMBERS = SPECIAL[:-1]  # without nan, where the gradients of limited functions are 0 here and 1 in PyTorch


def wide(*shape, seed=0):
    return numpy.asarray(3 * normal(*shape, seed=seed))


def family(op, torch="", special=SPECIAL, **fields):
    return [*unary(op, wide, torch=torch, **fields), Sample(op, (special,), torch=torch, kink=True)]


def softmax(op):
    return [
        Sample(op, (wide(2, 3, 2), -2)),
        Sample(op, (wide(2, 3),), {"dim": 0}),
        Sample(op, (spaced(wide(2, 3)), 1)),
        Sample(op, (wide(), 0)),
        Sample(op, (wide(0, 3), 1)),
        Sample(op, (wide(3, 0), 1)),
        Sample(op, (integers(2, 3), 1), {"dtype": numpy.float64}, torch=None),
        Sample(op, (numpy.array([1000.0, -1000.0, 0.0]), 0)),
        Sample(op, (numpy.array([-numpy.inf, -1000.0, 0.0]), 0), kink=True),
    ]


SAMPLES = [
    *family("relu", special=NUMBERS, numpy=lambda x: numpy.maximum(x, 0)),
    Sample("relu", (integers(5),)),
    *family("sigmoid", numpy=lambda x: 1 / (1 + numpy.exp(-x))),
    Sample("sigmoid", (integers(5),)),
    *family("logsigmoid", "nn.functional.logsigmoid"),
    *family("softplus", "nn.functional.softplus"),
    Sample("softplus", (wide(5),), {"beta": 2.0, "threshold": 1.5}, torch="nn.functional.softplus"),
    *family("leaky_relu", "nn.functional.leaky_relu"),
    Sample("leaky_relu", (wide(5), 0.2), torch="nn.functional.leaky_relu"),
    *family("elu", "nn.functional.elu", NUMBERS),
    Sample("elu", (wide(5),), {"alpha": 0.5}, torch="nn.functional.elu"),
    *family("hardtanh", "nn.functional.hardtanh", NUMBERS),
    Sample("hardtanh", (wide(5), 0.0, 6.0), torch="nn.functional.hardtanh"),
    *family("celu", special=NUMBERS),
    Sample("celu", (wide(5),), {"alpha": 0.5}),
    Sample("celu", (wide(5),), {"alpha": -0.5}),
    *family("selu", special=NUMBERS),
    *[Sample("threshold", (x, 0.3, -7.0)) for x in (wide(), wide(0, 3), spaced(wide(3, 2)))],
    Sample("threshold", (SPECIAL, 0.0, 1.0), kink=True),
    Sample("threshold", (integers(5), 1, 20)),
    *family("hardshrink"),
    Sample("hardshrink", (wide(5), 1.5)),
    *unary("gelu", wide, torch="nn.functional.gelu"),
    *unary("gelu", wide, options={"approximate": "tanh"}, torch="nn.functional.gelu"),
    *unary("silu", wide, torch="nn.functional.silu"),
    *softmax("softmax"),
    *softmax("log_softmax"),
]
