"""Module: the base of all layers and models."""

from __future__ import annotations

from typing import Any

from tensorlib.errors import ArgumentError
from tensorlib.nn.hooks import HookedModule
from tensorlib.nn.parameter import Buffer, Parameter
from tensorlib.nn.state import ModuleState
from tensorlib.nn.tree import ModuleTree
from tensorlib.tensor import Tensor

TABLES = ("_parameters", "_buffers", "_modules")


class Module(ModuleTree, ModuleState, HookedModule):
    """A part of a model: it holds parameters, buffers and further modules, and computes in `forward`.

    Subclasses call `super().__init__()`, then assign parameters and modules as attributes, which registers them.

    Attributes:
        training: whether layers that behave differently in training do so; set by `train()` and `eval()`.

    Example:
        >>> class Scale(tensorlib.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = tensorlib.nn.Parameter(tensorlib.ones(1))
        ...
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> Scale()(tensorlib.tensor([2.0]))
        tensor([2.], grad_fn=<MulBackward0>)
    """

    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _modules={}, _not_persistent=set(), _hooks=None
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass has its own.

        Raises:
            NotImplementedError: the subclass has none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward(): define one that computes its output")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output by `forward`, with all hooks called."""
        if self._hooks is None:
            return self.forward(*args, **kwargs)
        return self._hooks.call(self, args, kwargs)

    # -- registering -------------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter under a name; None reserves the name for one that is absent.

        Raises:
            TypeError: it is no Parameter.
            KeyError: the name is taken, empty, or has a dot.
        """
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"register_parameter: {name!r} must be a Parameter or None, not {type(param).__name__}")
        if param is not None and param.grad_fn is not None:
            raise ArgumentError(
                f"register_parameter: {name!r} must be a leaf; the result of an operation cannot be trained"
            )
        self._check_new_name("register_parameter", name)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is kept and moved with the module but not trained, such as a running mean.

        Args:
            name: the attribute's name.
            tensor: the tensor; None reserves the name.
            persistent: whether it is part of the `state_dict`.

        Raises:
            TypeError: it is no tensor.
            KeyError: the name is taken, empty, or has a dot.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name!r} must be a Tensor or None, not {type(tensor).__name__}")
        self._check_new_name("register_buffer", name)
        self._buffers[name] = tensor
        (self._not_persistent.discard if persistent else self._not_persistent.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Register a submodule under a name, as assigning it as an attribute does.

        Raises:
            TypeError: it is no Module.
            KeyError: the name is taken, empty, or has a dot.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"add_module: {name!r} must be a Module or None, not {type(module).__name__}")
        self._check_new_name("add_module", name)
        self._modules[name] = module

    register_module = add_module

    def _check_new_name(self, function: str, name: str) -> None:
        if "_modules" not in self.__dict__:
            raise self._not_initialised(name)
        if not isinstance(name, str):
            raise TypeError(f"{function}: the name must be a string, not {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{function}: a name must not be empty or have a dot, {name!r} given")
        if not any(name in self.__dict__[table] for table in TABLES) and hasattr(self, name):
            raise KeyError(f"{function}: {type(self).__name__} has an attribute {name!r} already")

    # -- attributes --------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        table = _table_for(value)
        if table is not None:
            self._register(table, name, value)
        elif not self._replace_registered(name, value):
            object.__setattr__(self, name, value)

    def _register(self, table: str, name: str, value: Any) -> None:
        """Enter a value in its table, and take the name out of wherever else it is."""
        if table not in self.__dict__:
            raise self._not_initialised(name)
        self.__dict__.pop(name, None)
        for other in TABLES:
            if other != table:
                self.__dict__[other].pop(name, None)
        self.__dict__[table][name] = value
        if table == "_buffers":
            (self._not_persistent.discard if value.persistent else self._not_persistent.add)(name)

    def _replace_registered(self, name: str, value: Any) -> bool:
        """Put a value in the place of what is registered under the name; return False if nothing is.

        Raises:
            TypeError: the value is of another kind than what is registered.
        """
        table = next((table for table in TABLES if name in self.__dict__.get(table, ())), None)
        if table is None:
            return False
        if value is not None and not (table == "_buffers" and isinstance(value, Tensor)):
            needed = {"_parameters": "Parameter", "_buffers": "Tensor", "_modules": "Module"}[table]
            raise TypeError(
                f"{type(self).__name__}.{name} is registered as a {needed}; "
                f"{type(value).__name__} given, needed is a {needed} or None"
            )
        self.__dict__[table][name] = value
        return True

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for table in TABLES:
            if name in own.get(table, ()):
                return own[table][name]
        if "_modules" not in own:
            raise self._not_initialised(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for table in TABLES:
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._not_persistent.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def _not_initialised(self, name: str) -> AttributeError:
        kind = type(self).__name__
        return AttributeError(f"{kind}.{name}: call super().__init__() in {kind}.__init__ before anything else")

    # -- extra state and printing ------------------------------------------------------------------------------------

    def get_extra_state(self) -> Any:
        """Return state beside tensors for the `state_dict`; a subclass that has some overrides this.

        Raises:
            RuntimeError: the subclass has none.
        """
        raise RuntimeError(f"{type(self).__name__} has no extra state: define get_extra_state and set_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned; a subclass that has some overrides this.

        Raises:
            RuntimeError: the subclass has none.
        """
        raise RuntimeError(f"{type(self).__name__} has no extra state: define get_extra_state and set_extra_state")

    def extra_repr(self) -> str:
        """Return what `repr` shows in the parentheses; subclasses override this."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({''.join(extra)})"
        return f"{self._get_name()}(\n  " + "\n  ".join(extra + children) + "\n)"


def _table_for(value: Any) -> str | None:
    """Return the table that a value is registered in when it is assigned; None for ordinary attributes."""
    if isinstance(value, Parameter):
        return "_parameters"
    if isinstance(value, Module):
        return "_modules"
    return "_buffers" if isinstance(value, Buffer) else None


def indented(text: str) -> str:
    """Shift all lines but the first to the right, as `repr` shows submodules."""
    return text.replace("\n", "\n  ")
