"""What a tensor tells of itself and its history, beside `grad_fn`: its version, the base that it is a view of."""

from __future__ import annotations

from tensorlib.attach import public_function, require_tensor, tensor_method, tensor_property
from tensorlib.autograd.graph import OutputNode
from tensorlib.autograd.modes import InferenceCounter, is_inference_mode_enabled
from tensorlib.errors import GraphError
from tensorlib.layouts import Sparse
from tensorlib.tensor import Tensor, edge_of


def _version(self: Tensor) -> int:
    """How often the memory was modified; tensors that share memory share the count."""
    if self.is_inference() and not is_inference_mode_enabled():
        raise GraphError("_version: tensors made in inference_mode have no versions")
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


@public_function
@tensor_method
def is_inference(input: Tensor) -> bool:
    """Tell whether a tensor's memory was made in `inference_mode`.

    Example:
        >>> with tensorlib.inference_mode():
        ...     x = tensorlib.ones(2)
        >>> tensorlib.is_inference(x), tensorlib.is_inference(x.clone())
        (True, False)
    """
    require_tensor("is_inference", input)
    return type(input._counter) is InferenceCounter


def get_device(input: Tensor) -> int:
    """Return the number of the CUDA device that a tensor, strided or sparse, is on; -1 on the CPU.

    Raises:
        TypeError: it is no tensor.

    Example:
        >>> tensorlib.get_device(tensorlib.ones(2))
        -1
    """
    if not isinstance(input, (Tensor, Sparse)):
        raise TypeError(f"get_device: needs a Tensor, not {type(input).__name__}")
    return input.get_device()
