"""Samples of gamma distributions, through which gradients flow to the shape parameter."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.autograd.function import Function, once_differentiable
from tensorlib.creation import finished
from tensorlib.distributions.drawing import drawn, on_host
from tensorlib.distributions.parameters import smallest
from tensorlib.tensor import Tensor

# Nodes and weights on (0, inf) of the double exponential formula s = exp(pi/2 sinh t) (Takahasi, Mori 1974).
_T = numpy.linspace(-3.4, 3.4, 137)
_NODES = numpy.exp(numpy.pi / 2 * numpy.sinh(_T))
_WEIGHTS = (_T[1] - _T[0]) * numpy.pi / 2 * numpy.cosh(_T) * _NODES
_BLOCK = 4096  # samples at a time, to bound the memory


def standard_gamma(concentration: Tensor) -> Tensor:
    """Draw one number of rate 1 for each shape parameter, with the gradient that `slope_of_sample` describes."""
    result: Tensor = _StandardGamma.apply(concentration)
    return result


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        shapes = on_host(concentration, concentration.shape)
        samples = drawn(lambda source: source.standard_gamma(shapes), concentration)
        samples = samples.clamp(min=smallest(samples))  # of small shape parameters they underflow
        ctx.save_for_backward(concentration, samples)
        return samples

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        concentration, samples = ctx.saved_tensors
        slopes = slope_of_sample(on_host(concentration, samples.shape), on_host(samples, samples.shape))
        return gradient * finished(slopes.astype(samples.dtype.numpy), samples.device, False)


def slope_of_sample(concentration: Any, samples: Any) -> Any:
    r"""Return by how much samples move with the shape parameter, where their quantiles stay.

    That is `-(dF/da) / (dF/dx)` for the distribution function F (Figurnov, Mohamed, Mnih 2018), where `dF/da` is the
    integral of `p(t) (log t - digamma(a))` over t from 0 to x, or the negative one over t > x. With `t = x exp(-s)`,
    or `t = x exp(s)`, the integrand falls from s = 0 on where x is below a, or above it.

    Args:
        concentration: shape parameters a, a float64 array.
        samples: samples x of the same shape, positive.
    """
    a, x = numpy.ravel(concentration), numpy.ravel(samples)
    slopes = numpy.empty_like(x)
    for start in range(0, len(x), _BLOCK):
        block = slice(start, start + _BLOCK)
        slopes[block] = _slopes(a[block, None], x[block, None])
    return slopes.reshape(samples.shape)


def _slopes(a: Any, x: Any) -> Any:
    from scipy.special import digamma

    side = numpy.where(x < a, -1.0, 1.0)
    s = _NODES / (numpy.abs(a - x) + numpy.sqrt(x))
    with numpy.errstate(over="ignore"):
        density = numpy.exp(side * a * s - x * numpy.expm1(side * s))
    integrand = density * (numpy.log(x) + side * s - digamma(a))
    return (side * x)[:, 0] * (_WEIGHTS / _NODES * s * integrand).sum(1)
