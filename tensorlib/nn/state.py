"""A module's state: its parameters and persistent buffers by their dotted names, taken out and put in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tensorlib.autograd.modes import no_grad
from tensorlib.errors import ArgumentError
from tensorlib.nn.hooks import Hooks
from tensorlib.nn.parameter import Parameter
from tensorlib.tensor import Tensor

if TYPE_CHECKING:
    from tensorlib.nn.module import Module

EXTRA_STATE = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found to be missing from the state, and to be there beyond need."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class ModuleState:
    """The part of a module that saves and loads its state."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _not_persistent: set[str]
    _hooks: Hooks | None

    def state_dict(
        self, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Return parameters and persistent buffers, here and below, by their dotted names.

        The tensors share the module's memory and have no history; copy.deepcopy takes a snapshot.

        Args:
            destination: a dictionary to fill; a new one unless given.
            prefix: put before the names.
            keep_vars: return the parameters themselves instead of detached tensors.

        Example:
            >>> list(tensorlib.nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        found: dict[str, Any] = OrderedDict() if destination is None else destination
        this = cast("Module", self)
        hooks = self._hooks or Hooks()
        for hook in hooks.saving:
            hook(this, prefix, keep_vars)
        for name, tensor in self._own_state():
            found[prefix + name] = tensor if keep_vars else tensor.detach()
        if has_extra_state(this):
            found[prefix + EXTRA_STATE] = this.get_extra_state()
        for name, module in this._modules.items():
            if module is not None:
                module.state_dict(found, f"{prefix}{name}.", keep_vars)
        for hook in hooks.saved:
            replaced = hook(this, found, prefix, {})
            found = found if replaced is None else replaced
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of a state into parameters and buffers, here and below.

        Nothing is copied if anything does not fit.

        Args:
            state_dict: what `state_dict` returned.
            strict: the names must be the same; otherwise missing and unexpected ones are passed over.
            assign: take the tensors themselves instead of copying their values.

        Returns:
            The lists `missing_keys` and `unexpected_keys`.

        Raises:
            ArgumentError: names or shapes do not fit; one message lists all that differs, the first difference first.
            TypeError: `state_dict` is no mapping.
        """
        this = cast("Module", self)
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: needs a dictionary of tensors, not {type(state_dict).__name__}")
        loading = Loading(this, state_dict, strict)
        loading.compare()
        loading.forgive()
        loading.check()
        loading.copy(assign)
        return loading.keys

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._parameters.items():
            if parameter is not None:
                yield name, parameter
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._not_persistent:
                yield name, buffer


class Loading:
    """One call of `load_state_dict`: what fits, and what does not."""

    def __init__(self, module: Module, state: Mapping[str, Any], strict: bool) -> None:
        self.module = module
        self.state = OrderedDict(state)
        self.strict = strict
        self.keys = IncompatibleKeys([], [])
        self.messages: list[str] = []  # of hooks
        self.wrong: dict[str, str] = {}  # key -> why its value does not fit
        self.targets: dict[str, tuple[Module, str]] = {}

    def compare(self) -> None:
        """Run the hooks before loading, then compare names and shapes."""
        for path, module in self.module.named_modules(remove_duplicate=False):
            prefix = f"{path}." if path else ""
            for hook in module._hooks.loading if module._hooks else ():
                hook(module, self.state, prefix, {}, self.strict, *self.keys, self.messages)
        for path, module in self.module.named_modules(remove_duplicate=False):
            prefix = f"{path}." if path else ""
            for name, tensor in module._own_state():
                self.targets[prefix + name] = (module, name)
                self._compare_one(prefix + name, tensor)
            if has_extra_state(module):
                self.targets[prefix + EXTRA_STATE] = (module, EXTRA_STATE)
        self.keys.missing_keys.extend(key for key in self.targets if key not in self.state)
        self.keys.unexpected_keys.extend(key for key in self.state if key not in self.targets)

    def _compare_one(self, key: str, tensor: Tensor) -> None:
        value = self.state.get(key)
        if value is None:
            return
        if not isinstance(value, Tensor):
            self.wrong[key] = f"{key!r} is no Tensor but {type(value).__name__}"
        elif value.shape != tensor.shape:
            self.wrong[key] = f"{key!r} has shape {tuple(value.shape)}, needed is {tuple(tensor.shape)}"

    def forgive(self) -> None:
        """Run the hooks after comparing, which may clear the lists of keys."""
        for module in self.module.modules():
            for hook in module._hooks.loaded if module._hooks else ():
                hook(module, self.keys)

    def check(self) -> None:
        """Raise one error that lists all differences, those that come first in module and state first."""
        found = dict(self.wrong)
        if self.strict:
            found |= {key: f"{key!r} is missing" for key in self.keys.missing_keys}
            found |= {key: f"{key!r} is unexpected" for key in self.keys.unexpected_keys}
        position = {key: place for place, key in enumerate(self.state)}
        position |= {key: place for place, key in enumerate(self.targets)}
        differences = [found[key] for key in sorted(found, key=lambda key: position.get(key, -1))]
        if differences or self.messages:
            name = type(self.module).__name__
            raise ArgumentError(
                f"load_state_dict: the state does not fit {name}: {', '.join(differences + self.messages)}"
            )

    def copy(self, assign: bool) -> None:
        """Put the values into the module."""
        for key, (module, name) in self.targets.items():
            if key not in self.state:
                continue
            value = self.state[key]
            if name == EXTRA_STATE:
                module.set_extra_state(value)
            elif assign:
                _assign(module, name, value)
            else:
                with no_grad():
                    getattr(module, name).copy_(value)


def _assign(module: Module, name: str, value: Tensor) -> None:
    if name in module._buffers:
        module._buffers[name] = value
        return
    before = module._parameters[name]
    assert before is not None
    given = value if isinstance(value, Parameter) else Parameter(value.detach(), before.requires_grad)
    module._parameters[name] = given


def has_extra_state(module: Module) -> bool:
    """Tell whether the module's class has state beside its tensors."""
    from tensorlib.nn.module import Module

    return type(module).get_extra_state is not Module.get_extra_state
