"""What a reduction computes: `ReduceOp.SUM` and the others, on arrays."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray


class ReduceOp(enum.Enum):
    """How the values of all ranks become one, elementwise, always from rank 0 upwards: `((x0 + x1) + x2) + ...`.

    Floats of 16 bits are accumulated in 32 bits and rounded once. MIN and MAX pass NaN on. Floats that overflow become
    infinite and integers wrap around, without a warning.
    """

    SUM = "sum"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    BAND = "band"
    BOR = "bor"
    BXOR = "bxor"

    def check(self, dtype: DTypeLike) -> None:
        """Check that this operation is defined for a dtype.

        Raises:
            TypeError: AVG of something else than floats, a bitwise operation on something else than integers or bools,
                MIN or MAX of complex numbers.
        """
        kind = np.dtype(dtype).kind
        if kind not in _KINDS[self]:
            raise TypeError(f"ReduceOp.{self.name}: dtype {np.dtype(dtype)}: need {_NEEDS[_KINDS[self]]}")

    def accumulator(self, dtype: DTypeLike) -> np.dtype[Any]:
        """Return the dtype in which partial results are kept.

        >>> ReduceOp.SUM.accumulator("float16")
        dtype('float32')
        """
        dtype = np.dtype(dtype)
        rounds = self in (ReduceOp.SUM, ReduceOp.AVG, ReduceOp.PRODUCT)
        return np.dtype(np.float32) if rounds and dtype == np.float16 else dtype

    def direct(self, dtype: np.dtype[Any]) -> np.ufunc | None:
        """Return the function that is all there is to a reduction of this dtype; None where there is more to it."""
        return _direct(self._name_, dtype.char)

    @np.errstate(all="ignore")
    def combine(self, left: NDArray[Any], right: NDArray[Any], out: NDArray[Any]) -> None:
        """Put the partial result of the ranks in `left` and of the one next to them in `right` into `out`."""
        _UFUNCS[self](left, right, out=out, dtype=out.dtype)

    @np.errstate(all="ignore")
    def finish(self, partial: NDArray[Any], size: int, out: NDArray[Any]) -> None:
        """Put the result of all `size` ranks, given their partial result, into `out`; both may be the same array."""
        if self is ReduceOp.AVG:
            np.divide(partial, size, out=partial)
        if out is not partial:
            np.copyto(out, partial, casting="same_kind")

    def reduce(self, parts: Sequence[NDArray[Any]], out: NDArray[Any]) -> None:
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


@lru_cache(maxsize=128)
def _direct(name: str, char: str) -> np.ufunc | None:
    op = ReduceOp[name]
    plain = op is not ReduceOp.AVG and op.accumulator(char) == np.dtype(char)
    return _UFUNCS[op] if plain else None


_UFUNCS: Final[dict[ReduceOp, np.ufunc]] = {
    ReduceOp.SUM: np.add,
    ReduceOp.PRODUCT: np.multiply,
    ReduceOp.MIN: np.minimum,
    ReduceOp.MAX: np.maximum,
    ReduceOp.AVG: np.add,
    ReduceOp.BAND: np.bitwise_and,
    ReduceOp.BOR: np.bitwise_or,
    ReduceOp.BXOR: np.bitwise_xor,
}
_KINDS: Final[dict[ReduceOp, str]] = {
    ReduceOp.SUM: "biufc",
    ReduceOp.PRODUCT: "biufc",
    ReduceOp.MIN: "biuf",
    ReduceOp.MAX: "biuf",
    ReduceOp.AVG: "fc",
    ReduceOp.BAND: "biu",
    ReduceOp.BOR: "biu",
    ReduceOp.BXOR: "biu",
}
_NEEDS: Final = {
    "biufc": "numbers or bools",
    "biuf": "real numbers or bools",
    "fc": "floats or complex numbers",
    "biu": "integers or bools",
}
