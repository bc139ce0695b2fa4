"""`tensorlib.fft`: transforms along one dimension, frequencies, and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorlib.attach import public_function, require_tensor
from tensorlib.dims import as_dim, as_dims
from tensorlib.dtypes import as_dtype, default_float
from tensorlib.ops._fourier import from_half, to_half, whole
from tensorlib.ops.shape import roll
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor


def _one(n: int | None) -> Sequence[int] | None:
    return None if n is None else (n,)


@public_function
def fft_fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Return the Fourier transform along a dimension.

    Args:
        input: a real or complex tensor.
        n: the length to cut or fill up with zeros to.
        dim: the dimension.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.fft(tensorlib.tensor([1.0, 2.0]))
        tensor([ 3.+0.j, -1.+0.j])
    """
    return whole("fft.fft", input, _one(n), (dim,), norm, inverse=False)


@public_function
def fft_ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Return the inverse Fourier transform along a dimension.

    Args:
        input: a real or complex tensor.
        n: the length to cut or fill up with zeros to.
        dim: the dimension.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ifft(tensorlib.tensor([3.0, -1.0]))
        tensor([1.+0.j, 2.+0.j])
    """
    return whole("fft.ifft", input, _one(n), (dim,), norm, inverse=True)


@public_function
def fft_rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Return the first half of the Fourier transform of real numbers along a dimension.

    Args:
        input: a real tensor.
        n: the length to cut or fill up with zeros to.
        dim: the dimension.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.rfft(tensorlib.tensor([1.0, 2.0]))
        tensor([ 3.+0.j, -1.+0.j])
    """
    return to_half("fft.rfft", input, _one(n), (dim,), norm, inverse=False)


@public_function
def fft_irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Return the real numbers whose Fourier transform has a given first half along a dimension.

    Args:
        input: a real or complex tensor.
        n: the length of the result; twice that of the input, less two, unless given.
        dim: the dimension.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.irfft(tensorlib.tensor([3.0, -1.0]))
        tensor([1., 2.])
    """
    return from_half("fft.irfft", input, _one(n), (dim,), norm, inverse=True)


@public_function
def fft_hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Return the real Fourier transform of numbers whose second half are conjugates along a dimension.

    Args:
        input: a real or complex tensor.
        n: the length of the result; twice that of the input, less two, unless given.
        dim: the dimension.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.hfft(tensorlib.tensor([3.0, -1.0]))
        tensor([2., 4.])
    """
    return from_half("fft.hfft", input, _one(n), (dim,), norm, inverse=False)


@public_function
def fft_ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """Return the first half of the inverse Fourier transform of real numbers along a dimension.

    Args:
        input: a real tensor.
        n: the length to cut or fill up with zeros to.
        dim: the dimension.
        norm: "forward" divides by the number of elements in the transform, "backward" in the inverse, "ortho" by its
            root in both; "backward" unless given.

    Raises:
        ArgumentError: there is no such norm, or a length is not positive.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.fft.ihfft(tensorlib.tensor([2.0, 4.0]))
        tensor([ 3.-0.j, -1.-0.j])
    """
    return to_half("fft.ihfft", input, _one(n), (dim,), norm, inverse=True)


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
