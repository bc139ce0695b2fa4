"""`tensorlib.fft`: transforms along one, two and any number of dimensions; frequencies, and their order.

The eighteen transforms are made from one table: six families, each for one, two and any number of dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tensorlib.attach import public_function, require_tensor
from tensorlib.dims import as_dim, as_dims
from tensorlib.dtypes import as_dtype, default_float
from tensorlib.ops._fourier import Dims, Lengths, from_half, to_half, whole
from tensorlib.ops.shape import roll
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor


@dataclass(frozen=True)
class Family:
    """A kind of transform.

    Attributes:
        name: of the transform along one dimension.
        transform: what computes it along any number of dimensions.
        inverse: whether it is the inverse one.
        what: what it returns, for the documentation.
        given: elements of the documentation's example.
        found: what the example shows.
        numbers: what the transform takes.
        lengths: how the lengths are meant.
    """

    name: str
    transform: Callable[..., Tensor]
    inverse: bool
    what: str
    given: str
    found: str
    numbers: str = "real or complex"
    lengths: str = "to cut or fill up with zeros to"


OF_RESULT = "of the result; twice the input's less two along the last dimension, unless given"
FAMILIES = (
    Family("fft", whole, False, "the Fourier transform", "1.0, 2.0", "[ 3.+0.j, -1.+0.j]"),
    Family("ifft", whole, True, "the inverse Fourier transform", "3.0, -1.0", "[1.+0.j, 2.+0.j]"),
    Family(
        "rfft",
        to_half,
        False,
        "the first half of the Fourier transform of real numbers",
        "1.0, 2.0",
        "[ 3.+0.j, -1.+0.j]",
        numbers="real",
    ),
    Family(
        "irfft",
        from_half,
        True,
        "the real numbers whose Fourier transform has a given first half",
        "3.0, -1.0",
        "[1., 2.]",
        lengths=OF_RESULT,
    ),
    Family(
        "hfft",
        from_half,
        False,
        "the real Fourier transform of numbers whose second half are conjugates",
        "3.0, -1.0",
        "[2., 4.]",
        lengths=OF_RESULT,
    ),
    Family(
        "ihfft",
        to_half,
        True,
        "the first half of the inverse Fourier transform of real numbers",
        "2.0, 4.0",
        "[ 3.-0.j, -1.-0.j]",
        numbers="real",
    ),
)
DOCUMENTATION = """Return {what} along {along}.

    Args:
        input: a {numbers} tensor.
        {length}: {lengths}.
        dim: {dim}.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.{name}(tensorlib.tensor({given}))
        tensor({found})
    """


def _along_one(family: Family) -> Callable[..., Tensor]:
    def transform(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        lengths = None if n is None else (n,)
        return family.transform(f"fft.{family.name}", input, lengths, (dim,), norm, inverse=family.inverse)

    return _named(transform, family, "", "a dimension", "n", "the dimension")


def _along_two(family: Family) -> Callable[..., Tensor]:
    def transform(input: Tensor, s: Lengths = None, dim: Dims = (-2, -1), norm: str | None = None) -> Tensor:
        return family.transform(f"fft.{family.name}2", input, s, dim, norm, inverse=family.inverse)

    return _named(transform, family, "2", "two dimensions", "s", "the dimensions")


def _along_several(family: Family) -> Callable[..., Tensor]:
    def transform(input: Tensor, s: Lengths = None, dim: Dims = None, norm: str | None = None) -> Tensor:
        return family.transform(f"fft.{family.name}n", input, s, dim, norm, inverse=family.inverse)

    dims = "the dimensions; all unless given, or as many of the last as there are lengths"
    return _named(transform, family, "n", "several dimensions", "s", dims)


def _named(
    function: Callable[..., Tensor], family: Family, suffix: str, along: str, length: str, dim: str
) -> Callable[..., Tensor]:
    """Give a function its name and documentation."""
    function.__name__ = function.__qualname__ = f"fft_{family.name}{suffix}"
    given, found = (f"[{family.given}]", family.found) if not suffix else (f"[[{family.given}]]", f"[{family.found}]")
    function.__doc__ = DOCUMENTATION.format(
        what=family.what,
        along=along,
        numbers=family.numbers,
        length=length,
        lengths=("the length " if length == "n" else "the lengths ") + family.lengths,
        dim=dim,
        name=family.name + suffix,
        given=given,
        found=found,
    )
    return function


for _family in FAMILIES:
    for _make in (_along_one, _along_two, _along_several):
        public_function(_make(_family))


@public_function
def fft_fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the frequencies of the elements of a transform of `n` numbers that lie `d` apart.

    Example:
        >>> tensorlib.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    result = arange(n, dtype=dtype or as_dtype(default_float()), device=device)
    positive = (n + 1) // 2
    result[positive:] -= n
    return result / (n * d)


@public_function
def fft_rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the frequencies of the first half of a transform of `n` numbers that lie `d` apart.

    Example:
        >>> tensorlib.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    return arange(n // 2 + 1, dtype=dtype or as_dtype(default_float()), device=device) / (n * d)


@public_function
def fft_fftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Move the element of frequency 0 from the front to the middle.

    Args:
        input: a tensor.
        dim: a dimension or several; all unless given.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.fftshift(tensorlib.tensor([0, 1, -2, -1]))
        tensor([-2, -1,  0,  1])
    """
    return _shifted("fft.fftshift", input, dim, lambda n: n // 2)


@public_function
def fft_ifftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Move the element of frequency 0 from the middle to the front.

    Args:
        input: a tensor.
        dim: a dimension or several; all unless given.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ifftshift(tensorlib.tensor([-2, -1, 0, 1]))
        tensor([ 0,  1, -2, -1])
    """
    return _shifted("fft.ifftshift", input, dim, lambda n: -(n // 2))


def _shifted(name: str, x: Tensor, dim: int | Sequence[int] | None, shift: Callable[[int], int]) -> Tensor:
    require_tensor(name, x)
    dims = range(x.ndim) if dim is None else (as_dim(name, dim, x.ndim),) if isinstance(dim, int) else dim
    axes = as_dims(name, tuple(dims), x.ndim)
    result: Tensor = roll(x, shifts=tuple([shift(x.shape[axis]) for axis in axes]), dims=axes) if axes else x.clone()
    return result
