"""What operations on matrices share: checks, conjugate transposes, and LAPACK's memory order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from tensorlib.errors import DeviceError, LinAlgError, ShapeError
from tensorlib.ops.diagonals import diagonal, diagonal_backward

TYPES = ("float32", "float64", "complex64", "complex128")


def check_matrix(name: str, *arrays: Any) -> None:
    """Refuse arrays or tensors that are no batches of matrices of float32, float64 or complex elements.

    Raises:
        ShapeError: there are fewer than two dimensions.
        TypeError: the type is another one.
    """
    for x in arrays:
        if x.ndim < 2:
            raise ShapeError(f"{name}: needs a matrix or a batch of them, not shape {tuple(x.shape)}")
        if x.dtype.name not in TYPES:
            raise TypeError(f"{name}: needs float32, float64 or complex elements, not {x.dtype.name}")
        if x.dtype != arrays[0].dtype:
            raise TypeError(f"{name}: needs elements of one type, not {arrays[0].dtype.name} and {x.dtype.name}")


def check_square(name: str, x: Any) -> None:
    """Refuse what is no batch of square matrices.

    Raises:
        ShapeError: the matrices are not square.
        TypeError: the type is no floating point or complex type that LAPACK knows.
    """
    check_matrix(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: needs square matrices, not shape {tuple(x.shape)}")


def solved(name: str, compute: Callable[..., Any], *args: Any) -> Any:
    """Return what a function of the array module's computes.

    Raises:
        LinAlgError: it says that there is no answer, as for a singular matrix.
    """
    try:
        return compute(*args)
    except numpy.linalg.LinAlgError as error:
        raise LinAlgError(f"{name}: {str(error)[:1].lower()}{str(error)[1:]}") from None


def require_cpu(name: str, xp: Any) -> None:
    """Refuse arrays on a device where the operation is not available.

    Raises:
        DeviceError: the arrays are not NumPy's.
    """
    if xp is not numpy:
        raise DeviceError(f"{name}: not available on CUDA; move the tensor to the CPU")


def column_major(xp: Any, x: Any) -> Any:
    """Return matrices in the order in which LAPACK gives its results: columns lie together."""
    return xp.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def adjoint_of(x: Any) -> Any:
    """Return the conjugate transposes of matrices."""
    return x.conj().swapaxes(-1, -2)


def diagonal_of(xp: Any, x: Any) -> Any:
    """Return the diagonals of matrices."""
    return diagonal.via(xp, x, offset=0, dim1=-2, dim2=-1)


def diagonal_matrix(xp: Any, x: Any) -> Any:
    """Return matrices with the given diagonals."""
    return diagonal_backward.via(xp, x, shape=(*x.shape, x.shape[-1]), offset=0, dim1=-2, dim2=-1)


def differences(xp: Any, x: Any) -> Any:
    """Return for vectors the matrices of `x[j] - x[i]`, with 1 on the diagonal so that one can divide by them."""
    return x[..., None, :] - x[..., :, None] + diagonal_matrix(xp, x * 0 + 1)
