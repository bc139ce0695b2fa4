"""Element types: `tensorlib.float32` and the rest, the default type, and the rules by which types are promoted.

Promotion follows PyTorch: among categories (bool < integer < floating < complex) the highest wins; within the highest
category tensors with dimensions decide before 0-d tensors, and those before Python numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy

from tensorlib.errors import ArgumentError

# kind of a NumPy dtype -> category; numbers of a lower category never widen a tensor of a higher one.
# V is that of bfloat16, which is not NumPy's own.
_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}
DIFFERENTIABLE = "fVc"  # kinds whose tensors may have gradients
HALVES = "eE"  # characters of the types of half precision


class dtype:  # noqa: N801 - the field's name
    """An element type. There is one object per type: compare with `is` or `==`.

    Attributes:
        name: PyTorch's name, "float32".
        numpy: the NumPy dtype.
        itemsize: bytes per element.

    Example:
        >>> float32, float32.itemsize, float32.is_floating_point
        (tensorlib.float32, 4, True)
    """

    __slots__ = ("is_complex", "is_floating_point", "itemsize", "name", "numpy")

    def __init__(self, name: str, numpy_type: Any) -> None:
        self.name = name
        self.numpy: numpy.dtype[Any] = numpy.dtype(numpy_type)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point: bool = self.numpy.kind in "fV"
        self.is_complex: bool = self.numpy.kind == "c"

    def __repr__(self) -> str:
        return f"tensorlib.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)  # pickled by name, so that there stays one object per type


bool_ = dtype("bool", "?")
uint8 = dtype("uint8", "u1")
int8 = dtype("int8", "i1")
int16 = dtype("int16", "i2")
int32 = dtype("int32", "i4")
int64 = dtype("int64", "i8")
float16 = dtype("float16", "f2")
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16)
float32 = dtype("float32", "f4")
float64 = dtype("float64", "f8")
complex64 = dtype("complex64", "c8")
complex128 = dtype("complex128", "c16")

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128)
_by_numpy = {each.numpy: each for each in ALL}
_by_name = {each.name: each for each in ALL}
_by_python: dict[Any, dtype] = {bool: bool_, int: int64, float: float64, complex: complex128}


def as_dtype(value: Any) -> dtype:
    """Return the element type meant by a dtype of tensorlib or NumPy, a Python type, or a name.

    Raises:
        TypeError: there is no such element type.

    Example:
        >>> as_dtype("float32") is as_dtype(numpy.float32) is float32
        True
    """
    if isinstance(value, dtype):
        return value
    if value is None:  # which NumPy takes for float64
        raise TypeError("dtype: None is no element type of tensors")
    if isinstance(value, str):
        value = value.removeprefix("tensorlib.").removeprefix("torch.")
    found = _by_name.get(value) if isinstance(value, str) else _by_python.get(value)
    if found is None:
        try:
            found = _by_numpy.get(numpy.dtype(value))
        except TypeError:
            found = None
    if found is None:
        names = ", ".join(_by_name)
        raise TypeError(f"dtype: {value!r} is no element type of tensors; there are {names}")
    return found


class _Default:
    """The type of floating point tensors made from Python numbers."""

    dtype = float32


def get_default_dtype() -> dtype:
    """Return the type that floating point tensors get when none is given: float32 unless set otherwise."""
    return _Default.dtype


def set_default_dtype(d: Any) -> None:
    """Set the type that floating point tensors get when none is given.

    Raises:
        TypeError: the type is not a floating point type.

    Example:
        >>> set_default_dtype(float64); get_default_dtype()
        tensorlib.float64
        >>> set_default_dtype(float32)
    """
    wanted = as_dtype(d)
    if not wanted.is_floating_point:
        raise TypeError(f"set_default_dtype: needs a floating point type, not {wanted}")
    _Default.dtype = wanted


def default_float() -> numpy.dtype[Any]:
    """Return the default floating point type as NumPy knows it."""
    return _Default.dtype.numpy


def can_store(source: numpy.dtype[Any], target: numpy.dtype[Any]) -> bool:
    """Tell whether results of a type may be written into a tensor of another: not of a higher category.

    Example:
        >>> can_store(float64.numpy, float16.numpy), can_store(float64.numpy, int64.numpy)
        (True, False)
    """
    return _CATEGORY[source.kind] <= _CATEGORY[target.kind]


def fitted_number(name: str, number: Any, kind: numpy.dtype[Any]) -> Any:
    """Return a number that stands beside arrays of a type: integers out of the type's range wrap around, as in C.

    Args:
        name: the operation, for errors.
        number: a Python number.
        kind: the common type.

    Raises:
        OverflowError: an integer does not even fit in 64 bits.

    Example:
        >>> fitted_number("add", 2, uint8.numpy), int(fitted_number("add", -1, uint8.numpy))
        (2, 255)
    """
    if kind.kind not in "iu" or not isinstance(number, int):
        return number
    limits = numpy.iinfo(kind)
    if limits.min <= number <= limits.max:
        return number
    if not -(2**63) <= number < 2**63:
        raise OverflowError(f"{name}: the number {number} does not fit in 64 bits")
    return numpy.asarray(number).astype(kind)


def held_number(name: str, number: Any, kind: numpy.dtype[Any]) -> Any:
    """Return a number that is to stand in an array of a type; of types without sign negative ones wrap around, as in C.

    Args:
        name: the operation, for errors.
        number: a Python number, or anything else, which is returned as it is.
        kind: the array's type.

    Raises:
        ArgumentError: an integer does not fit in the type.

    Example:
        >>> held_number("fill_", 2, uint8.numpy), held_number("fill_", -1, uint8.numpy)
        (2, 255)
    """
    if kind.kind not in "iu" or not isinstance(number, int):
        return number
    limits = numpy.iinfo(kind)
    if not (-limits.max if limits.min == 0 else limits.min) <= number <= limits.max:
        raise ArgumentError(f"{name}: {number} does not fit in {kind.name}, from {limits.min} to {limits.max}")
    return number % (limits.max + 1) if limits.min == 0 else number


def factor_for(kind: numpy.dtype[Any], number: Any) -> Any:
    """Return a factor for numbers of a type: for integers the whole part, for truth values one, so that the type stays.

    Example:
        >>> factor_for(int64.numpy, 2.5), factor_for(float32.numpy, 2.5)
        (2, 2.5)
    """
    if kind.kind == "b":
        return bool(number)
    return int(number) if kind.kind in "iu" and isinstance(number, float) else number


def _number_dtype(number: Any) -> numpy.dtype[Any]:
    if isinstance(number, bool):
        return bool_.numpy
    if isinstance(number, int):
        return int64.numpy
    if isinstance(number, float):
        return default_float()
    if isinstance(number, complex):
        return numpy.result_type(default_float(), numpy.complex64)
    return numpy.asarray(number).dtype


def _common_within(group: Sequence[numpy.dtype[Any]]) -> numpy.dtype[Any]:
    """Return the common type of equals: those of lower categories do not widen it (int64 and float32 make float32)."""
    highest = max(_CATEGORY[each.kind] for each in group)
    floats = (2, 3) if highest == 3 else (highest,)
    return _promoted([each for each in group if _CATEGORY[each.kind] in floats])


def _promoted(group: Sequence[numpy.dtype[Any]]) -> numpy.dtype[Any]:
    """Return the common type of types of one category; the two types of half precision meet in float32."""
    if bfloat16.numpy in group and any(each != bfloat16.numpy for each in group):
        group = [float32.numpy if each == bfloat16.numpy else each for each in group]
    return numpy.result_type(*group)


def result_type(values: Sequence[Any]) -> numpy.dtype[Any]:
    """Return the common type of arrays and Python numbers by PyTorch's rules (see the top of this module).

    Example:
        >>> str(result_type([numpy.ones(3, "f4"), numpy.array(1.0), 2.5])), str(result_type([numpy.ones(3, "i4"), 2.5]))
        ('float32', 'float32')
    """
    groups: list[list[numpy.dtype[Any]]] = [[], [], []]  # with dimensions, 0-d, numbers
    for value in values:
        if hasattr(value, "ndim"):
            groups[0 if value.ndim else 1].append(value.dtype)
        else:
            groups[2].append(_number_dtype(value))
    result: numpy.dtype[Any] | None = None
    for group in groups:
        if not group:
            continue
        candidate = _common_within(group)
        if result is None or _CATEGORY[candidate.kind] > _CATEGORY[result.kind]:
            # a complex number or 0-d tensor keeps the width of the floats that it meets
            of_floats = result is not None and result.kind in "fV"
            result = numpy.dtype("c16" if result == float64.numpy else "c8") if of_floats else candidate
    assert result is not None, "result_type needs at least one value"
    return result
