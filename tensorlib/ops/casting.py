"""Other types and places of the same elements: astype, to, float(), cpu() and the like."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dtypes import as_dtype


@op()
def astype(xp: Any, x: Any, *, dtype: Any) -> Any:
    """Return the elements as another type; a copy in any case.

    Args:
        x: a tensor.
        dtype: the type; complex numbers lose their imaginary part on the way to real ones.

    Raises:
        TypeError: there is no such type.

    Example:
        >>> tensorlib.tensor([1.7, -1.7]).astype(tensorlib.int64)
        tensor([ 1, -1])
    """
    kind = as_dtype(dtype).numpy
    real = x.real if x.dtype.kind == "c" and kind.kind not in "cb" else x
    return real.astype(kind), (x.dtype,)


astype.grads(lambda xp, g, dtype: g.astype(dtype))
