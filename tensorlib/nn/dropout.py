"""Dropout layers."""

from __future__ import annotations

from tensorlib.errors import ArgumentError
from tensorlib.nn import functional as F
from tensorlib.nn.module import Module
from tensorlib.tensor import Tensor


class _Dropout(Module):
    """What the dropout layers share."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ArgumentError(f"{type(self).__name__}: p must be a probability from 0 to 1, {p} given")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training sets elements to zero with probability `p` and scales the others by `1 / (1 - p)`.

    Args:
        p: the probability of each element, independent of the others.
        inplace: do it in the input's memory.

    Raises:
        ArgumentError: the probability is not from 0 to 1.

    References:
        Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012.

    Example:
        >>> tensorlib.nn.Dropout(0.2).eval()(tensorlib.ones(3))
        tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with zeros at random."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training sets whole channels of (N, C, L) to zero; arguments as of `Dropout`.

    Example:
        >>> tensorlib.nn.Dropout1d(1.0)(tensorlib.ones(1, 2, 3)).sum()
        tensor(0.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with channels of zeros at random."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training sets whole channels of (N, C, H, W) to zero; arguments as of `Dropout`.

    Example:
        >>> tensorlib.nn.Dropout2d(1.0)(tensorlib.ones(1, 2, 3, 3)).sum()
        tensor(0.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with channels of zeros at random."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training sets whole channels of (N, C, D, H, W) to zero; arguments as of `Dropout`.

    Example:
        >>> tensorlib.nn.Dropout3d(1.0)(tensorlib.ones(1, 2, 3, 3, 3)).sum()
        tensor(0.)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with channels of zeros at random."""
        return F.dropout3d(input, self.p, self.training, self.inplace)
