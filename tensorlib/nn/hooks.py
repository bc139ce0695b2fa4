"""Hooks of a module: functions that are called before and after its forward, and with its gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorlib.autograd.graph import RemovableHandle
from tensorlib.nn.gradient_hooks import GradientHooks

if TYPE_CHECKING:
    from tensorlib.nn.module import Module


class ForwardHook(NamedTuple):
    """A hook before or after forward, and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False


class Hooks:
    """All hooks of one module, each kind in the order of calling.

    Attributes:
        before: called before forward.
        after: called after forward.
        gradients_before: called with the gradients of the outputs.
        gradients_after: called with the gradients of the inputs and outputs.
        saving, saved: called before and after `state_dict` collects the module's own entries.
        loading, loaded: called before and after `load_state_dict` copies into the module.
    """

    def __init__(self) -> None:
        self.before: list[ForwardHook] = []
        self.after: list[ForwardHook] = []
        self.gradients_before: list[Callable[..., Any]] = []
        self.gradients_after: list[Callable[..., Any]] = []
        self.saving: list[Callable[..., Any]] = []
        self.saved: list[Callable[..., Any]] = []
        self.loading: list[Callable[..., Any]] = []
        self.loaded: list[Callable[..., Any]] = []

    def call(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run the module's forward with everything that goes before and after it."""
        args, kwargs = self._call_before(module, args, kwargs)
        gradients = None
        if self.gradients_before or self.gradients_after:
            gradients = GradientHooks(module, self.gradients_before, self.gradients_after)
            args = gradients.watch_inputs(args)
        try:
            output = module.forward(*args, **kwargs)
        except BaseException:
            for hook in tuple(self.after):
                if hook.always:
                    _call_after(hook, module, args, kwargs, None)
            raise
        for hook in tuple(self.after):
            replaced = _call_after(hook, module, args, kwargs, output)
            output = output if replaced is None else replaced
        return output if gradients is None else gradients.watch_outputs(output)

    def _call_before(
        self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for hook in tuple(self.before):
            if hook.with_kwargs:
                replaced = hook.function(module, args, kwargs)
                args, kwargs = (args, kwargs) if replaced is None else replaced
            else:
                replaced = hook.function(module, args)
                if replaced is not None:
                    args = replaced if isinstance(replaced, tuple) else (replaced,)
        return args, kwargs


def _call_after(hook: ForwardHook, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    if hook.with_kwargs:
        return hook.function(module, args, kwargs, output)
    return hook.function(module, args, output)


def add_hook(hooks: list[Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Enter a hook as the last, or as the first; the handle takes it away again."""
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.insert(0, hooks.pop())
    return handle


class HookedModule:
    """The part of a module that registers hooks."""

    _hooks: Hooks | None

    def _own_hooks(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each forward; what it returns, unless None, replaces the arguments.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs)`, which returns `(args, kwargs)` or None.
        """
        return add_hook(self._own_hooks().before, ForwardHook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after each forward; what it returns, unless None, replaces the output.

        Args:
            hook: the function.
            prepend: call it before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs, output)`.
            always_call: call it, with None for the output, also when forward raises.
        """
        return add_hook(self._own_hooks().after, ForwardHook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the module's inputs are there.

        Both are tuples, with None for what needs no gradient. What the hook returns, unless None, replaces
        `grad_input`.
        """
        return add_hook(self._own_hooks().gradients_after, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Do as `register_full_backward_hook`, of which this is the older name."""
        return self.register_full_backward_hook(hook)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before gradients go through the module.

        What the hook returns, unless None, replaces `grad_output`.
        """
        return add_hook(self._own_hooks().gradients_before, hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` collects the module's entries."""
        return add_hook(self._own_hooks().saving, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict` collected the module's entries."""
        return add_hook(self._own_hooks().saved, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook before `load_state_dict` reads, so that it may rename or convert entries of older files.

        The call is `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)`; the hook may change `state_dict`, a copy, and add to the three lists.
        """
        return add_hook(self._own_hooks().loading, hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after `load_state_dict`; it may clear the lists to forgive keys."""
        return add_hook(self._own_hooks().loaded, hook)
