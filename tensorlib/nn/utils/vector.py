"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from tensorlib._xp import at
from tensorlib.errors import ShapeError
from tensorlib.ops.joining import cat
from tensorlib.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of parameters, one after the other, in one dimension.

    Example:
        >>> parameters_to_vector([tensorlib.zeros(1, 2), tensorlib.ones(1)])
        tensor([0., 0., 1.])
    """
    result: Tensor = cat([parameter.reshape(-1) for parameter in parameters])
    return result


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into parameters, one after the other.

    Raises:
        ShapeError: the vector has another number of elements.
        TypeError: it is no tensor.

    Example:
        >>> p = tensorlib.zeros(1, 2)
        >>> vector_to_parameters(tensorlib.tensor([5.0, 6.0]), [p])
        >>> p
        tensor([[5., 6.]])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: needs a Tensor, not {type(vec).__name__}")
    listed = list(parameters)
    total = sum(parameter.numel() for parameter in listed)
    if vec.numel() != total:
        raise ShapeError(f"vector_to_parameters: the vector has {vec.numel()} elements, the parameters {total}")
    start = 0
    for parameter in listed:
        end = start + parameter.numel()
        with at(parameter._array):
            parameter._array[...] = vec._array.reshape(-1)[start:end].reshape(parameter._array.shape)
        parameter._bump_version()
        start = end
