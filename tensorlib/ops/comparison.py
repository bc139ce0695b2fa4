"""Comparisons and logic, elementwise, and comparisons of whole tensors."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.tensor import Tensor


@op(promotion="common", differentiable=False, in_place=True, operator="eq")
def eq(xp: Any, x: Any, other: Any) -> Any:
    """Tell where `x` is equal to `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1, 2, 3]) == 2
        tensor([False,  True, False])
    """
    return x == other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="ne", aliases=("not_equal",))
def ne(xp: Any, x: Any, other: Any) -> Any:
    """Tell where `x` differs from `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1, 2, 3]) != 2
        tensor([ True, False,  True])
    """
    return x != other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="lt", aliases=("less",), ordered=True)
def lt(xp: Any, x: Any, other: Any) -> Any:
    """Tell where `x` is less than `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1, 2, 3]) < 2
        tensor([ True, False, False])
    """
    return x < other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="le", aliases=("less_equal",), ordered=True)
def le(xp: Any, x: Any, other: Any) -> Any:
    """Tell where `x` is less than or equal to `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1, 2, 3]) <= 2
        tensor([ True,  True, False])
    """
    return x <= other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="gt", aliases=("greater",), ordered=True)
def gt(xp: Any, x: Any, other: Any) -> Any:
    """Tell where `x` is greater than `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1, 2, 3]) > 2
        tensor([False, False,  True])
    """
    return x > other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="ge", aliases=("greater_equal",), ordered=True)
def ge(xp: Any, x: Any, other: Any) -> Any:
    """Tell where `x` is greater than or equal to `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1, 2, 3]) >= 2
        tensor([False,  True,  True])
    """
    return x >= other, ()


@op(promotion="common", differentiable=False, in_place=True)
def logical_and(xp: Any, x: Any, other: Any) -> Any:
    """Tell where both are true, elementwise; numbers other than 0 are true.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.logical_and(tensorlib.tensor([1, 1, 0, 0]), tensorlib.tensor([1, 0, 1, 0]))
        tensor([ True, False, False, False])
    """
    return xp.logical_and(x, other), ()


@op(promotion="common", differentiable=False, in_place=True)
def logical_or(xp: Any, x: Any, other: Any) -> Any:
    """Tell where one or both are true, elementwise; numbers other than 0 are true.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.logical_or(tensorlib.tensor([1, 1, 0, 0]), tensorlib.tensor([1, 0, 1, 0]))
        tensor([ True,  True,  True, False])
    """
    return xp.logical_or(x, other), ()


@op(promotion="common", differentiable=False, in_place=True)
def logical_xor(xp: Any, x: Any, other: Any) -> Any:
    """Tell where exactly one is true, elementwise; numbers other than 0 are true.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.logical_xor(tensorlib.tensor([1, 1, 0, 0]), tensorlib.tensor([1, 0, 1, 0]))
        tensor([False,  True,  True, False])
    """
    return xp.logical_xor(x, other), ()


@op(promotion="common", differentiable=False, in_place=True)
def logical_not(xp: Any, x: Any) -> Any:
    """Tell where `x` is false or 0, elementwise.

    Example:
        >>> tensorlib.logical_not(tensorlib.tensor([2, 0]))
        tensor([False,  True])
    """
    return xp.logical_not(x), ()


@op(promotion="common", differentiable=False, in_place=True, operator="and")
def bitwise_and(xp: Any, x: Any, other: Any) -> Any:
    """Return the bits that both have, elementwise; of bools, whether both are true.

    Args:
        x: a bool or integer tensor or number.
        other: the same, broadcasting with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the type is another.

    Example:
        >>> tensorlib.tensor([5]) & tensorlib.tensor([3])
        tensor([1])
    """
    _check_bits("bitwise_and", "biu", x, other)
    return x & other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="or")
def bitwise_or(xp: Any, x: Any, other: Any) -> Any:
    """Return the bits that one or both have, elementwise; of bools, whether one is true.

    Args:
        x: a bool or integer tensor or number.
        other: the same, broadcasting with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the type is another.

    Example:
        >>> tensorlib.tensor([5]) | tensorlib.tensor([3])
        tensor([7])
    """
    _check_bits("bitwise_or", "biu", x, other)
    return x | other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="xor")
def bitwise_xor(xp: Any, x: Any, other: Any) -> Any:
    """Return the bits that exactly one has, elementwise; of bools, whether they differ.

    Args:
        x: a bool or integer tensor or number.
        other: the same, broadcasting with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the type is another.

    Example:
        >>> tensorlib.tensor([5]) ^ tensorlib.tensor([3])
        tensor([6])
    """
    _check_bits("bitwise_xor", "biu", x, other)
    return x ^ other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="lshift")
def bitwise_left_shift(xp: Any, x: Any, other: Any) -> Any:
    """Return the bits of `x` moved to the left by `other` places, elementwise.

    Args:
        x: an integer tensor or number.
        other: the same, broadcasting with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the type is another.

    Example:
        >>> tensorlib.tensor([5]) << tensorlib.tensor([3])
        tensor([40])
    """
    _check_bits("bitwise_left_shift", "iu", x, other)
    return x << other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="rshift")
def bitwise_right_shift(xp: Any, x: Any, other: Any) -> Any:
    """Return the bits of `x` moved to the right by `other` places, elementwise.

    Args:
        x: an integer tensor or number.
        other: the same, broadcasting with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the type is another.

    Example:
        >>> tensorlib.tensor([5]) >> tensorlib.tensor([3])
        tensor([0])
    """
    _check_bits("bitwise_right_shift", "iu", x, other)
    return x >> other, ()


@op(promotion="common", differentiable=False, in_place=True, operator="invert")
def bitwise_not(xp: Any, x: Any) -> Any:
    """Return the other bits, elementwise; of bools, the opposite.

    Args:
        x: a bool or integer tensor.

    Raises:
        TypeError: the type is another.

    Example:
        >>> ~tensorlib.tensor([True, False]), ~tensorlib.tensor([5])
        (tensor([False,  True]), tensor([-6]))
    """
    _check_bits("bitwise_not", "biu", x)
    return ~x, ()


def _check_bits(name: str, kinds: str, *values: Any) -> None:
    for value in values:
        if hasattr(value, "dtype") and value.dtype.kind not in kinds:
            needed = "bool or integer" if "b" in kinds else "integer"
            raise TypeError(f"{name}: needs {needed} tensors, not {value.dtype}")


@op(promotion="common", differentiable=False)
def isclose(xp: Any, x: Any, other: Any, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Tell where `x` is within `atol + rtol * abs(other)` of `other`, elementwise.

    Args:
        x: a tensor.
        other: a tensor that broadcasts with `x`.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether nan is close to nan.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.isclose(tensorlib.tensor([1.0, 1.0]), tensorlib.tensor([1.0, 1.1]))
        tensor([ True, False])
    """
    return xp.isclose(x, other, rtol=rtol, atol=atol, equal_nan=equal_nan), ()


@public_function
@tensor_method
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Tell whether all elements are within `atol + rtol * abs(other)` of those of `other`.

    Args:
        input: a tensor.
        other: a tensor that broadcasts with it.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether nan is close to nan.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.allclose(tensorlib.tensor([1.0]), tensorlib.tensor([1.0 + 1e-7]))
        True
    """
    return bool(isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)._array.all())


@public_function
@tensor_method
def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors have the same shape and the same elements.

    Raises:
        DeviceError: they are on two devices.
        TypeError: one is no tensor.

    Example:
        >>> tensorlib.equal(tensorlib.tensor([1, 2]), tensorlib.tensor([1, 2]))
        True
    """
    require_tensor("equal", input)
    require_tensor("equal", other)
    return bool(array_module(input._array, other._array).array_equal(input._array, other._array))
