"""What a tensor tells of itself and its history, beside `grad_fn`: its version, the base that it is a view of."""

from __future__ import annotations

from tensorlib.attach import tensor_method, tensor_property
from tensorlib.autograd.graph import OutputNode
from tensorlib.tensor import Tensor, edge_of


def _version(self: Tensor) -> int:
    """How often the memory was modified; tensors that share memory share the count."""
    return self._counter[0]


def _base(self: Tensor) -> Tensor | None:
    """The tensor that this one is a view of; None where it is none."""
    return None if self._view is None else self._view.base


def output_nr(self: Tensor) -> int:
    """Which of the results of its operation this is, counted from 0."""
    edge = edge_of(self)
    return edge.index if isinstance(edge, OutputNode) else 0


def nbytes(self: Tensor) -> int:
    """Bytes that the elements take, gaps between them left out."""
    return self.numel() * self.itemsize


tensor_property(_version)
tensor_property(_base)
tensor_property(output_nr)
tensor_property(nbytes)


@tensor_method
def _is_view(self: Tensor) -> bool:
    """Tell whether this is a view of another tensor."""
    return self._view is not None


@tensor_method
def is_floating_point(self: Tensor) -> bool:
    """Tell whether the elements are floating point numbers."""
    return self.dtype.is_floating_point
