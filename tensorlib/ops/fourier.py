"""Discrete Fourier transforms: of complex numbers, from real numbers, and to real numbers.

All sums are multiplied by a given scale, and none is a mean: the three kinds of norms are in `fourier_functions`.
"""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op

COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
REAL_OF = {"complex64": "float32", "complex128": "float64"}


@op(method=False, holomorphic=False)
def dft(xp: Any, x: Any, *, dims: tuple[int, ...], scale: float = 1.0, inverse: bool = False) -> Any:
    """Return the sums of elements times `exp(-2 pi i j k / n)` along dimensions.

    Args:
        x: a complex tensor.
        dims: the dimensions.
        scale: what to multiply the sums by.
        inverse: without the minus sign.

    Example:
        >>> tensorlib.dft(tensorlib.tensor([1 + 0j, 1 + 0j]), dims=(0,))
        tensor([2.+0.j, 0.+0.j])
    """
    if not dims or not x.size:
        return x * scale, (dims, scale, inverse)
    norm = "forward" if inverse else "backward"  # the one that does not divide
    y = (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=dims, norm=norm)
    return (y if scale == 1 else y * scale).astype(x.dtype, copy=False), (dims, scale, inverse)


dft.grads(lambda xp, g, dims, scale, inverse: dft.via(xp, g, dims=dims, scale=scale, inverse=not inverse))


@op(method=False, holomorphic=False)
def dft_of_real(xp: Any, x: Any, *, dim: int, scale: float = 1.0) -> Any:
    """Return the first half of the transform of real numbers along a dimension; the other half are its conjugates.

    Args:
        x: a float32 or float64 tensor.
        dim: the dimension; of its n elements n // 2 + 1 stay.
        scale: what to multiply the sums by.

    Example:
        >>> tensorlib.dft_of_real(tensorlib.tensor([1.0, 1.0]), dim=0)
        tensor([2.+0.j, 0.+0.j])
    """
    y = xp.fft.rfft(x, axis=dim)
    return (y if scale == 1 else y * scale).astype(COMPLEX_OF[x.dtype.name], copy=False), (dim, scale, x.shape[dim])


def _gradient_of_half(xp: Any, g: Any, dim: int, scale: float, n: int) -> Any:
    before = (slice(None),) * (dim % g.ndim)
    missing = n - g.shape[dim]
    padded = xp.concatenate([g, g[(*before, slice(0, missing))] * 0], axis=dim)
    return dft.via(xp, padded, dims=(dim,), scale=scale, inverse=True).real


dft_of_real.grads(_gradient_of_half)


@op(method=False, holomorphic=False)
def dft_to_real(xp: Any, x: Any, *, dim: int, n: int, scale: float = 1.0) -> Any:
    """Return the real sums of elements times `exp(2 pi i j k / n)`, where the second half are conjugates of the first.

    Args:
        x: a complex tensor.
        dim: the dimension, of n // 2 + 1 elements.
        n: its length in the result.
        scale: what to multiply the sums by.

    Example:
        >>> tensorlib.dft_to_real(tensorlib.tensor([2 + 0j, 0 + 0j]), dim=0, n=2)
        tensor([2., 2.])
    """
    y = xp.fft.irfft(x, n=n, axis=dim, norm="forward")
    return (y if scale == 1 else y * scale).astype(REAL_OF[x.dtype.name], copy=False), (dim, scale, n)


def _gradient_of_whole(xp: Any, g: Any, dim: int, scale: float, n: int) -> Any:
    """All elements but the first, and the middle one of an even number, stand for two."""
    half = dft_of_real.via(xp, g, dim=dim, scale=scale)
    before = (slice(None),) * (dim % g.ndim)
    middle = (n + 1) // 2
    parts = [half[(*before, slice(0, 1))], half[(*before, slice(1, middle))] * 2, half[(*before, slice(middle, None))]]
    return xp.concatenate(parts if n > 1 else parts[:1], axis=dim)


dft_to_real.grads(_gradient_of_whole)
