"""The tensor: an array, its place in the graph of gradients, and the version of its memory.

Operations become methods in `tensorlib/methods.py`, from the table of operations. What Python itself does with tensors,
as numbers, sequences and text, is in `tensorlib/conversion.py`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy

from tensorlib import _xp
from tensorlib.autograd.graph import LastHook, Leaf, Node, RemovableHandle
from tensorlib.autograd.modes import InferenceCounter, enable_grad, mode, new_counter
from tensorlib.device import device as Device
from tensorlib.dims import as_dim
from tensorlib.dtypes import DIFFERENTIABLE, as_dtype, default_float, dtype
from tensorlib.errors import GraphError, ShapeError
from tensorlib.layouts import Sparse
from tensorlib.size import Size

if TYPE_CHECKING:
    from tensorlib._methods import TensorMethods
    from tensorlib.autograd.op import Op
else:
    TensorMethods = object


class View:
    """That a tensor is a view: of which base, by which steps, and which history of the base it has seen."""

    __slots__ = ("base", "edge_of_base", "steps")

    def __init__(self, base: Tensor, steps: tuple[tuple[Op, dict[str, Any]], ...]) -> None:
        self.base = base
        self.steps = steps
        self.edge_of_base = base._edge

    def replay(self, tensor: Tensor) -> Tensor:
        """Take the same view of another tensor of the base's shape."""
        for op, options in self.steps:
            tensor = op.apply((tensor,), options)
        return tensor


class Tensor(TensorMethods):
    """A multi-dimensional array that can be differentiated.

    Make one with `tensorlib.tensor(data)`, `zeros`, `rand` and the like. `Tensor(2, 3)` makes an uninitialised one of
    the default type, `Tensor([1, 2])` one of the values, `Tensor(array)` one that shares a NumPy array's memory.

    Args:
        data: sizes, a nested sequence, a NumPy array or a tensor.
        requires_grad: record operations on it, so that `backward` fills in its `.grad`.

    Raises:
        TypeError: the data has no element type that tensors know.

    Example:
        >>> x = tensorlib.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ("__dict__", "__weakref__", "_array", "_counter", "_edge", "_grad", "_view")
    __array_priority__ = 1000  # so that NumPy leaves `array * tensor` to Tensor.__rmul__
    __hash__ = object.__hash__

    _array: Any
    _edge: Node | None
    _grad: Tensor | None
    _counter: list[int]  # shared by all tensors that share memory
    _view: View | None

    def __init__(self, *data: Any, requires_grad: bool = False) -> None:
        self._array = _array_of(data)
        self._edge = self._grad = self._view = None
        shared = len(data) == 1 and isinstance(data[0], Tensor)
        self._counter = data[0]._counter if shared else new_counter()
        if requires_grad:
            self.requires_grad_()

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """Lengths of the dimensions."""
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one dimension.

        Raises:
            DimensionError: the dimension is out of range.
        """
        return self.shape if dim is None else self._array.shape[as_dim("size", dim, self._array.ndim)]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return cast(int, self._array.ndim)

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of elements."""
        return cast(int, self._array.size)

    def stride(self, dim: int | None = None) -> Any:
        """Return the steps between neighbours along each dimension, or along one, in elements."""
        strides = _xp.strides_of(self._array)
        return strides if dim is None else strides[as_dim("stride", dim, self._array.ndim)]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Tell whether the elements lie in memory in row-major order without gaps; of other orders nothing is told."""
        return cast(bool, self._array.flags.c_contiguous)

    @property
    def dtype(self) -> dtype:
        """Element type."""
        return as_dtype(self._array.dtype)

    @property
    def device(self) -> Device:
        """Where the memory is."""
        return Device(_xp.device_name(self._array))

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return cast(int, self._array.itemsize)

    def element_size(self) -> int:
        """Return the bytes per element."""
        return self.itemsize

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return _xp.address(self._array)

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a CUDA device."""
        return self.device.type == "cuda"

    # -- gradients ---------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient goes to this tensor or through it; may be set on leaves."""
        return edge_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether operations on this leaf are recorded; returns itself.

        Raises:
            GraphError: it is the result of a recorded operation.
            TypeError: its elements are no floating point or complex numbers.
        """
        if not self.is_leaf:
            if requires_grad:
                return self
            raise GraphError("requires_grad_: only leaves can be changed; use detach() for a result")
        if requires_grad and self.is_inference() and not mode.inference:
            raise GraphError("requires_grad_: the tensor was made in inference_mode; clone() it first")
        if requires_grad and self._array.dtype.kind not in DIFFERENTIABLE:
            raise TypeError(f"requires_grad_: only floating point and complex tensors have gradients, not {self.dtype}")
        if requires_grad != (self._edge is not None):
            self._edge = Leaf(self, self._array) if requires_grad else None
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made it: it is no result of a recorded operation."""
        edge = edge_of(self)
        return edge is None or isinstance(edge, Leaf)

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made it; None for leaves."""
        edge = edge_of(self)
        return None if isinstance(edge, Leaf) else edge

    @property
    def grad(self) -> Tensor | None:
        """The gradient added up so far; None before the first backward."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, (Tensor, Sparse)):
                raise TypeError(f"grad: needs a Tensor or None, not {type(value).__name__}")
            if value.shape != self.shape or value.dtype is not self.dtype:
                raise ShapeError(
                    f"grad: a gradient of shape {tuple(value.shape)} and type {value.dtype} given, "
                    f"needed is shape {tuple(self.shape)} and type {self.dtype}"
                )
        self._grad = value

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        """Add the gradients of this tensor to the `.grad` of the leaves it was made from.

        Args:
            gradient: of this tensor, in its shape; may be left out for a single element, where it is one.
            retain_graph: keep what was saved, so that backward may run again; as `create_graph` unless given.
            create_graph: record the computation of the gradients, so that they can be differentiated.
            inputs: the tensors to add up gradients in; all leaves unless given.

        Raises:
            GraphError: the tensor needs no gradient, or its graph was freed or modified.
            ShapeError: a gradient is needed, or has another shape.
        """
        from tensorlib.autograd.api import backward

        backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call `hook(gradient)` whenever the gradient of this tensor is computed; a tensor it returns replaces it.

        Raises:
            GraphError: the tensor needs no gradient.
        """
        edge = edge_of(self)
        if edge is None:
            raise GraphError("register_hook: the tensor does not require a gradient")
        return edge.add_hook(hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after a gradient was added to the `.grad` of this leaf.

        Raises:
            GraphError: the tensor is no leaf that requires a gradient.
        """
        edge = edge_of(self)
        if not isinstance(edge, Leaf):
            raise GraphError("register_post_accumulate_grad_hook: only leaves that require a gradient have one")
        return RemovableHandle(edge.post_hooks, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this result in `.grad`, as is done for leaves.

        Raises:
            GraphError: the tensor needs no gradient.
        """
        if not self.requires_grad:
            raise GraphError("retain_grad: the tensor does not require a gradient")
        if not (self.is_leaf or self.retains_grad):
            self.register_hook(KeepGradient(self))

    @property
    def retains_grad(self) -> bool:
        """Whether this is a result whose gradient is kept: `retain_grad` was called."""
        hooks = getattr(self.grad_fn, "hooks", None) or ()
        return any(isinstance(hook, KeepGradient) and hook.target() is self for hook in hooks)

    def detach(self) -> Tensor:
        """Return a tensor that shares this one's memory and has no history."""
        result = wrap(self._array)
        result._counter = self._counter
        return result

    def detach_(self) -> Tensor:
        """Forget this tensor's history, so that it is a leaf which requires no gradient; returns itself.

        Raises:
            GraphError: it is a view, whose history is its base's.
        """
        if self._view is not None:
            raise GraphError("detach_: a view cannot be detached in place; use detach()")
        self._edge = None
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history, and without tracking modifications for gradients."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: needs a Tensor, not {type(value).__name__}")
        self._array = value._array
        if isinstance(self._edge, Leaf):
            self._edge.shape, self._edge.dtype = value._array.shape, value._array.dtype

    def _bump_version(self) -> None:
        """Tell that the memory was modified from outside."""
        self._counter[0] += 1

    # -- to Python and NumPy -----------------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> Any:
        """Return the NumPy array that this tensor lies in; both share their memory.

        Args:
            force: take the tensor's history away and copy it to the CPU where that is needed.

        Raises:
            GraphError: the tensor requires a gradient; call detach() first.
            TypeError: the tensor is on a CUDA device; call cpu() first.
        """
        if force:
            return _xp.to_host(self._array)
        if edge_of(self) is not None:
            raise GraphError("numpy: the tensor requires a gradient; use tensor.detach().numpy()")
        if not isinstance(self._array, numpy.ndarray):
            raise TypeError(f"numpy: the tensor is on {self.device}; use tensor.cpu().numpy()")
        return self._array

    def item(self) -> Any:
        """Return the only element as a Python number.

        Raises:
            ShapeError: the tensor has not exactly one element.
        """
        if self._array.size != 1:
            raise ShapeError(f"item: needs one element, the tensor of shape {tuple(self.shape)} has {self.numel()}")
        return self._array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._array.tolist()


