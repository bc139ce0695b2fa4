"""Products over dimensions that are named, powers of a vector, and other rearrangements of a product."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.dims import as_dims, as_ints
from tensorlib.errors import ShapeError
from tensorlib.ops import joining, matrix, reduction, shape
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return the Kronecker product: every element of `input` times the whole of `other`.

    Example:
        >>> tensorlib.kron(tensorlib.tensor([1, 2]), tensorlib.tensor([1, 10]))
        tensor([ 1, 10,  2, 20])
    """
    require_tensor("kron", input)
    require_tensor("kron", other)
    ndim = max(input.ndim, other.ndim)
    first, second = (x.reshape((1,) * (ndim - x.ndim) + tuple(x.shape)) for x in (input, other))
    spread = first.reshape([n for length in first.shape for n in (length, 1)])
    product = spread * second.reshape([n for length in second.shape for n in (1, length)])
    result: Tensor = product.reshape([a * b for a, b in zip(first.shape, second.shape, strict=True)])
    return result


@public_function
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Return the sum of products over pairs of dimensions of two tensors; the other dimensions follow each other.

    Args:
        a: a tensor.
        b: a tensor.
        dims: how many of the last of `a` and the first of `b` are paired, or two lists of dimensions.

    Raises:
        DimensionError: a dimension is out of range.
        ShapeError: paired dimensions have different lengths.

    Example:
        >>> tensorlib.tensordot(tensorlib.ones(2, 3), tensorlib.ones(3, 4), 1).shape
        tensorlib.Size([2, 4])
    """
    require_tensor("tensordot", a)
    require_tensor("tensordot", b)
    if isinstance(dims, int):
        first, second = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    else:
        pairs = zip(dims, (a, b), strict=True)
        first, second = (as_dims("tensordot", as_ints("tensordot", each), x.ndim) for each, x in pairs)
    if [a.shape[k] for k in first] != [b.shape[k] for k in second]:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ShapeError(f"tensordot: shapes {shapes} do not agree in the paired dimensions")
    rest_a, rest_b = ([k for k in range(x.ndim) if k not in used] for x, used in ((a, first), (b, second)))
    count = 1
    for k in first:
        count *= a.shape[k]
    left = a.permute([*rest_a, *first]).reshape(-1 if a.numel() or not count else 0, count)
    right = b.permute([*second, *rest_b]).reshape(count, -1 if b.numel() or not count else 0)
    result: Tensor = matrix.matmul(left, right).reshape([a.shape[k] for k in rest_a] + [b.shape[k] for k in rest_b])
    return result


@public_function
@tensor_method
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the sums of products along the last dimensions of two tensors.

    Raises:
        ShapeError: the last dimensions have different lengths.

    Example:
        >>> tensorlib.inner(tensorlib.tensor([1, 2]), tensorlib.tensor([[1, 1], [0, 1]]))
        tensor([3, 2])
    """
    require_tensor("inner", input)
    require_tensor("inner", other)
    if not input.ndim or not other.ndim:
        product: Tensor = input * other
        return product
    return tensordot(input, other, ([-1], [-1]))


@public_function
@tensor_method
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the inner product of two vectors, the first of them conjugated.

    Raises:
        ShapeError: they are no vectors, or not of one length.

    Example:
        >>> tensorlib.vdot(tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([3.0, 4.0]))
        tensor(11.)
    """
    require_tensor("vdot", input)
    result: Tensor = input.conj().dot(other) if input.dtype.is_complex else input.dot(other)
    return result


@public_function
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the Vandermonde matrix of a vector: its powers as columns, the highest first.

    Args:
        x: a vector.
        N: how many columns; as many as elements unless given.
        increasing: the lowest power first.

    Raises:
        ShapeError: the tensor is no vector.

    Example:
        >>> tensorlib.vander(tensorlib.tensor([1, 2, 3]))
        tensor([[1, 1, 1],
                [4, 2, 1],
                [9, 3, 1]])
    """
    require_tensor("vander", x)
    if x.ndim != 1:
        raise ShapeError(f"vander: needs a vector, not {x.ndim} dimensions")
    count = len(x) if N is None else N
    powers = [x**k for k in (range(count) if increasing else reversed(range(count)))]
    result: Tensor = joining.stack(powers, 1) if powers else x.new_zeros((len(x), 0))
    return result


@tensor_method
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Return the sum over the dimensions along which a tensor of a given size would be broadcast to this one.

    Raises:
        ShapeError: the size does not broadcast to this tensor's.
    """
    lengths = as_ints("sum_to_size", size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    extra = self.ndim - len(lengths)
    if extra < 0 or any(n not in (1, m) for n, m in zip(lengths, self.shape[extra:], strict=True)):
        raise ShapeError(f"sum_to_size: size {tuple(lengths)} does not broadcast to {tuple(self.shape)}")
    dims = [k for k in range(self.ndim) if k < extra or (lengths[k - extra] == 1 and self.shape[k] != 1)]
    result: Tensor = reduction.sum(self, dims, True).reshape(lengths) if dims else self
    return result


@public_function
@tensor_method
def msort(input: Tensor) -> Tensor:
    """Return the tensor sorted along its first dimension.

    Example:
        >>> tensorlib.msort(tensorlib.tensor([3, 1, 2]))
        tensor([1, 2, 3])
    """
    require_tensor("msort", input)
    result: Tensor = input.sort(0)[0]
    return result


@public_function
@tensor_method
def argwhere(input: Tensor) -> Tensor:
    """Return the indices of the elements that are not 0, one row for each.

    Example:
        >>> tensorlib.argwhere(tensorlib.tensor([0, 1, 1]))
        tensor([[1],
                [2]])
    """
    require_tensor("argwhere", input)
    result: Tensor = input.nonzero()
    return result


@public_function
@tensor_method
def adjoint(input: Tensor) -> Tensor:
    """Return a view with the last two dimensions exchanged, and conjugated where complex.

    Example:
        >>> tensorlib.adjoint(tensorlib.tensor([[1, 2], [3, 4]]))
        tensor([[1, 3],
                [2, 4]])
    """
    require_tensor("adjoint", input)
    result: Tensor = shape.transpose(input, -2, -1)
    return result.conj() if input.dtype.is_complex else result
