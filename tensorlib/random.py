"""Random numbers, by NumPy's PCG64 generator: the same from the same seed, on every machine and device.

Numbers are drawn on the CPU and then moved, so that they do not depend on the device.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from tensorlib.attach import require_tensor
from tensorlib.creation import finished
from tensorlib.dims import as_shape
from tensorlib.dtypes import as_dtype, default_float
from tensorlib.errors import ArgumentError
from tensorlib.factories import factory
from tensorlib.placement import get_default_device
from tensorlib.tensor import Tensor, wrap

_STATE = struct.Struct("<Q16s16sII")  # initial seed; PCG64's state, increment, and the half of a number it may keep


class Generator:
    """A source of random numbers with a state of its own.

    Args:
        device: accepted for the sake of scripts; numbers are drawn on the CPU in any case.

    Example:
        >>> source = tensorlib.Generator().manual_seed(1)
        >>> first = tensorlib.rand(2, generator=source)
        >>> bool((tensorlib.rand(2, generator=source.manual_seed(1)) == first).all())
        True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device
        self.manual_seed(secrets.randbits(63))

    def manual_seed(self, seed: int) -> Generator:
        """Start anew from a seed; returns the generator.

        Raises:
            ArgumentError: the seed does not fit in 64 bits.
        """
        if not -(2**63) <= int(seed) < 2**64:
            raise ArgumentError(f"manual_seed: a seed must fit in 64 bits, {seed} does not")
        self._seed = int(seed) % 2**64
        self.numpy = numpy.random.Generator(numpy.random.PCG64(self._seed))
        return self

    def seed(self) -> int:
        """Start anew from a seed that the operating system draws, and return it."""
        self.manual_seed(secrets.randbits(63))
        return self._seed

    def initial_seed(self) -> int:
        """Return the seed that the numbers started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """Return the state as a tensor of bytes."""
        state: dict[str, Any] = dict(self.numpy.bit_generator.state)
        words = [state["state"][name].to_bytes(16, "little") for name in ("state", "inc")]
        packed = _STATE.pack(self._seed, *words, state["has_uint32"], state["uinteger"])
        return wrap(numpy.frombuffer(packed, numpy.uint8).copy())

    def set_state(self, state: Tensor) -> None:
        """Go on from a state that `get_state` returned.

        Raises:
            ArgumentError: it is no such state.
        """
        if not isinstance(state, Tensor) or state.dtype.name != "uint8" or state.numel() != _STATE.size:
            raise ArgumentError(f"set_state: needs the {_STATE.size} bytes that get_state returned, not {state!r}")
        self._seed, current, increment, has_half, half = _STATE.unpack(state._array.tobytes())
        inner = {"state": int.from_bytes(current, "little"), "inc": int.from_bytes(increment, "little")}
        self.numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": inner,
            "has_uint32": has_half,
            "uinteger": half,
        }


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator anew from a seed, and return it.

    Raises:
        ArgumentError: the seed does not fit in 64 bits.

    Example:
        >>> tensorlib.manual_seed(0).initial_seed()
        0
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator anew from a seed that the operating system draws, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the seed that the default generator started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Let the default generator go on from a state that `get_rng_state` returned.

    Raises:
        ArgumentError: it is no such state.
    """
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Put the state of the default generator back at the end of a `with`.

    Args:
        devices: accepted and not used: there is one generator for all devices.
        enabled: False does nothing.

    Example:
        >>> before = tensorlib.get_rng_state()
        >>> with tensorlib.random.fork_rng():
        ...     _ = tensorlib.rand(3)
        >>> bool((tensorlib.get_rng_state() == before).all())
        True
    """
    state = default_generator.get_state()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state(state)


def source_of(generator: Generator | None) -> numpy.random.Generator:
    """Return NumPy's generator of a generator, or of the default one."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"generator: needs a Generator, not {type(generator).__name__}")
    return (default_generator if generator is None else generator).numpy


