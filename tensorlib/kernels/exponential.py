"""Exponentials of large arrays in one pass over memory: the logistic function, and softmax along contiguous rows.

NumPy's exponential is fast, but each further step of a formula is one more pass. These loops evaluate the exponential
in single precision as Cephes does (Moshier, "Methods and Programs for Mathematical Functions", 1989): `exp(x)` is
`2**n * exp(r)`, with `r` at most half of log 2 and a polynomial for `exp(r)`. The error is below 1.5e-7 of the result.

Whether a loop is taken depends on the array alone, so that bits reproduce on one kind of processor.
"""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.kernels.compiled import ENOUGH_ELEMENTS, compiled
from tensorlib.kernels.sums import row_sums

float32 = numpy.float32
FUSED = frozenset({"contract"})
ONE = float32(1)
LEAST, GREATEST = float32(-87.33654), float32(88.37)  # between them, the result is a normal number
LOG2_E = float32(1.44269504)
# log 2 in two parts, of which the first has so few digits that its multiples are exact.
LOG_2_HIGH, LOG_2_LOW = float32(0.693359375), float32(-2.12194440e-4)
TO_INTEGER = float32(1.5 * 2**23)  # a number of this size has no digits behind the point
P0, P1, P2 = float32(1.9875691500e-4), float32(1.3981999507e-3), float32(8.3334519073e-3)
P3, P4, P5 = float32(4.1665795894e-2), float32(1.6666665459e-1), float32(5.0000001201e-1)


def suits(x: Any) -> bool:
    """Tell whether the loops are for this array: one of many float32 without gaps, on the CPU."""
    return x.size >= ENOUGH_ELEMENTS and type(x) is numpy.ndarray and x.dtype.char == "f" and x.flags.c_contiguous


def sigmoid(x: Any) -> Any:
    """Return `1 / (1 + exp(-x))` of an array that suits.

    Example:
        >>> from tensorlib.kernels.exponential import sigmoid
        >>> import numpy
        >>> float(sigmoid(numpy.zeros(4, "f4"))[0])
        0.5
    """
    y = numpy.empty_like(x)
    _sigmoid_loop(x.reshape(-1), y.reshape(-1))
    return y


def softmax(x: Any) -> Any:
    """Return `exp(x)`, scaled so that it sums to 1 along the last axis, of an array that suits."""
    y = numpy.empty_like(x)
    rows, results = x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1])
    _exponential_loop(rows, rows.max(axis=1), results)
    _scale_loop(results, ONE / row_sums(results))
    return y


def log_softmax(x: Any) -> Any:
    """Return the logarithm of `softmax(x)` of an array that suits."""
    y = numpy.empty_like(x)
    rows, results = x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1])
    maximum = rows.max(axis=1)
    _exponential_loop(rows, maximum, results)
    _difference_loop(rows, maximum, numpy.log(row_sums(results)), results)
    return y


@compiled("void(float32[::1], float32[::1])", FUSED)
def _sigmoid_loop(x: Any, y: Any) -> None:
    for k in range(x.shape[0]):
        v = -x[k]
        u = v if v > LEAST else LEAST
        u = u if u < GREATEST else GREATEST
        shifted = u * LOG2_E + TO_INTEGER
        n = shifted - TO_INTEGER
        r = u - n * LOG_2_HIGH - n * LOG_2_LOW
        p = ((((P0 * r + P1) * r + P2) * r + P3) * r + P4) * r + P5
        p = p * (r * r) + r + ONE
        power = numpy.int32((float32(shifted).view(numpy.int32) + 127) << 23)  # the bits of 2**n
        y[k] = v if v != v else ONE / (ONE + p * power.view(float32))


@compiled("void(float32[:, ::1], float32[::1], float32[:, ::1])", FUSED)
def _exponential_loop(x: Any, maximum: Any, y: Any) -> None:
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            v = x[i, k] - maximum[i]
            u = v if v > LEAST else LEAST
            shifted = u * LOG2_E + TO_INTEGER
            n = shifted - TO_INTEGER
            r = u - n * LOG_2_HIGH - n * LOG_2_LOW
            p = ((((P0 * r + P1) * r + P2) * r + P3) * r + P4) * r + P5
            p = p * (r * r) + r + ONE
            power = numpy.int32((float32(shifted).view(numpy.int32) + 127) << 23)
            y[i, k] = v if v != v else float32(0) if v < LEAST else p * power.view(float32)


@compiled("void(float32[:, ::1], float32[::1])")
def _scale_loop(x: Any, factors: Any) -> None:
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            x[i, k] *= factors[i]


@compiled("void(float32[:, ::1], float32[::1], float32[::1], float32[:, ::1])")
def _difference_loop(x: Any, first: Any, second: Any, y: Any) -> None:
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            y[i, k] = (x[i, k] - first[i]) - second[i]
