"""`Function`: the public way to add an operation with a gradient of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tensorlib._xp import array_module
from tensorlib.autograd.graph import MultiNode, Node, OutputNode, next_order
from tensorlib.autograd.in_place import check_writable, rewrite_history
from tensorlib.autograd.modes import is_grad_enabled, no_grad, set_grad_enabled
from tensorlib.autograd.op import tensor_namespace
from tensorlib.dtypes import DIFFERENTIABLE
from tensorlib.errors import GraphError
from tensorlib.layouts import Sparse
from tensorlib.tensor import Tensor, edge_of, wrap


class Context:
    """What `forward` leaves for `backward`: saved tensors, flags, and any attribute that it sets.

    Attributes:
        needs_input_grad: for each argument of `forward` whether its gradient is needed.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._saved: tuple[Tensor | None, ...] = ()
        self._versions: tuple[int, ...] = ()
        self._outputs: dict[int, int] = {}  # position among the saved -> position among the results
        self._node: FunctionNode | None = None  # only while backward runs, so that there is no cycle
        self._dirty: tuple[Tensor, ...] = ()
        self._non_differentiable: tuple[Tensor, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs and results for `backward`, which reads them as `saved_tensors`; None is kept as it is."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward: needs tensors or None, not {type(tensor).__name__}")
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved.

        Raises:
            GraphError: it was modified in place since.
        """
        for tensor, version in zip(self._saved, self._versions, strict=True):
            if tensor is not None and tensor._counter[0] != version:
                raise GraphError(
                    f"saved_tensors: a saved tensor of shape {tuple(tensor.shape)} was modified in place: it is at "
                    f"version {tensor._counter[0]}, saved was version {version}"
                )
        return tuple([self._as_output(k, tensor) for k, tensor in enumerate(self._saved)])

    saved_variables = saved_tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that `forward` modified these inputs in place and returns them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these results need no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether `backward` gets zeros (the default) or None for results that no gradient came to."""
        self._materialize = value

    def _as_output(self, position: int, tensor: Tensor | None) -> Tensor | None:
        """A saved result gets its place in the graph only when read: kept, it would hold the graph in a cycle."""
        if tensor is None or position not in self._outputs or self._node is None:
            return tensor
        return wrap(tensor._array, OutputNode(self._node, self._outputs[position]))

    def _finish(self, results: Sequence[Any]) -> None:
        saved = list(self._saved)
        self._versions = tuple(0 if tensor is None else tensor._counter[0] for tensor in saved)
        for k, tensor in enumerate(saved):
            place = next((i for i, result in enumerate(results) if result is tensor), None)
            if tensor is not None and place is not None:
                self._outputs[k] = place
                saved[k] = tensor.detach()
        self._saved = tuple(saved)


class FunctionNode(MultiNode):
    """The node of a call of a `Function`: its pullback is the user's `backward`, and its context is all that it saves.

    Attributes:
        materialize: whether `backward` gets zeros for results that no gradient came to.
    """

    __slots__ = ("materialize",)

    def __init__(
        self, function: type[Function], context: Context, edges: tuple[Node | None, ...], results: Sequence[Any]
    ) -> None:
        self.order = next_order()
        self.op = function
        self.edges = edges
        self.pullbacks = ()
        self.saved = (context,)
        self.roles = (None,)
        self.guards = ()
        self.version = 0
        self.hooks = None
        self.materialize = context._materialize
        arrays = [result._array if isinstance(result, Tensor) else None for result in results]
        self.outputs = tuple([None if array is None else (array.shape, array.dtype) for array in arrays])
        self.shape, self.dtype = next(output for output in self.outputs if output is not None)

    def name(self) -> str:
        """Name of the node as PyTorch prints it."""
        return f"{self.op.__name__}Backward"

    def free(self) -> None:
        """Let go of the context, if it saved tensors."""
        if self.saved is not None and self.saved[0]._saved:
            self.saved = None

    def complete(self, given: dict[int, Any], as_tensors: bool) -> tuple[Any, ...]:
        """Return the gradients of all results, None instead of zeros where the context asks for it."""
        if self.materialize:
            return super().complete(given, as_tensors)
        return tuple([given.get(k) for k in range(len(self.outputs))])

    def backward(self, gradient: Any, xp: Any, saved: tuple[Any, ...]) -> Sequence[Any]:
        """Call the user's `backward` with tensors, and check what it returns."""
        record = xp is tensor_namespace
        tensors = [g if g is None or isinstance(g, Tensor) else wrap(array_module(g).asarray(g)) for g in gradient]
        (context,) = saved
        context._node = self
        try:
            with set_grad_enabled(record):
                returned = self.op.backward(context, *tensors)
        finally:
            context._node = None
        grads = list(returned) if isinstance(returned, (tuple, list)) else [returned]
        name, count = self.op.__name__, len(self.edges)
        if len(grads) < count or any(g is not None for g in grads[count:]):
            raise GraphError(f"{name}.backward: returned {len(grads)} gradients, forward took {count} arguments")
        for k, g in enumerate(grads):
            if g is not None and not isinstance(g, Tensor):
                raise TypeError(f"{name}.backward: gradient {k} must be a Tensor or None, not {type(g).__name__}")
        wanted = zip(self.edges, grads[:count], strict=True)
        return [None if edge is None or g is None else g if record else g._array for edge, g in wanted]