def _finished(array: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    kind = as_dtype(dtype or default_float()).numpy
    array = numpy.asarray(array)  # NumPy gives numbers where 0-d arrays would be meant
    where = get_default_device() if device is None else device
    return finished(array if array.dtype == kind else array.astype(kind), where, requires_grad)


def drawn_type(dtype: Any) -> Any:
    """Return the type in which to draw floats for a type: NumPy knows two."""
    kind = as_dtype(dtype or default_float())
    return numpy.float32 if kind.is_floating_point and kind.itemsize < 8 else numpy.float64


def _drawn(name: str, draw: Callable[..., Any], lengths: Any, dtype: Any) -> Any:
    """Draw floats, or complex numbers of which both parts are drawn."""
    kind = as_dtype(dtype or default_float())
    if kind.is_complex:
        return numpy.asarray(draw(lengths) + 1j * draw(lengths))
    if not kind.is_floating_point:
        raise TypeError(f"{name}: needs a floating point or complex type, not {kind}; use randint for integers")
    return numpy.asarray(draw(lengths, drawn_type(dtype)))


@factory
def rand(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1).

    Args:
        shape: the lengths, as numbers or one sequence.
        size: the same as one sequence, by name.
        generator: where to draw from; the default generator unless given.
        dtype: a floating point or complex type; the default type unless given.
        device: where to put the result.
        requires_grad: record operations on it.

    Raises:
        ShapeError: a length is negative.
        TypeError: the type is one of integers.

    Example:
        >>> tensorlib.rand(2, 3).shape
        tensorlib.Size([2, 3])
    """
    lengths = as_shape("rand", shape if size is None else size)
    values = _drawn("rand", source_of(generator).random, lengths, dtype)
    return _finished(values, dtype, device, requires_grad)


@factory
def randn(
    *shape: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from the normal distribution of mean 0 and variance 1; arguments as of `rand`.

    Example:
        >>> tensorlib.randn(2, 3).shape
        tensorlib.Size([2, 3])
    """
    lengths = as_shape("randn", shape if size is None else size)
    values = _drawn("randn", source_of(generator).standard_normal, lengths, dtype)
    if values.dtype.kind == "c":
        values = values * 0.5**0.5  # so that the variance of real and imaginary part together is 1
    return _finished(values, dtype, device, requires_grad)


@factory
def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return integers from `low` up to but without `high`; `randint(high, size)` starts at zero.

    Args:
        low: the smallest value, 0 unless given.
        high: one more than the greatest.
        size: the shape.
        generator: where to draw from; the default generator unless given.
        dtype: element type; int64 unless given.
        device: where to put the result.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: there is no integer in the range.
        ShapeError: a length is negative.

    Example:
        >>> tensorlib.randint(1, 2, (3,))
        tensor([1, 1, 1])
    """
    if size is None:
        low, high, size = 0, low, high
    for bound in (low, high):
        if isinstance(bound, float):
            raise TypeError(f"randint: needs integers, not {bound}")
    if high is None or low >= high:
        raise ArgumentError(f"randint: there is no integer from {low} up to but without {high}")
    values = source_of(generator).integers(low, high, as_shape("randint", size))
    return _finished(values, dtype or numpy.int64, device, requires_grad)


@factory
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the integers from 0 to n - 1 in a random order.

    Raises:
        ArgumentError: n is negative.

    Example:
        >>> tensorlib.randperm(4).sort()[0]
        tensor([0, 1, 2, 3])
    """
    if n < 0:
        raise ArgumentError(f"randperm: needs zero or more, not {n}")
    return _finished(source_of(generator).permutation(n), dtype or numpy.int64, device, requires_grad)


@factory
def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return what `rand` does in the shape, type and place of a tensor, unless told otherwise.

    Example:
        >>> tensorlib.rand_like(tensorlib.zeros(2, 3)).shape
        tensorlib.Size([2, 3])
    """
    options = _like("rand_like", input, dtype, device)
    return rand(input.shape, generator=generator, requires_grad=requires_grad, **options)


@factory
def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return what `randn` does in the shape, type and place of a tensor, unless told otherwise.

    Example:
        >>> tensorlib.randn_like(tensorlib.zeros(2, 3)).shape
        tensorlib.Size([2, 3])
    """
    options = _like("randn_like", input, dtype, device)
    return randn(input.shape, generator=generator, requires_grad=requires_grad, **options)


@factory
def randint_like(
    input: Tensor,
    low: int = 0,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return what `randint` does in the shape, type and place of a tensor, unless told otherwise.

    Example:
        >>> tensorlib.randint_like(tensorlib.zeros(2), 1)
        tensor([0., 0.])
    """
    options = _like("randint_like", input, dtype, device)
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, generator=generator, requires_grad=requires_grad, **options)


def _like(name: str, input: Tensor, dtype: Any, device: Any) -> dict[str, Any]:
    """Return a tensor's type and device, unless others are given."""
    require_tensor(name, input)
    return {"dtype": dtype or input.dtype, "device": input.device if device is None else device}
