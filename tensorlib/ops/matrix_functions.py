"""Products under the names that say what they multiply: mm, bmm, mv, dot, outer, and with a tensor added."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import in_place_method, public_function, require_tensor, tensor_method
from tensorlib.autograd.signature import with_older_form
from tensorlib.dtypes import factor_for
from tensorlib.errors import ShapeError
from tensorlib.ops.matrix import matmul
from tensorlib.tensor import Tensor


def _product(name: str, x: Tensor, y: Tensor, dims: tuple[int, int]) -> Tensor:
    """Multiply two tensors after a check of their numbers of dimensions."""
    require_tensor(name, x)
    require_tensor(name, y)
    batches = [tensor.shape[0] for tensor in (x, y) if tensor.ndim == 3]
    agree = x.ndim > 0 and y.ndim > 0 and x.shape[-1] == y.shape[-2 if y.ndim > 1 else -1]
    if (x.ndim, y.ndim) != dims or not agree or len(set(batches)) > 1:
        need = [{1: "(k,)", 2: "(n, k)", 3: "(b, n, k)"}[dims[0]], {1: "(k,)", 2: "(k, m)", 3: "(b, k, m)"}[dims[1]]]
        given = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ShapeError(f"{name}: shapes {given} do not agree: need {need[0]} and {need[1]}")
    result: Tensor = matmul(x, y)
    return result


@public_function
@tensor_method
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices, of shapes (n, k) and (k, m).

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no matrices, or do not agree.

    Example:
        >>> tensorlib.mm(tensorlib.ones(2, 3), tensorlib.ones(3, 1))
        tensor([[3.],
                [3.]])
    """
    return _product("mm", input, mat2, (2, 2))


@public_function
@tensor_method
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices, of shapes (b, n, k) and (b, k, m).

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no batches of matrices, or do not agree.

    Example:
        >>> tensorlib.bmm(tensorlib.ones(2, 1, 3), tensorlib.ones(2, 3, 1))
        tensor([[[3.]],
        <BLANKLINE>
                [[3.]]])
    """
    return _product("bmm", input, mat2, (3, 3))


@public_function
@tensor_method
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix of shape (n, k) and a vector of length k.

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no matrix and vector, or do not agree.

    Example:
        >>> tensorlib.mv(tensorlib.ones(2, 3), tensorlib.ones(3))
        tensor([3., 3.])
    """
    return _product("mv", input, vec, (2, 1))


@public_function
@tensor_method
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the inner product of two vectors of one length.

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no vectors, or not of one length.

    Example:
        >>> tensorlib.dot(tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4]))
        tensor(11)
    """
    return _product("dot", input, tensor, (1, 1))


@public_function
@tensor_method
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the outer product of two vectors, of lengths n and m: the matrix of all products.

    Raises:
        ShapeError: they are no vectors.

    Example:
        >>> tensorlib.outer(tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4]))
        tensor([[3, 4],
                [6, 8]])
    """
    require_tensor("outer", input)
    require_tensor("outer", vec2)
    if (input.ndim, vec2.ndim) != (1, 1):
        raise ShapeError(f"outer: needs two vectors, not shapes {tuple(input.shape)} and {tuple(vec2.shape)}")
    result: Tensor = input[:, None] * vec2
    return result


@public_function
@tensor_method
def ger(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the outer product of two vectors: another name for `outer`.

    Example:
        >>> tensorlib.ger(tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4]))
        tensor([[3, 4],
                [6, 8]])
    """
    return outer(input, vec2)


def _added(name: str, added: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """Return `beta * added + alpha * product`; with beta 0 what was in `added` does not matter, nan neither."""
    require_tensor(name, added)
    beta, alpha = [factor_for(product.dtype.numpy, number) for number in (beta, alpha)]
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    result: Tensor = added.expand(product.shape) * beta + scaled if beta != 1 else added.expand(product.shape) + scaled
    return result


@public_function
@in_place_method
@tensor_method
@with_older_form
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return `beta * input + alpha * (mat1 @ mat2)` for matrices.

    Args:
        input: a tensor that expands to shape (n, m).
        mat1: a matrix of shape (n, k).
        mat2: a matrix of shape (k, m).
        beta: a number; with 0 the input does not matter.
        alpha: a number.

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.addmm(tensorlib.ones(2), tensorlib.ones(1, 3), tensorlib.ones(3, 2), beta=0.5)
        tensor([[3.5000, 3.5000]])
    """
    return _added("addmm", input, _product("addmm", mat1, mat2, (2, 2)), beta, alpha)


@public_function
@in_place_method
@tensor_method
@with_older_form
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return `beta * input + alpha * (mat @ vec)` for a matrix (n, k) and a vector (k,).

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.addmv(tensorlib.ones(2), tensorlib.ones(2, 3), tensorlib.ones(3))
        tensor([4., 4.])
    """
    return _added("addmv", input, _product("addmv", mat, vec, (2, 1)), beta, alpha)


@public_function
@in_place_method
@tensor_method
@with_older_form
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return `beta * input + alpha * outer(vec1, vec2)` for vectors of lengths n and m.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.addr(tensorlib.zeros(1, 2), tensorlib.ones(1), tensorlib.tensor([1.0, 2.0]), alpha=2)
        tensor([[2., 4.]])
    """
    return _added("addr", input, outer(vec1, vec2), beta, alpha)


@public_function
@in_place_method
@tensor_method
@with_older_form
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return `beta * input + alpha * (batch1 @ batch2)` for batches of matrices, (b, n, k) and (b, k, m).

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.baddbmm(tensorlib.ones(1), tensorlib.ones(1, 1, 3), tensorlib.ones(1, 3, 1))
        tensor([[[4.]]])
    """
    return _added("baddbmm", input, _product("baddbmm", batch1, batch2, (3, 3)), beta, alpha)


@public_function
@in_place_method
@tensor_method
@with_older_form
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Return `beta * input + alpha * (batch1 @ batch2).sum(0)` for batches of matrices, (b, n, k) and (b, k, m).

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.addbmm(tensorlib.ones(1), tensorlib.ones(2, 1, 3), tensorlib.ones(2, 3, 1))
        tensor([[7.]])
    """
    return _added("addbmm", input, _product("addbmm", batch1, batch2, (3, 3)).sum(0, dtype=batch1.dtype), beta, alpha)
