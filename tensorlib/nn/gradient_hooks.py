"""Hooks on the gradients that go through a module.

The tensors that enter a module go through one operation together, and those that leave it through another. So the
gradients of all its outputs, and of all its inputs, come together in one place, however the module used them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tensorlib._xp import is_array
from tensorlib.autograd.modes import is_grad_enabled
from tensorlib.autograd.op import op
from tensorlib.tensor import Tensor, wrap

if TYPE_CHECKING:
    from tensorlib.nn.module import Module

Gradients = tuple[Any, ...]


class Watch:
    """What an operation calls with the gradients of all its tensors at once: one call per backward.

    Args:
        function: gets and returns a tuple of tensors.
    """

    def __init__(self, function: Callable[[Gradients], Gradients]) -> None:
        self._function = function
        self._given: Gradients | None = None
        self._results: Gradients = ()

    def __repr__(self) -> str:
        return f"Watch({self._function.__qualname__})"

    def gradient(self, gradients: Gradients, k: int) -> Any:
        """Return the k-th gradient of those that the function returned."""
        if gradients is not self._given:  # the engine asks for each k with the same tuple
            raw = is_array(gradients[0])
            results = self._function(tuple([wrap(g) if raw else g for g in gradients]))
            self._results = tuple([g._array if raw else g for g in results])
            self._given = gradients
        return self._results[k]


@op(view=True, method=False)
def watched(xp: Any, *tensors: Any, watch: Watch) -> Any:
    """Return the tensors as they are, and call `watch` with their gradients.

    Args:
        tensors: any number of tensors, of any shapes.
        watch: gets all gradients at once, and may replace them.

    Example:
        >>> from tensorlib.nn.gradient_hooks import Watch
        >>> x = tensorlib.ones(2, requires_grad=True)
        >>> (y,) = tensorlib.watched([x], watch=Watch(lambda gradients: (gradients[0] * 3,)))
        >>> y.sum().backward()
        >>> x.grad
        tensor([3., 3.])
    """
    return tuple(tensors), (watch,)


watched.grads(lambda xp, g, k, watch: watch.gradient(g, k))


class GradientHooks:
    """Calls a module's gradient hooks for one of its calls."""

    def __init__(
        self, module: Module, before: Sequence[Callable[..., Any]], after: Sequence[Callable[..., Any]]
    ) -> None:
        self._module = module
        self._before = tuple(before)
        self._after = tuple(after)
        self._grad_output: Gradients = ()
        self._inputs_need_gradient: tuple[bool, ...] = ()

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments with their tensors replaced by watched ones."""
        if not self._after:
            return args
        places = [k for k, value in enumerate(args) if isinstance(value, Tensor)]
        tensors = [args[k] for k in places]
        self._inputs_need_gradient = tuple([x.requires_grad and is_grad_enabled() for x in tensors])
        if not any(self._inputs_need_gradient):
            return args
        replaced = list(args)
        for k, x, result in zip(places, tensors, _pass(tensors, self._input_gradients), strict=True):
            if x.requires_grad:
                replaced[k] = result
        return tuple(replaced)

    def watch_outputs(self, output: Any) -> Any:
        """Return the output, a tensor or a tuple, list or dictionary of them, with its tensors watched."""
        tensors = list(_tensors_in(output))
        if not any(x.requires_grad for x in tensors):
            return output
        results = dict(zip(map(id, tensors), _pass(tensors, self._output_gradients), strict=True))
        return _replaced(output, results)

    def _output_gradients(self, gradients: Gradients) -> Gradients:
        for hook in self._before:
            replaced = hook(self._module, gradients)
            gradients = gradients if replaced is None else _as_tuple(replaced)
        self._grad_output = gradients
        if not any(self._inputs_need_gradient):
            for hook in self._after:
                hook(self._module, (None,) * len(self._inputs_need_gradient), gradients)
        return gradients

    def _input_gradients(self, gradients: Gradients) -> Gradients:
        pairs = zip(gradients, self._inputs_need_gradient, strict=True)
        shown: Gradients = tuple([g if needed else None for g, needed in pairs])
        for hook in self._after:
            replaced = hook(self._module, shown, self._grad_output)
            shown = shown if replaced is None else _as_tuple(replaced)
        merged: list[Any] = [old if new is None else new for old, new in zip(gradients, shown, strict=True)]
        return tuple(merged)


def _pass(tensors: Sequence[Tensor], function: Callable[[Gradients], Gradients]) -> tuple[Tensor, ...]:
    results: tuple[Tensor, ...] = watched(tensors, watch=Watch(function))
    return results


def _as_tuple(value: Any) -> Gradients:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _tensors_in(output: Any) -> Sequence[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return [value for value in values if isinstance(value, Tensor)]


def _replaced(output: Any, results: dict[int, Any]) -> Any:
    if isinstance(output, dict):
        return type(output)((key, results.get(id(value), value)) for key, value in output.items())
    if not isinstance(output, (tuple, list)):
        return results.get(id(output), output)
    values: list[Any] = [results.get(id(value), value) for value in output]
    return type(output)(*values) if hasattr(output, "_fields") else type(output)(values)