class KeepGradient(LastHook):
    """The hook that adds a result's gradient to its `.grad`; it does not keep the result alive."""

    def __init__(self, tensor: Tensor) -> None:
        self.target = weakref.ref(tensor)

    def __call__(self, gradient: Tensor) -> None:
        """Take the gradient."""
        tensor = self.target()
        if tensor is not None:
            tensor._grad = gradient.clone() if tensor._grad is None else tensor._grad + gradient


def wrap(array: Any, edge: Node | None = None) -> Tensor:
    """Make a tensor of an array without copying, at a place in the graph."""
    tensor = _new(Tensor)
    tensor._array = array
    tensor._edge = edge
    tensor._grad = None
    tensor._counter = InferenceCounter((0,)) if mode.inference else [0]
    tensor._view = None
    return tensor


_new = Tensor.__new__


def edge_of(tensor: Tensor) -> Node | None:
    """Return a tensor's node; for a view whose base got another history since, that of the view taken anew."""
    view = tensor._view
    if view is None or view.edge_of_base is view.base._edge:
        return tensor._edge
    edge = view.edge_of_base = view.base._edge
    if edge is not None and not isinstance(edge, Leaf):
        with enable_grad():
            tensor._edge = view.replay(view.base)._edge
    return tensor._edge


def _array_of(data: tuple[Any, ...]) -> Any:
    """Return the array that the arguments of `Tensor(...)` mean."""
    if len(data) != 1 or isinstance(data[0], int):
        if not all(isinstance(length, int) for length in data):
            raise TypeError(f"Tensor: needs sizes, one sequence, or one array, not {data!r}")
        return numpy.empty(data if data else (0,), default_float())
    (value,) = data
    if isinstance(value, Size):
        return numpy.empty(value, default_float())
    if isinstance(value, Tensor):
        return value._array
    if _xp.is_array(value):
        as_dtype(value.dtype)
        return value
    try:
        return numpy.asarray(value, default_float())
    except (TypeError, ValueError) as error:
        raise TypeError(f"Tensor: needs sizes, or a nested sequence of numbers: {error}") from None
