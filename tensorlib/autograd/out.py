"""Results that are written into tensors which are there already: `out=`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorlib._xp import array_module, at
from tensorlib.autograd.modes import mode, no_grad
from tensorlib.dtypes import can_store
from tensorlib.errors import GraphError
from tensorlib.tensor import Tensor, wrap


def write_into(name: str, out: Any, inputs: Sequence[Any], compute: Callable[[], Any]) -> Any:
    """Compute a result, or several, without recording, and write it into tensors; returns these.

    Args:
        name: the operation, for errors.
        out: a tensor, or as many as there are results; one of another shape gets new memory.
        inputs: what the result is computed from.
        compute: returns a tensor or a tuple of them.

    Raises:
        GraphError: recording is on, and an input or `out` requires a gradient; or `out` was made in inference mode,
            which has ended.
        TypeError: `out` is no tensor, or of a type that cannot hold the result, or there are not as many as results.
    """
    targets = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    for target in targets:
        if not isinstance(target, Tensor):
            raise TypeError(f"{name}: out must be a Tensor, not {type(target).__name__}")
        if target.is_inference() and not mode.inference:
            raise GraphError(f"{name}: out was made in inference_mode, and is not modified outside; clone() it first")
    if mode.recording and any(isinstance(x, Tensor) and x.requires_grad for x in (*inputs, *targets)):
        raise GraphError(f"{name}: with out= nothing is recorded, but a tensor requires a gradient; use no_grad()")
    with no_grad():
        result = compute()
    values = result if isinstance(result, tuple) else (result,)
    if len(values) != len(targets) or not all(isinstance(value, Tensor) for value in values):
        raise TypeError(f"{name}: out has {len(targets)} tensors, the results are {len(values)}")
    for target, value in zip(targets, values, strict=True):
        _write(name, target, value)
    return type(result)(*targets) if hasattr(result, "_fields") else out


def _write(name: str, target: Tensor, value: Tensor) -> None:
    if not can_store(value._array.dtype, target._array.dtype):
        raise TypeError(f"{name}: a result of type {value.dtype} cannot be stored in out of type {target.dtype}")
    with at(target._array):
        if target._array.shape != value._array.shape:
            target.data = wrap(array_module(target._array).empty(value._array.shape, target._array.dtype))
        array_module(target._array, value._array)
        target._array[...] = value._array
    target._counter[0] += 1
