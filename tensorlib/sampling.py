"""Samples from distributions whose parameters may be tensors, and filling tensors with samples in place."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib._xp import device_name, to_host
from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.broadcasting import broadcast_tensors
from tensorlib.ops.indexing import write
from tensorlib.placement import place
from tensorlib.random import Generator, drawn_type, randn, source_of
from tensorlib.tensor import Tensor, wrap


@public_function
def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None
) -> Tensor:
    """Return numbers from normal distributions.

    Args:
        mean: of the distributions, a tensor or a number.
        std: their standard deviations, a tensor or a number; both broadcast.
        size: the shape, where both are numbers.
        generator: where to draw from; the default generator unless given.
        dtype: element type, where both are numbers.

    Raises:
        ArgumentError: a standard deviation is negative.
        ShapeError: the shapes do not broadcast.
        TypeError: both are numbers and there is no size.

    Example:
        >>> tensorlib.normal(tensorlib.tensor([1.0, 2.0]), 0.0)
        tensor([1., 2.])
    """
    if bool((std < 0).any()) if isinstance(std, Tensor) else std < 0:
        raise ArgumentError(f"normal: a standard deviation must not be negative, as in {std}")
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        if size is None:
            raise TypeError("normal: needs a size where mean and std are numbers")
        result: Tensor = randn(size, generator=generator, dtype=dtype) * std + mean
        return result
    like = mean + std  # of the shape, type and device that both together have
    noise = randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    drawn: Tensor = noise * std + mean
    return drawn.detach()


@public_function
@tensor_method
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Return ones with given probabilities, and otherwise zeros, in the shape and type of a tensor.

    Args:
        input: the probabilities; only its shape and type count where `p` is given.
        p: one probability for all.
        generator: where to draw from; the default generator unless given.

    Raises:
        ArgumentError: a probability is not between 0 and 1.

    Example:
        >>> tensorlib.tensor([0.0, 1.0]).bernoulli()
        tensor([0., 1.])
    """
    require_tensor("bernoulli", input)
    return input.detach().clone().bernoulli_(input.detach() if p is None else p, generator=generator)


@public_function
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers of events from Poisson distributions, in the shape and type of a tensor of rates.

    Args:
        input: the rates, floating point numbers.
        generator: where to draw from; the default generator unless given.

    Raises:
        ArgumentError: a rate is negative or not finite.
        TypeError: the rates are no floating point numbers.

    Example:
        >>> tensorlib.poisson(tensorlib.zeros(2))
        tensor([0., 0.])
    """
    rates = _parameters("poisson", input)
    if not (numpy.isfinite(rates) & (rates >= 0)).all():
        raise ArgumentError("poisson: a rate must be finite and not negative")
    return _drawn_like(input, source_of(generator).poisson(rates))


@public_function
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers of successes among independent trials.

    Args:
        count: the numbers of trials, whole but of a floating point type.
        prob: the probabilities of success, of the same type; both broadcast.
        generator: where to draw from; the default generator unless given.

    Raises:
        ArgumentError: a number of trials is negative or not whole, or a probability is not between 0 and 1.
        ShapeError: the shapes do not broadcast.
        TypeError: the types are no floating point types, or not the same.

    Example:
        >>> tensorlib.binomial(tensorlib.tensor([5.0, 5.0]), tensorlib.tensor([0.0, 1.0]))
        tensor([0., 5.])
    """
    trials, chances = _parameters("binomial", count), _parameters("binomial", prob)
    if count.dtype is not prob.dtype:
        raise TypeError(f"binomial: count is of type {count.dtype.name}, but prob of {prob.dtype.name}")
    if not ((trials >= 0) & (trials == numpy.floor(trials)) & numpy.isfinite(trials)).all():
        raise ArgumentError("binomial: a number of trials must be whole and not negative")
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ArgumentError("binomial: a probability must be between 0 and 1")
    like, _ = broadcast_tensors(count.detach(), prob.detach())
    return _drawn_like(like, source_of(generator).binomial(trials.astype(numpy.int64), chances))


def _parameters(name: str, tensor: Tensor) -> Any:
    """Return the parameters of distributions in host memory, in double precision."""
    require_tensor(name, tensor)
    if not tensor.dtype.is_floating_point:
        raise TypeError(f"{name}: needs a floating point tensor, not {tensor.dtype.name}")
    return to_host(tensor._array).astype(numpy.float64)


def _drawn_like(like: Tensor, values: Any) -> Tensor:
    return wrap(place(numpy.asarray(values, like.dtype.numpy), device_name(like._array)))


