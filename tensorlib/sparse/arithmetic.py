"""Sums, products and quotients of sparse tensors, and functions that keep zero, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib.autograd.op import OPS
from tensorlib.creation import as_tensor
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.joining import cat
from tensorlib.sparse.forms import attach_method, attach_operator, sparse_form
from tensorlib.sparse.places import pairs_of_equals
from tensorlib.sparse.strided import values_at
from tensorlib.sparse.tensor import SparseTensor
from tensorlib.tensor import Tensor, wrap


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, or a strided tensor of no dimensions."""
    return isinstance(value, (int, float, complex)) or (isinstance(value, Tensor) and not value.ndim)


def strided_operand(name: str, value: Any) -> Tensor:
    """Return what is no sparse tensor as a strided one.

    Raises:
        TypeError: it is no tensor.
    """
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError(f"{name}: needs a tensor or a number beside a sparse tensor, not {type(value).__name__}")
    return value if isinstance(value, Tensor) else as_tensor(value)


def check_alike(name: str, x: SparseTensor, y: SparseTensor) -> None:
    """Refuse sparse tensors of different shapes, or with different numbers of sparse dimensions.

    Raises:
        ShapeError: they are such.
    """
    if x.shape != y.shape or x.sparse_dim() != y.sparse_dim():
        given = [f"{tuple(each.shape)} with {each.sparse_dim()} sparse dimensions" for each in (x, y)]
        raise ShapeError(f"{name}: sparse tensors of shapes {given[0]} and {given[1]} differ; they must be alike")


@sparse_form(in_place=True)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return `input + alpha * other`: sparse where both are, else strided.

    Raises:
        ShapeError: the shapes differ.
        TypeError: one is a number, which would make all elements differ from zero.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (3,))
        >>> (x + x).to_dense(), tensorlib.ones(3) + x
        (tensor([2., 0., 4.]), tensor([2., 1., 3.]))
    """
    if isinstance(input, SparseTensor) and isinstance(other, SparseTensor):
        return _sum_of_sparse(input, other, alpha)
    sparse, strided = (input, other) if isinstance(input, SparseTensor) else (other, input)
    if is_number(strided):
        raise TypeError("add: a number added to a sparse tensor leaves no element zero; use to_dense()")
    strided = strided_operand("add", strided)
    if strided.shape != sparse.shape:
        raise ShapeError(f"add: shapes {tuple(strided.shape)} and {tuple(sparse.shape)} (sparse) differ")
    return strided + sparse.to_dense() * alpha if sparse is other else sparse.to_dense() + strided * alpha


sparse_form("spadd")(add)


def _sum_of_sparse(x: SparseTensor, y: SparseTensor, alpha: Any) -> SparseTensor:
    check_alike("add", x, y)
    indices = cat([x._index, y._index], 1)
    result = SparseTensor(indices, cat([x._value, y._value if alpha == 1 else y._value * alpha]), x.shape)
    return result.coalesce() if x.is_coalesced() and y.is_coalesced() else result


@sparse_form("sub", in_place=True)
def subtract(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return `input - alpha * other`: sparse where both are, else strided.

    Raises:
        ShapeError: the shapes differ.
        TypeError: one is a number, which would make all elements differ from zero.
    """
    return add(input, other, alpha=-alpha)


