"""Calls of losses."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, binary, integers, normal, positive, spaced

CLASSES = integers(4, low=0, high=3)
PLANES = integers(2, 3, 2, low=0, high=4)
WEIGHT = positive(3).astype(numpy.float64)
REDUCTIONS = ("mean", "sum", "none")
OLD_FLAGS = ({"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True})


def probabilities(*shape, seed=0):
    return numpy.asarray(normal(*shape, seed=seed) * 0.1 + 0.5)


def of_classes(op):
    """Return calls of a loss of right classes."""
    torch = f"nn.functional.{op}"
    return [
        *[Sample(op, (normal(4, 3), CLASSES), {"reduction": reduction}, torch) for reduction in REDUCTIONS],
        *[Sample(op, (normal(4, 3), CLASSES), flags, torch) for flags in OLD_FLAGS],
        *[Sample(op, (normal(4, 3), CLASSES), {"ignore_index": 1, "reduction": each}, torch) for each in REDUCTIONS],
        *[
            Sample(op, (normal(2, 4, 3, 2), PLANES), {"ignore_index": 2, "reduction": each}, torch)
            for each in REDUCTIONS
        ],
        *[weighted(op, normal(4, 3), CLASSES, reduction=reduction) for reduction in REDUCTIONS],
        weighted(op, normal(4, 3), CLASSES, ignore_index=1),
        Sample(op, (spaced(normal(2, 4, 3, 2)), PLANES), {}, torch),
        Sample(op, (normal(3), integers(low=0, high=3)), {}, torch),
        Sample(op, (normal(0, 3), integers(0)), {"reduction": "sum"}, torch),
        Sample(op, (normal(0, 3), integers(0)), {}, torch),
        Sample(op, (normal(2, 3), numpy.array([1, 1])), {"ignore_index": 1}, torch, kink=True),
    ]


def weighted(op, x, target, **options):
    """Return a call with weights of the classes."""
    return Sample(op, (x, target), {"weight": WEIGHT, **options}, f"nn.functional.{op}", constants=("weight",))


def smoothed(**options):
    """Return the same calls with part of each example spread over all classes."""
    return [
        Sample("cross_entropy", args, {"label_smoothing": 0.1, "reduction": reduction, **options}, CROSS_ENTROPY)
        for reduction in REDUCTIONS
        for args in ((normal(4, 3), CLASSES), (normal(2, 4, 3, 2), PLANES))
    ]


def soft(**options):
    """Return calls with probabilities instead of right classes."""
    return [
        Sample("cross_entropy", (normal(*shape), probabilities(*shape)), {"reduction": each, **options}, CROSS_ENTROPY)
        for each in REDUCTIONS
        for shape in ((3,), (4, 3), (2, 4, 3))
    ]


def backward_step(g, x, classes, factors=0.5):
    """Return a call of the gradient of the cross entropy."""
    constants = {"classes": classes.reshape(-1), "factors": factors}
    return Sample("class_cross_entropy_backward", (g, x), constants, None, arrays=tuple(constants))


CROSS_ENTROPY = "nn.functional.cross_entropy"
WITH_LOGITS = "binary_cross_entropy_with_logits"

SAMPLES = [
    *[
        sample
        for op in ("mse_loss", "l1_loss")
        for sample in (
            *[
                Sample(op, (normal(2, 3), normal(2, 3, seed=1)), {"reduction": each}, f"nn.functional.{op}")
                for each in REDUCTIONS
            ],
            *[Sample(op, (normal(2, 3), normal(2, 3, seed=1)), flags, f"nn.functional.{op}") for flags in OLD_FLAGS],
            Sample(op, (normal(2, 3), normal(2, 3, seed=1)), torch=f"nn.functional.{op}"),
            *binary(op, options={"reduction": "sum"}, torch=None),
        )
    ],
    *[
        Sample(WITH_LOGITS, (5 * normal(2, 3), probabilities(2, 3)), options, f"nn.functional.{WITH_LOGITS}", **fields)
        for reduction in REDUCTIONS
        for options, fields in (
            ({"reduction": reduction}, {}),
            ({"reduction": reduction, "weight": WEIGHT}, {"constants": ("weight",)}),
            ({"reduction": reduction, "pos_weight": WEIGHT}, {"constants": ("pos_weight",)}),
        )
    ],
    Sample(WITH_LOGITS, (normal(), probabilities()), {}, f"nn.functional.{WITH_LOGITS}"),
    *of_classes("nll_loss"),
    *of_classes("cross_entropy"),
    *smoothed(),
    *smoothed(ignore_index=1),
    *soft(),
    *soft(label_smoothing=0.1),
    *[
        weighted("cross_entropy", normal(4, 3), target, label_smoothing=0.1, reduction=reduction)
        for reduction in REDUCTIONS
        for target in (CLASSES, probabilities(4, 3))
    ],
    Sample("class_cross_entropy", (normal(4, 3), CLASSES), torch=CROSS_ENTROPY),
    backward_step(numpy.asarray(1.5), normal(4, 3), CLASSES),
    backward_step(normal(4, seed=1), normal(4, 3), CLASSES, positive(4, seed=1)),
    backward_step(normal(2, 3, 2, seed=1), normal(2, 4, 3, 2), PLANES),
]