@public_function
@tensor_method
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Return indices drawn with given weights.

    Args:
        input: weights of shape (n,) or (rows, n), not negative, and not all zero in a row.
        num_samples: how many indices to draw per row.
        replacement: an index may be drawn again.
        generator: where to draw from; the default generator unless given.

    Returns:
        int64, of shape (num_samples,) or (rows, num_samples).

    Raises:
        ArgumentError: the weights cannot be drawn from.
        ShapeError: they have other dimensions.

    Example:
        >>> tensorlib.multinomial(tensorlib.tensor([0.0, 1.0]), 2, replacement=True)
        tensor([1, 1])
    """
    require_tensor("multinomial", input)
    if input.ndim not in (1, 2) or not input.numel():
        raise ShapeError(f"multinomial: needs weights of shape (n,) or (rows, n), not {tuple(input.shape)}")
    weights = to_host(input._array).astype(numpy.float64).reshape(-1, input.shape[-1])
    _check_weights(weights, num_samples, replacement)
    source = source_of(generator)
    if replacement:
        chosen = _with_replacement(weights, source.random((len(weights), num_samples)))
    else:
        # The smallest of exponential times with these rates are a draw without replacement (Efraimidis, Spirakis 2006).
        with numpy.errstate(divide="ignore"):
            times = source.standard_exponential(weights.shape) / weights
        chosen = numpy.argsort(times, axis=1)[:, :num_samples]
    return wrap(place(chosen.reshape((*input.shape[:-1], num_samples)), device_name(input._array)))


def _with_replacement(weights: Any, points: Any) -> Any:
    """Return for each point in [0, 1) the index whose share of its row's weights it falls in."""
    ends = weights.cumsum(axis=1)
    rows = numpy.arange(len(weights))[:, None]  # one search in all rows, which follow each other by their numbers
    shares = rows + ends / ends[:, -1:]
    points = numpy.minimum(rows + points, numpy.nextafter(rows + 1.0, 0))
    found = shares.reshape(-1).searchsorted(points.reshape(-1), "right").reshape(points.shape)
    return found - rows * weights.shape[1]


def _check_weights(weights: Any, num_samples: int, replacement: bool) -> None:
    if not (numpy.isfinite(weights).all() and (weights >= 0).all() and (weights.sum(axis=1) > 0).all()):
        raise ArgumentError("multinomial: weights must be finite and not negative, and not all zero in a row")
    possible = int((weights > 0).sum(axis=1).min())
    if num_samples < 1 or (num_samples > possible and not replacement):
        raise ArgumentError(f"multinomial: {num_samples} draws without replacement among {possible} possible indices")


def _filled(name: str, target: Tensor, values: Any) -> Tensor:
    """Write samples into a tensor."""
    return write(name, target, ..., wrap(place(numpy.asarray(values), device_name(target._array))))


@tensor_method
def uniform_(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from the uniform distribution on [a, b).

    Raises:
        ArgumentError: b is less than a.
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
    """
    if b < a:
        raise ArgumentError(f"uniform_: the interval from {a} to {b} is empty")
    drawn = source_of(generator).random(self.shape, drawn_type(self.dtype))
    return _filled("uniform_", self, drawn * (b - a) + a)


@tensor_method
def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from a normal distribution.

    Raises:
        ArgumentError: the standard deviation is negative.
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
    """
    if std < 0:
        raise ArgumentError(f"normal_: a standard deviation must not be negative, {std} is")
    drawn = source_of(generator).standard_normal(self.shape, drawn_type(self.dtype))
    return _filled("normal_", self, drawn * std + mean)


@tensor_method
def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers whose logarithms have a normal distribution of this mean and standard deviation.

    Raises:
        ArgumentError: the standard deviation is not positive.
    """
    if std <= 0:
        raise ArgumentError(f"log_normal_: the standard deviation must be positive, {std} is not")
    return _filled("log_normal_", self, numpy.exp(source_of(generator).standard_normal(self.shape) * std + mean))


@tensor_method
def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from a Cauchy distribution of this median and half width.

    Raises:
        ArgumentError: the width is not positive.
    """
    if sigma <= 0:
        raise ArgumentError(f"cauchy_: sigma must be positive, {sigma} is not")
    return _filled("cauchy_", self, source_of(generator).standard_cauchy(self.shape) * sigma + median)


@tensor_method
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from the exponential distribution of this rate.

    Raises:
        ArgumentError: the rate is not positive.
    """
    if lambd <= 0:
        raise ArgumentError(f"exponential_: the rate must be positive, {lambd} is not")
    drawn = source_of(generator).standard_exponential(self.shape, drawn_type(self.dtype))
    return _filled("exponential_", self, drawn / lambd)


@tensor_method
def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of trials until the first success, each of probability p: 1, 2, ...

    Raises:
        ArgumentError: p is not between 0 and 1.
    """
    if not 0 < p < 1:
        raise ArgumentError(f"geometric_: p must be between 0 and 1, {p} is not")
    return _filled("geometric_", self, source_of(generator).geometric(p, self.shape))


@tensor_method
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with ones of probability p, a number or a tensor that broadcasts, and otherwise zeros.

    Raises:
        ArgumentError: a probability is not between 0 and 1.
    """
    chances = to_host(p._array) if isinstance(p, Tensor) else numpy.asarray(p)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ArgumentError("bernoulli_: a probability must be between 0 and 1")
    return _filled("bernoulli_", self, source_of(generator).random(self.shape) < chances)


@tensor_method
def random_(self: Tensor, a: int | None = None, b: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Fill with integers: `random_()` with all that the type holds exactly, `random_(b)` below b, `random_(a, b)`.

    Raises:
        ArgumentError: there is no integer in the range.
    """
    low, high = (0, a) if b is None else (a or 0, b)
    if high is None:
        high = _exact_integers(self.dtype.numpy)
    if low >= high:
        raise ArgumentError(f"random_: there is no integer from {low} up to but without {high}")
    return _filled("random_", self, source_of(generator).integers(low, high, self.shape))


def _exact_integers(kind: numpy.dtype[Any]) -> int:
    """Return one more than the greatest integer up to which a type holds all."""
    if kind.kind in "fV":
        return int(2 ** (numpy.finfo(kind).nmant + 1))
    return 2 if kind.kind == "b" else int(numpy.iinfo(kind).max) + 1