@sparse_form("mul", in_place=True)
def multiply(input: Any, other: Any) -> SparseTensor:
    """Return the product, element by element: a sparse tensor.

    Args:
        input: a sparse tensor, or a number or strided tensor that broadcasts to the other.
        other: the same; one of the two is sparse.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 2]], [1.0, 2.0], (3,))
        >>> (x * tensorlib.tensor([5.0, 6.0, 7.0])).to_dense()
        tensor([ 5.,  0., 14.])
    """
    if isinstance(input, SparseTensor) and isinstance(other, SparseTensor):
        return _product_of_sparse(input, other)
    sparse, factor = (input, other) if isinstance(input, SparseTensor) else (other, input)
    if is_number(factor):
        return sparse.with_values(sparse._value * factor)
    factor = strided_operand("mul", factor)
    fits = factor.ndim <= sparse.ndim and all(
        a in (1, b) for a, b in zip(factor.shape[::-1], sparse.shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(f"mul: shape {tuple(factor.shape)} does not expand to {tuple(sparse.shape)}, the sparse one's")
    return sparse.with_values(sparse._value * values_at(factor.expand(sparse.shape), sparse))


def _product_of_sparse(x: SparseTensor, y: SparseTensor) -> SparseTensor:
    """Multiply at the places that both store."""
    check_alike("mul", x, y)
    x, y = x.coalesce(), y.coalesce()
    left, right = [wrap(found) for found in pairs_of_equals(x._flat_places(), y._flat_places())]
    return SparseTensor(x._index[:, left], x._value[left] * y._value[right], x.shape, coalesced=True)


@sparse_form("div", in_place=True)
def divide(input: Any, other: Any, *, rounding_mode: str | None = None) -> SparseTensor:
    """Return a sparse tensor divided by a number.

    Raises:
        ArgumentError: the rounding mode is unknown.
        TypeError: the divisor is no number and no 0-d tensor.
    """
    if not isinstance(input, SparseTensor) or not is_number(other):
        raise TypeError("div: a sparse tensor can be divided by numbers and 0-d tensors only")
    if rounding_mode is None:
        return input.with_values(input._value / other)
    once = input.coalesce()
    return once.with_values(once._value.div(other, rounding_mode=rounding_mode))


@sparse_form(in_place=True)
def floor_divide(input: Any, other: Any) -> SparseTensor:
    """Return a sparse tensor divided by a number, rounded down.

    Raises:
        TypeError: the divisor is no number and no 0-d tensor.
    """
    return divide(input, other, rounding_mode="floor")


@sparse_form(in_place=True)
def neg(input: SparseTensor) -> SparseTensor:
    """Return the negative."""
    return input.with_values(-input._value)


@sparse_form("pow", in_place=True)
def power(input: Any, exponent: Any) -> SparseTensor:
    """Return a sparse tensor raised to a positive number.

    Raises:
        ArgumentError: the exponent is not positive, so that zero would not stay zero.
        TypeError: the exponent is no number.
    """
    if not isinstance(input, SparseTensor) or not is_number(exponent):
        raise TypeError("pow: a sparse tensor can be raised to numbers only")
    if float(exponent) <= 0:
        raise ArgumentError(f"pow: the exponent is {exponent}, but zero elements stay zero only with positive ones")
    once = input.coalesce()
    return once.with_values(once._value**exponent)


# Functions of one element that are 0 for 0.
KEEPING_ZERO_TEXT = """
    abs asin asinh atan atanh ceil deg2rad erf erfinv expm1 floor frac isinf isnan isneginf isposinf log1p nan_to_num
    rad2deg relu round sgn sign signbit sin sinh sqrt square tan tanh trunc
"""


def _by_values(name: str) -> Callable[..., SparseTensor]:
    def function(input: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        once = input.coalesce()
        return once.with_values(getattr(once._value, name)(*args, **kwargs))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return `{name}` of each element; of elements that are not stored it is zero."
    return function


for _name in KEEPING_ZERO_TEXT.split():
    sparse_form(_name, in_place=not _name.startswith("is"))(_by_values(_name))

for _name, _function in {"add": add, "sub": subtract, "mul": multiply, "truediv": divide}.items():
    attach_operator(_name, _function)
attach_operator("floordiv", floor_divide)
attach_operator("pow", power, reflected=False)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    attach_operator(_name, OPS[_name], reflected=False)  # which refuse sparse tensors
METHODS = {"neg": "neg", "abs": "abs", "iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_"}
for _operator, _name in METHODS.items():
    attach_method(f"__{_operator}__", getattr(SparseTensor, _name))