class Function:
    """An operation with a gradient of its own: subclass it, and call it through `apply`.

    Raises:
        GraphError: `backward` returned the wrong number of gradients.

    Example:
        >>> class Cube(Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return grad * 3 * x * x
        >>> x = tensorlib.tensor([1.0, 2.0], requires_grad=True)
        >>> Cube.apply(x).sum().backward()
        >>> x.grad
        tensor([ 3., 12.])
    """

    vjp: Any
    variadic = False
    pullbacks: tuple[Any, ...] = ()
    name: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = cls.__name__
        if "vjp" in vars(cls):  # its other name
            setattr(cls, "backward", cls.vjp)  # noqa: B010 - mypy refuses it otherwise

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """Compute the result, or several, from the arguments: tensors and anything else; recording is off."""
        raise NotImplementedError("Function: a subclass needs a static method forward(ctx, ...)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Leave in `ctx` what `backward` needs; a subclass that has this has a `forward` that takes no `ctx`."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Return one gradient per argument of `forward`, None where there is none, given one per result."""
        raise NotImplementedError("Function: a subclass needs a static method backward(ctx, *grads)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward`, and record the call where a gradient is needed."""
        return cls._apply(*args)

    def __call__(self, *args: Any) -> Any:
        """Call an instance, as in PyTorch 0.3: its `forward(self, ...)` and `backward(self, ...)` are not static.

        What `forward` saves by `self.save_for_backward` is there as `self.saved_tensors` in `backward`.
        """
        return _OfInstance.apply(self, *args)

    def _of_call(self, name: str) -> Any:
        context = self.__dict__.get("_context")
        if context is None:
            raise AttributeError(f"{type(self).__name__}: {name} is there only while forward or backward runs")
        return getattr(context, name)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs and results of this call for `backward`."""
        self._of_call("save_for_backward")(*tensors)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that `forward` modified these inputs in place and returns them."""
        self._of_call("mark_dirty")(*tensors)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that these results need no gradient."""
        self._of_call("mark_non_differentiable")(*tensors)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved by this call."""
        return self._of_call("saved_tensors")  # type: ignore[no-any-return]

    saved_variables = saved_tensors

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each argument of this call whether its gradient is needed."""
        return self._of_call("needs_input_grad")[1:]  # type: ignore[no-any-return]

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient of this call's arguments is needed."""
        return any(self.needs_input_grad)

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that this call's gradients go to, while `backward` runs."""
        node = self._of_call("_node")
        return () if node is None else node.next_functions[1:]

    @classmethod
    def _apply(cls, *args: Any) -> Any:
        edges = tuple([edge_of(x) if isinstance(x, Tensor) else None for x in args])
        if any(isinstance(x, Sparse) and x.requires_grad for x in args):
            raise TypeError(
                f"{cls.name}: a sparse tensor that requires a gradient cannot be an argument; give its values"
            )
        recording = is_grad_enabled() and any(edge is not None for edge in edges)
        context = Context(tuple([edge is not None for edge in edges]))
        with no_grad():
            if cls.setup_context is Function.setup_context:
                returned = cls.forward(context, *args)
            else:
                returned = cls.forward(*args)
                cls.setup_context(context, args, returned)
        results = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
        if recording and any(isinstance(result, Tensor) for result in results):
            results = cls._recorded(context, args, edges, results)
        return results if isinstance(returned, (tuple, list)) else results[0]

    @classmethod
    def _recorded(
        cls, context: Context, args: Sequence[Any], edges: tuple[Node | None, ...], results: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        context._finish(results)
        node = FunctionNode(cls, context, edges, results)
        return tuple(
            [
                cls._placed(context, args, result, OutputNode(node, k)) if isinstance(result, Tensor) else result
                for k, result in enumerate(results)
            ]
        )

    @classmethod
    def _placed(cls, context: Context, args: Sequence[Any], result: Tensor, node: OutputNode) -> Tensor:
        """Return a result with its place in the graph."""
        differentiable = not any(result is tensor for tensor in context._non_differentiable)
        edge = node if differentiable and result._array.dtype.kind in DIFFERENTIABLE else None
        if any(result is tensor for tensor in context._dirty):
            check_writable(cls.name, result)
            rewrite_history(result, wrap(result._array, edge))
            return result
        if any(result is x for x in args):
            result = result.detach()  # returned as it came: a new tensor of the same memory
        if edge is not None:
            result._edge = edge
        return result


class _OfInstance(Function):
    """A call of an instance, which stands for the context while one of its methods runs."""

    @staticmethod
    def forward(ctx: Any, function: Function, *args: Any) -> Any:
        ctx.function = function
        return _OfInstance._with_context(ctx, type(function).forward, args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        returned = _OfInstance._with_context(ctx, type(ctx.function).backward, grads)
        return (None, *(returned if isinstance(returned, (tuple, list)) else (returned,)))

    @staticmethod
    def _with_context(ctx: Any, method: Callable[..., Any], args: Sequence[Any]) -> Any:
        ctx.function._context = ctx  # not longer, as both would hold each other
        try:
            return method(ctx.function, *args)
        finally:
            ctx.function._context = None


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` whose result cannot be differentiated again: doing so raises."""

    @functools.wraps(backward)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        recording = is_grad_enabled()
        with no_grad():
            returned = backward(ctx, *grads)
        if not recording:
            return returned
        values = returned if isinstance(returned, tuple) else (returned,)
        depends_on = [t for t in (*grads, *ctx.saved_tensors) if t is not None and t.requires_grad]
        refused = tuple([g if g is None or not depends_on else _Refuse.apply(g, *depends_on) for g in values])
        return refused if isinstance(returned, tuple) else refused[0]

    return wrapped


class _Refuse(Function):
    """The first of its arguments; the gradients of all of them are an error."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *depends_on: Tensor) -> Tensor:
        return x.detach()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise GraphError("once_differentiable: this gradient cannot be differentiated again")
