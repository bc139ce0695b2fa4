"""Switches for programs that were written before tensors were broadcast, as PyTorch 0.3 had them; all are off.

Nobody else should pay for them: operations look at shapes only after a switch was turned on for the first time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tensorlib.autograd.op import Op
from tensorlib.errors import ShapeError
from tensorlib.tensor import Tensor


class Switch:
    """A switch: `enabled` turns it on and off.

    Example:
        >>> from tensorlib.utils import backcompat
        >>> backcompat.pointwise.enabled = True
        >>> tensorlib.ones(2, 2).add(tensorlib.arange(4.0))
        tensor([[1., 2.],
                [3., 4.]])
        >>> backcompat.pointwise.enabled = False
    """

    def __init__(self) -> None:
        self._enabled = False

    @property
    def enabled(self) -> bool:
        """Whether it is on."""
        return self._enabled

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._enabled = bool(value)
        if value and not _State.looking:
            _State.looking = True
            from tensorlib.methods import interpose

            interpose(_around)


class _State:
    looking = False


broadcast_warning = Switch()
"""Warn where tensors of as many elements but different shapes are broadcast: once they were seen as rows."""

pointwise = Switch()
"""See tensors of as many elements whose shapes do not broadcast as rows of elements; the first one's shape remains."""


def _around(op: Op, usual: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does what the usual one does, and looks at shapes where a switch is on."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if op.promotion is None or not (broadcast_warning.enabled or pointwise.enabled):
            return usual(*args, **kwargs)
        tensors = [x for x in args if isinstance(x, Tensor)]
        if len({tuple(x.shape) for x in tensors}) < 2 or len({x.numel() for x in tensors}) > 1:
            return usual(*args, **kwargs)
        try:
            value = usual(*args, **kwargs)
        except ShapeError:
            if not pointwise.enabled:
                raise
            return _as_rows(op, usual, args, kwargs, tensors[0])
        if broadcast_warning.enabled:
            warnings.warn(
                f"{op.name}: the tensors do not have the same shape, but are broadcastable, and have the same number "
                "of elements: they are broadcast now, where they were seen as rows of elements in former times",
                UserWarning,
                stacklevel=2,
            )
        return value

    return call


def _as_rows(op: Op, usual: Callable[..., Any], args: Any, kwargs: Any, first: Tensor) -> Any:
    warnings.warn(
        f"{op.name}: shapes that do not broadcast are seen as rows of elements; this is deprecated",
        DeprecationWarning,
        stacklevel=3,
    )
    value = usual(*[x.reshape(-1) if isinstance(x, Tensor) else x for x in args], **kwargs)
    return value.reshape(first.shape)
