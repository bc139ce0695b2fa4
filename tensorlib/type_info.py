"""Questions about element types: limits, common types, and what can be converted into what."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy

from tensorlib.attach import public_function, require_tensor
from tensorlib.dtypes import as_dtype, can_store, default_float, dtype
from tensorlib.dtypes import result_type as common_type
from tensorlib.tensor import Tensor


class finfo:  # noqa: N801 - as in NumPy
    """Limits of a floating point or complex type.

    Attributes:
        bits: of one real number.
        eps: the distance from 1 to the next number.
        max, min: the greatest and least number.
        tiny, smallest_normal: the least positive number of full precision.
        resolution: the power of ten that its decimal digits reach.
        dtype: name of the type.

    Raises:
        TypeError: it is no such type.

    Example:
        >>> tensorlib.finfo(tensorlib.float32).eps, tensorlib.finfo(tensorlib.bfloat16).bits
        (1.1920928955078125e-07, 16)
    """

    def __init__(self, type: Any = None) -> None:
        kind = as_dtype(default_float() if type is None else type)
        if not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"finfo: needs a floating point type, not {kind}; use iinfo")
        look_up: Any = ml_dtypes.finfo if kind.name == "bfloat16" else numpy.finfo
        found = look_up(kind.numpy)
        self.bits = int(found.bits)
        self.eps, self.max, self.min = float(found.eps), float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        self.resolution = float(found.resolution)
        self.dtype = str(numpy.dtype(found.dtype).name)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


class iinfo:  # noqa: N801 - as in NumPy
    """Limits of an integer type.

    Attributes:
        bits: of one number.
        max, min: the greatest and least number.
        dtype: name of the type.

    Raises:
        TypeError: it is no integer type.

    Example:
        >>> tensorlib.iinfo(tensorlib.int8)
        iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: Any) -> None:
        kind = as_dtype(type)
        if kind.numpy.kind not in "iu":
            raise TypeError(f"iinfo: needs an integer type, not {kind}")
        found = numpy.iinfo(kind.numpy)
        self.bits, self.max, self.min, self.dtype = found.bits, int(found.max), int(found.min), kind.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """Return the type that an operation on two tensors or numbers gives.

    Example:
        >>> tensorlib.result_type(tensorlib.tensor([1, 2]), 1.0)
        tensorlib.float32
    """
    return as_dtype(common_type([getattr(each, "_array", each) for each in (tensor1, tensor2)]))


def promote_types(type1: Any, type2: Any) -> dtype:
    """Return the least type that holds the numbers of two.

    Example:
        >>> tensorlib.promote_types(tensorlib.int32, tensorlib.float16)
        tensorlib.float16
    """
    return as_dtype(common_type([numpy.empty(1, as_dtype(each).numpy) for each in (type1, type2)]))


def can_cast(from_: Any, to: Any) -> bool:
    """Tell whether results of a type may be written into tensors of another: not of a higher category.

    Example:
        >>> tensorlib.can_cast(tensorlib.float64, tensorlib.float16), tensorlib.can_cast(tensorlib.float16, "int64")
        (True, False)
    """
    return can_store(as_dtype(from_).numpy, as_dtype(to).numpy)


@public_function
def is_signed(input: Tensor) -> bool:
    """Tell whether elements may be negative.

    Example:
        >>> tensorlib.is_signed(tensorlib.tensor([1])), tensorlib.is_signed(tensorlib.tensor([True]))
        (True, False)
    """
    require_tensor("is_signed", input)
    return input.dtype.numpy.kind not in "bu"
