"""Calling the hooks of nodes, which see gradients as tensors while the engine carries arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from tensorlib.autograd.graph import AfterHook, BeforeHook, Node
from tensorlib.errors import ShapeError
from tensorlib.layouts import Sparse
from tensorlib.tensor import Tensor, wrap


def run_hooks(node: Node, gradient: Any, record: bool) -> Any:
    """Show a gradient to a node's hooks before it is used, and return it, or what they put in its place.

    Args:
        node: whose hooks are called.
        gradient: of its result, or a tuple of those of its several results.
        record: gradients are tensors, not arrays.
    """
    for hook in tuple(node.hooks or ()):
        if isinstance(hook, BeforeHook):
            gradient = _before(hook, gradient, record)
        elif not isinstance(hook, AfterHook):
            replaced = hook(_shown(gradient, record))
            if replaced is not None:
                gradient = _taken(replaced, gradient, record)
    return gradient


def run_after_hooks(node: Node, results: Sequence[Any], gradient: Any, record: bool) -> Sequence[Any]:
    """Show what a node made of its gradient to its hooks, and return it, or what they put in its place."""
    for hook in tuple(node.hooks or ()):
        if isinstance(hook, AfterHook):
            given = gradient if isinstance(gradient, tuple) else (gradient,)
            replaced = hook.function(_all_shown(results, record), _all_shown(given, record))
            results = results if replaced is None else _all_taken(replaced, results, record)
    return results


def _before(hook: BeforeHook, gradient: Any, record: bool) -> Any:
    given = gradient if isinstance(gradient, tuple) else (gradient,)
    replaced = hook.function(_all_shown(given, record))
    if replaced is None:
        return gradient
    taken = _all_taken(replaced, given, record)
    return taken if isinstance(gradient, tuple) else taken[0]


def _shown(gradient: Any, record: bool) -> Any:
    """Return a gradient as a tensor."""
    if gradient is None or record or isinstance(gradient, Sparse):
        return gradient
    return wrap(numpy.asarray(gradient) if isinstance(gradient, numpy.generic) else gradient)


def _all_shown(gradients: Sequence[Any], record: bool) -> tuple[Any, ...]:
    return tuple([_shown(gradient, record) for gradient in gradients])


def _taken(replaced: Any, before: Any, record: bool) -> Any:
    """Return what a hook returned as the engine carries it.

    Raises:
        TypeError: it is no tensor.
        ShapeError: it has another shape than the gradient had.
    """
    if not isinstance(replaced, (Tensor, Sparse)):
        raise TypeError(f"hook: must return a Tensor or None, not {type(replaced).__name__}")
    if before is not None and tuple(replaced.shape) != tuple(before.shape):
        raise ShapeError(
            f"hook: returned a gradient of shape {tuple(replaced.shape)} for one of shape {tuple(before.shape)}"
        )
    return replaced if record or isinstance(replaced, Sparse) else replaced._array


def _all_taken(replaced: Any, before: Sequence[Any], record: bool) -> tuple[Any, ...]:
    given = replaced if isinstance(replaced, (tuple, list)) else (replaced,)
    if len(given) != len(before):
        raise ShapeError(f"hook: returned {len(given)} gradients, needed are {len(before)}")
    return tuple([None if new is None else _taken(new, old, record) for new, old in zip(given, before, strict=True)])
