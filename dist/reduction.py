"""What a reduction computes: `ReduceOp.SUM` and the others, or a function of the user's own, on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]
Function: TypeAlias = Callable[[Array, Array], Array]

_BFLOAT16: Final = np.dtype(ml_dtypes.bfloat16)
_NARROW: Final = (np.dtype(np.float16), _BFLOAT16)
_NEEDS: Final = {
    "biufc": "numbers or bools",
    "biuf": "real numbers or bools",
    "fc": "floats or complex numbers",
    "biu": "integers or bools",
}


class ReduceOp:
    """How the values of all ranks become one, elementwise, always from rank 0 upwards: `((x0 + x1) + x2) + ...`.

    Floats of 16 bits are accumulated in 32 bits and rounded once. MIN and MAX pass NaN on. Floats that overflow become
    infinite and integers wrap around, without a warning.

    Attributes:
        name: all ranks of a call must use the operation of one name.
    """

    SUM: ClassVar[ReduceOp]
    PRODUCT: ClassVar[ReduceOp]
    MIN: ClassVar[ReduceOp]
    MAX: ClassVar[ReduceOp]
    AVG: ClassVar[ReduceOp]
    BAND: ClassVar[ReduceOp]
    BOR: ClassVar[ReduceOp]
    BXOR: ClassVar[ReduceOp]

    def __init__(self, name: str, ufunc: np.ufunc | None, kinds: str = "biufc", rounds: bool = False) -> None:
        self.name = name
        self._ufunc = ufunc
        self._kinds = kinds
        self._rounds = rounds

    def __repr__(self) -> str:
        return f"ReduceOp.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (ReduceOp, self.name)

    def check(self, dtype: str | np.dtype[Any]) -> None:
        """Check that this operation is defined for a dtype.

        Raises:
            TypeError: AVG of something else than floats, a bitwise operation on something else than integers or bools,
                MIN or MAX of complex numbers.
        """
        if _kind(dtype) not in self._kinds:
            raise TypeError(f"{self}: dtype {np.dtype(dtype)}: need {_NEEDS[self._kinds]}")

    def accumulator(self, dtype: DTypeLike) -> np.dtype[Any]:
        """Return the dtype in which partial results are kept.

        >>> ReduceOp.SUM.accumulator("float16")
        dtype('float32')
        """
        dtype = np.dtype(dtype)
        return np.dtype(np.float32) if self._rounds and dtype in _NARROW else dtype

    def direct(self, dtype: np.dtype[Any]) -> np.ufunc | None:
        """Return the function that is all there is to a reduction of this dtype; None where there is more to it."""
        return _direct(self, dtype)

    @np.errstate(all="ignore")
    def combine(self, left: Array, right: Array, out: Array) -> None:
        """Put the partial result of the ranks in `left` and of the one next to them in `right` into `out`."""
        assert self._ufunc is not None
        self._ufunc(left, right, out=out, dtype=out.dtype)

    @np.errstate(all="ignore")
    def finish(self, partial: Array, size: int, out: Array) -> None:
        """Put the result of all `size` ranks, given their partial result, into `out`; both may be the same array."""
        if self is ReduceOp.AVG:
            np.divide(partial, size, out=partial)
        if out is not partial:
            np.copyto(out, partial, casting="same_kind")

    def reduce(self, parts: Sequence[Array], out: Array) -> None:
        """Put the result of all ranks into `out`.

        Args:
            parts: what each rank has, in rank order; the first one is used as scratch.
            out: may be one of `parts`.

        >>> out = np.empty(2)
        >>> ReduceOp.AVG.reduce([np.array([1.0, 2.0]), np.array([3.0, 4.0])], out)
        >>> out
        array([2., 3.])
        """
        partial = parts[0].astype(self.accumulator(out.dtype), copy=False)
        last = len(parts) - 1
        for i, part in enumerate(parts[1:], start=1):
            target = out if i == last and out.dtype == partial.dtype else partial
            self.combine(partial, part, out=target)
            partial = target
        self.finish(partial, len(parts), out)


class FunctionOp(ReduceOp):
    """A function `f(left, right)` of two one-dimensional arrays of equal length, which returns a third one.

    It must work elementwise, and should be associative: it is applied in rank order, `f(f(x0, x1), x2)`, to whichever
    parts of the tensors are there. Both arrays are copies, which it may write to. The ranks compare the name under
    which it is defined.

    >>> out = np.empty(2)
    >>> FunctionOp(np.hypot).reduce([np.array([3.0, 5.0]), np.array([4.0, 12.0])], out)
    >>> out
    array([ 5., 13.])
    """

    def __init__(self, function: Function) -> None:
        name = getattr(function, "__qualname__", "") or getattr(function, "__name__", type(function).__qualname__)
        super().__init__(f"{getattr(function, '__module__', None) or 'builtins'}.{name}", None, rounds=True)
        self._function = function

    def __reduce__(self) -> tuple[Any, ...]:
        return FunctionOp, (self._function,)

    def direct(self, dtype: np.dtype[Any]) -> np.ufunc | None:
        """See `ReduceOp.direct`."""
        return None

    @np.errstate(all="ignore")
    def combine(self, left: Array, right: Array, out: Array) -> None:
        """See `ReduceOp.combine`."""
        # Copies, because what other ranks see, or will be needed again, must stay as it is.
        result = self._function(left.copy(), right.astype(out.dtype))
        if not hasattr(result, "shape"):
            result = np.asarray(result)
        if result.shape != out.shape:
            raise ValueError(f"{self.name}: returned shape {result.shape} for two of {out.shape}: need {out.shape}")
        np.copyto(out, result, casting="same_kind")


@lru_cache(maxsize=128)
def _direct(op: ReduceOp, dtype: np.dtype[Any]) -> np.ufunc | None:
    return op._ufunc if op is not ReduceOp.AVG and op.accumulator(dtype) == dtype else None


@lru_cache(maxsize=64)
def _kind(dtype: Any) -> str:
    return "f" if np.dtype(dtype) == _BFLOAT16 else np.dtype(dtype).kind


OPERATIONS: Final = (
    ReduceOp("SUM", np.add, rounds=True),
    ReduceOp("PRODUCT", np.multiply, rounds=True),
    ReduceOp("MIN", np.minimum, "biuf"),
    ReduceOp("MAX", np.maximum, "biuf"),
    ReduceOp("AVG", np.add, "fc", rounds=True),
    ReduceOp("BAND", np.bitwise_and, "biu"),
    ReduceOp("BOR", np.bitwise_or, "biu"),
    ReduceOp("BXOR", np.bitwise_xor, "biu"),
)
"""All operations that have a name in `ReduceOp`."""

for _operation in OPERATIONS:
    setattr(ReduceOp, _operation.name, _operation)


def supports_complex(reduceOp: ReduceOp) -> bool:
    """Tell whether an operation is defined for complex numbers: all but MIN, MAX and those on bits.

    Example:
        >>> supports_complex(ReduceOp.PRODUCT), supports_complex(ReduceOp.MAX)
        (True, False)
    """
    if not isinstance(reduceOp, ReduceOp):
        raise TypeError(f"supports_complex: reduceOp is {reduceOp!r}: need a member of dist.ReduceOp")
    return "c" in reduceOp._kinds
