"""What Fourier transforms share: lengths, norms, and the three kinds of transforms in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tensorlib.attach import require_tensor
from tensorlib.dims import as_dims
from tensorlib.dtypes import as_dtype, default_float
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.fourier import COMPLEX_OF, REAL_OF, dft, dft_of_real, dft_to_real
from tensorlib.tensor import Tensor

Lengths = Sequence[int] | None
Dims = Sequence[int] | int | None


def _real(name: str, x: Tensor) -> Tensor:
    """Return a tensor of float32 or float64.

    Raises:
        TypeError: it is complex, or of half precision.
    """
    require_tensor(name, x)
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        x = x.to(as_dtype(default_float()))
    if x.dtype.name not in COMPLEX_OF:
        raise TypeError(f"{name}: needs float32 or float64 elements, not {x.dtype.name}")
    return x


def _complex(name: str, x: Tensor) -> Tensor:
    """Return a tensor of complex numbers."""
    require_tensor(name, x)
    return x if x.dtype.name in REAL_OF else (x := _real(name, x)).to(as_dtype(COMPLEX_OF[x.dtype.name]))


def _places(name: str, x: Tensor, lengths: Lengths, dim: Dims) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the dimensions and their lengths; all unless given, or the last if lengths are.

    Raises:
        ArgumentError: there are not as many dimensions as lengths, or a length is not positive.
        DimensionError: a dimension is out of range.
    """
    if dim is None:
        dim = range(x.ndim) if lengths is None else range(x.ndim - len(lengths), x.ndim)
    dims = as_dims(name, (dim,) if isinstance(dim, int) else tuple(dim), x.ndim)
    if lengths is not None and len(lengths) != len(dims):
        raise ArgumentError(f"{name}: {len(lengths)} lengths given for {len(dims)} dimensions")
    given = (-1,) * len(dims) if lengths is None else lengths
    known = tuple([x.shape[axis] if n == -1 else int(n) for n, axis in zip(given, dims, strict=True)])
    if any(n < 1 for n in known):
        raise ArgumentError(f"{name}: needs one element or more along each dimension, not {known}")
    return dims, known


def _resized(x: Tensor, dims: Sequence[int], lengths: Sequence[int]) -> Tensor:
    """Cut dimensions off, or fill them up with zeros."""
    from tensorlib.ops.joining import cat

    for axis, n in zip(dims, lengths, strict=True):
        have = x.shape[axis]
        if n < have:
            x = x.narrow(axis, 0, n)
        elif n > have:
            x = cat([x, x.new_zeros(*x.shape[:axis], n - have, *x.shape[axis + 1 :])], dim=axis)
    return x


def _scale(name: str, norm: str | None, lengths: Sequence[int], inverse: bool) -> float:
    """Return what a transform's sums are multiplied by.

    Raises:
        ArgumentError: there is no such norm.
    """
    if norm not in (None, "backward", "forward", "ortho"):
        raise ArgumentError(f"{name}: norm is {norm!r}, but must be 'backward', 'forward' or 'ortho'")
    count = math.prod(lengths)
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if inverse == (norm != "forward") else 1.0


def whole(name: str, x: Tensor, lengths: Lengths, dim: Dims, norm: str | None, inverse: bool) -> Tensor:
    """Transform complex numbers."""
    x = _complex(name, x)
    dims, known = _places(name, x, lengths, dim)
    result: Tensor = dft(_resized(x, dims, known), dims=dims, scale=_scale(name, norm, known, inverse), inverse=inverse)
    return result


def to_half(name: str, x: Tensor, lengths: Lengths, dim: Dims, norm: str | None, inverse: bool) -> Tensor:
    """Transform real numbers to the first half; to the conjugates of it where the inverse is asked for."""
    x = _real(name, x)
    dims, known = _places(name, x, lengths, dim)
    if not dims:
        raise ShapeError(f"{name}: needs one dimension or more")
    half = dft_of_real(_resized(x, dims, known), dim=dims[-1], scale=_scale(name, norm, known, inverse))
    result: Tensor = dft(half, dims=dims[:-1]) if len(dims) > 1 else half
    return result.conj() if inverse else result


def from_half(name: str, x: Tensor, lengths: Lengths, dim: Dims, norm: str | None, inverse: bool) -> Tensor:
    """Transform the first half of numbers to real ones."""
    x = _complex(name, x)
    x = x if inverse else x.conj()
    dims, known = _places(name, x, lengths, dim)
    if not dims:
        raise ShapeError(f"{name}: needs one dimension or more")
    n = known[-1] if lengths is not None and lengths[-1] != -1 else 2 * (x.shape[dims[-1]] - 1)
    if n < 1:
        raise ArgumentError(f"{name}: needs one element or more in the result, not {n}")
    x = _resized(x, dims, (*known[:-1], n // 2 + 1))
    x = dft(x, dims=dims[:-1], inverse=True) if len(dims) > 1 else x
    result: Tensor = dft_to_real(x, dim=dims[-1], n=n, scale=_scale(name, norm, (*known[:-1], n), inverse))
    return result
