"""Inverses, determinants and solutions of linear equations."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ShapeError
from tensorlib.ops._linalg import adjoint_of, check_matrix, check_square, column_major, diagonal_matrix, solved
from tensorlib.return_types import TYPES


@op(method=False)
def linalg_inv(xp: Any, x: Any) -> Any:
    """Return the inverses of square matrices.

    Args:
        x: a tensor of shape (..., n, n).

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: the matrices are not square.
        TypeError: the elements are no float32, float64 or complex numbers.

    Example:
        >>> tensorlib.linalg.inv(tensorlib.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    check_square("linalg.inv", x)
    y = solved("linalg.inv", xp.linalg.inv, x.swapaxes(-1, -2)).swapaxes(-1, -2)
    return y, (y,)


def _inverse_gradient(xp: Any, g: Any, y: Any) -> Any:
    turned = y.swapaxes(-1, -2)
    return -(turned @ g @ turned)


linalg_inv.grads(_inverse_gradient)


@op(method=False)
def solve_matrices(xp: Any, x: Any, other: Any) -> Any:
    """Return the matrices Y that solve `x @ Y = other`.

    Args:
        x: a tensor of shape (..., n, n).
        other: a tensor of shape (..., n, k); the dimensions before the last two broadcast.

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.solve_matrices(tensorlib.tensor([[2.0]]), tensorlib.tensor([[1.0, 4.0]]))
        tensor([[0.5000, 2.0000]])
    """
    check_square("linalg.solve", x)
    check_matrix("linalg.solve", x, other)
    if x.shape[-1] != other.shape[-2]:
        shapes = f"{tuple(x.shape)} and {tuple(other.shape)}"
        raise ShapeError(f"linalg.solve: shapes {shapes} do not agree: need (..., n, n) and (..., n, k)")
    y = column_major(xp, solved("linalg.solve", xp.linalg.solve, x, other))
    return y, (x, y)


def _solve_left(xp: Any, g: Any, x: Any, y: Any) -> Any:
    return -(solve_matrices.via(xp, x.swapaxes(-1, -2), g) @ y.swapaxes(-1, -2))


def _solve_right(xp: Any, g: Any, x: Any, y: Any) -> Any:
    return solve_matrices.via(xp, x.swapaxes(-1, -2), g)


solve_matrices.grads(_solve_left, _solve_right)


@op(method=False)
def linalg_det(xp: Any, x: Any) -> Any:
    """Return the determinants of square matrices.

    Args:
        x: a tensor of shape (..., n, n).

    Raises:
        ShapeError: the matrices are not square.
        TypeError: the elements are no float32, float64 or complex numbers.

    Example:
        >>> tensorlib.linalg.det(tensorlib.tensor([[2.0, 1.0], [0.0, 4.0]]))
        tensor(8.)
    """
    check_square("linalg.det", x)
    y = xp.asarray(xp.linalg.det(x))
    return y, (x, y)


def _determinant_gradient(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """The gradient is the matrix of cofactors: from the inverse, or where there is none from singular values."""
    if not bool((y == 0).any()):
        return (g * y)[..., None, None] * linalg_inv.via(xp, x).swapaxes(-1, -2)
    from tensorlib.ops.spectra import svd_thin

    u, s, vh = svd_thin.via(xp, x)
    others = s[..., None, :] * 1 + diagonal_matrix(xp, 1 - s)  # row i: all singular values, with 1 in the place of i
    phase = linalg_det.via(xp, u) * linalg_det.via(xp, vh)
    cofactors = u.conj() * others.prod(-1)[..., None, :] @ vh.conj()
    return (g * phase)[..., None, None] * cofactors


linalg_det.grads(_determinant_gradient)


@op(method=False)
def linalg_slogdet(xp: Any, x: Any) -> Any:
    """Return the signs of determinants, and the logarithms of their magnitudes, which do not overflow.

    Args:
        x: a tensor of shape (..., n, n).

    Raises:
        ShapeError: the matrices are not square.
        TypeError: the elements are no float32, float64 or complex numbers.

    Example:
        >>> tensorlib.linalg.slogdet(tensorlib.tensor([[2.0, 1.0], [0.0, -4.0]])).sign
        tensor(-1.)
    """
    check_square("linalg.slogdet", x)
    sign, size = xp.linalg.slogdet(x)
    sign = xp.asarray(sign)
    return TYPES["linalg_slogdet"](sign, xp.asarray(size)), (x, sign)


def _log_determinant_gradient(xp: Any, g: Any, x: Any, sign: Any) -> Any:
    by_sign, by_size = g
    if x.dtype.name.startswith("complex"):
        by_size = by_size - 1j * (by_sign.conj() * sign).imag
    return by_size[..., None, None] * adjoint_of(linalg_inv.via(xp, x))


linalg_slogdet.grads(_log_determinant_gradient)


@op(method=False, holomorphic=False)
def pseudo_inverse(xp: Any, x: Any, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """Return the Moore-Penrose inverses of matrices, which need not be square nor of full rank.

    Args:
        x: a tensor of shape (..., m, n).
        atol: singular values up to this count as 0.
        rtol: and those up to this times the greatest.
        hermitian: the matrices are symmetric, or their own conjugate transposes.

    Example:
        >>> tensorlib.pseudo_inverse(tensorlib.tensor([[2.0, 0.0]]))
        tensor([[0.5000],
                [0.0000]])
    """
    check_matrix("linalg.pinv", x)
    u, s, vh = _spectrum(xp, x, hermitian)
    keep = s > _threshold(xp, s, x, atol, rtol)[..., None]
    inverted = xp.where(keep, 1 / xp.where(keep, s, 1), 0)
    y = adjoint_of(vh) * inverted[..., None, :] @ adjoint_of(u)
    return y, (x, y)


def _spectrum(xp: Any, x: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    if not hermitian:
        return solved("linalg.pinv", xp.linalg.svd, x, False)  # type: ignore[no-any-return]
    values, vectors = solved("linalg.pinv", xp.linalg.eigh, x)
    return vectors, xp.absolute(values), (xp.sign(values)[..., None] * adjoint_of(vectors))


def _threshold(xp: Any, s: Any, x: Any, atol: Any, rtol: Any) -> Any:
    """Return the magnitude up to which singular values count as 0."""
    if rtol is None:
        rtol = max(x.shape[-2:]) * float(xp.finfo(s.dtype).eps) if atol is None else 0.0
    greatest = s.max(axis=-1) if s.shape[-1] else xp.zeros(s.shape[:-1], s.dtype)
    return xp.maximum(greatest * rtol, 0.0 if atol is None else atol)


def _pseudo_inverse_gradient(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """Golub and Pereyra, The differentiation of pseudo-inverses, SIAM J. Numer. Anal. 10 (1973)."""
    up, gh = adjoint_of(y), adjoint_of(g)
    inner, outer = gh @ y @ up, up @ y @ gh
    return inner - x @ (y @ inner) + outer - (outer @ y) @ x - up @ g @ up


pseudo_inverse.grads(_pseudo_inverse_gradient)
