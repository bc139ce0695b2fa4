"""Optimizer: the base of all optimizers, with parameter groups, state, and saving and loading of both."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy

from tensorlib._xp import at
from tensorlib.autograd.api import reset_gradient
from tensorlib.autograd.modes import enable_grad
from tensorlib.errors import ArgumentError, LayoutError
from tensorlib.tensor import Tensor, wrap

Group = dict[str, Any]


class Required:
    """Stands in `defaults` for an option that every group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = Required()


class Optimizer:
    """Changes parameters by their gradients; a subclass says how, in `_update_group`.

    Args:
        params: parameters, or dictionaries with "params" and options of their own, one per group.
        defaults: the options of groups that do not give their own.

    Attributes:
        param_groups: one dictionary per group: "params" and the options.
        state: what is remembered of each parameter, one dictionary per parameter.

    Raises:
        ArgumentError: there are no parameters, one is there twice or no leaf, or an option is missing.
        TypeError: a parameter is no tensor.
    """

    def __init__(self, params: Iterable[Any], defaults: Group) -> None:
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        if isinstance(params, (Tensor, dict, str)):
            name, given = type(self).__name__, type(params).__name__
            raise TypeError(f"{name}: params must be an iterable of parameters or of groups, not {given}")
        listed = list(params)
        if not listed:
            raise ArgumentError(f"{type(self).__name__}: got no parameters")
        if not isinstance(listed[0], dict):
            listed = [{"params": listed}]
        for group in listed:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters, with options of their own where they are to differ from the defaults.

        Args:
            param_group: "params", a parameter or several, and options.

        Raises:
            ArgumentError: a parameter is there already or no leaf, or an option is missing or wrong.
            TypeError: it is no dictionary, or a parameter is no tensor.
        """
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: a parameter group must be a dictionary, not {type(param_group).__name__}")
        if "params" not in param_group:
            raise ArgumentError(f"{name}: a parameter group needs 'params', given are {sorted(param_group)}")
        given = param_group["params"]
        parameters = [given] if isinstance(given, Tensor) else list(given)
        known = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        for parameter in parameters:
            self._check_parameter(parameter, known)
            known.add(id(parameter))
        group = {"params": parameters, **{key: value for key, value in param_group.items() if key != "params"}}
        for option, default in self.defaults.items():
            if group.setdefault(option, default) is required:
                raise ArgumentError(f"{name}: a parameter group needs the option {option!r}")
        self._check_options(group)
        self.param_groups.append(group)

    def _check_parameter(self, parameter: Any, known: set[int]) -> None:
        name = type(self).__name__
        if not isinstance(parameter, Tensor):
            raise TypeError(f"{name}: parameters must be tensors, not {type(parameter).__name__}")
        if not parameter.is_leaf:
            raise ArgumentError(f"{name}: a parameter of shape {tuple(parameter.shape)} is no leaf, but a result")
        if id(parameter) in known:
            raise ArgumentError(f"{name}: a parameter of shape {tuple(parameter.shape)} is given twice")

    def _check_options(self, group: Group) -> None:
        """Raise ArgumentError for options that make no sense; subclasses check theirs."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change all parameters that have a gradient.

        Args:
            closure: computes the gradients anew and returns the loss; called first.

        Returns:
            What the closure returned, or None.

        Raises:
            TypeError: a gradient is sparse, and this optimizer does not take such.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        try:
            for group in self.param_groups:
                self._update_group(group)
        except LayoutError:
            raise TypeError(f"{type(self).__name__}: takes no sparse gradients; SGD does") from None
        return loss

    def _update_group(self, group: Group) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no _update_group(): define one that changes parameters")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters: to None, or to zeros where `set_to_none` is False."""
        for group in self.param_groups:
            for parameter in group["params"]:
                reset_gradient(parameter, set_to_none)

    # -- saving and loading ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the groups' options and what is remembered of each parameter, by the parameters' numbers.

        Returns:
            `{"state": {0: {...}, ...}, "param_groups": [{"lr": ..., "params": [0, 1, ...]}, ...]}`. Tensors in it share
            the optimizer's memory.
        """
        numbers = {id(parameter): k for k, parameter in enumerate(self._parameters())}
        groups = [
            {**_options(group), "params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(parameter)]: dict(remembered) for parameter, remembered in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned; nothing is changed if it does not fit.

        Args:
            state_dict: of an optimizer of parameters of the same number and shapes, in the same order.

        Raises:
            ArgumentError: it has other groups or parameters; the message says which.
        """
        groups, state = self._checked(state_dict)
        parameters = self._parameters()
        loaded: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, remembered in state.items():
            parameter = parameters[number]
            loaded[parameter] = {key: _fitted(key, value, parameter) for key, value in remembered.items()}
        self.state = loaded
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update(copy.deepcopy(_options(saved)))

    def _checked(self, given: Mapping[str, Any]) -> tuple[list[Group], dict[int, dict[str, Any]]]:
        """Return groups and state of a dictionary that fits."""
        name = f"{type(self).__name__}.load_state_dict"
        if not isinstance(given, Mapping) or not {"state", "param_groups"} <= given.keys():
            raise ArgumentError(f"{name}: needs a dictionary with 'state' and 'param_groups'")
        groups, state = list(given["param_groups"]), dict(given["state"])
        if len(groups) != len(self.param_groups):
            raise ArgumentError(f"{name}: {len(groups)} parameter groups given, needed are {len(self.param_groups)}")
        for k, (saved, group) in enumerate(zip(groups, self.param_groups, strict=True)):
            if len(saved["params"]) != len(group["params"]):
                raise ArgumentError(
                    f"{name}: group {k} has {len(saved['params'])} parameters, needed are {len(group['params'])}"
                )
        order = {number: k for k, number in enumerate(n for saved in groups for n in saved["params"])}
        unknown = [number for number in state if number not in order]
        if unknown:
            raise ArgumentError(f"{name}: there is state of parameter {unknown[0]!r}, which is in no group")
        state = {order[number]: remembered for number, remembered in state.items()}
        self._check_shapes(name, state)
        return groups, state

    def _check_shapes(self, name: str, state: dict[int, dict[str, Any]]) -> None:
        for number, parameter in enumerate(self._parameters()):
            for key, value in state.get(number, {}).items():
                if isinstance(value, Tensor) and value.ndim and value.shape != parameter.shape:
                    raise ArgumentError(
                        f"{name}: {key!r} of parameter {number} has shape {tuple(value.shape)}, "
                        f"the parameter has {tuple(parameter.shape)}"
                    )

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines.extend(f"    {key}: {value}" for key, value in sorted(_options(group).items()))
        return "\n".join(lines) + "\n)"


def _options(group: Group) -> Group:
    return {key: value for key, value in group.items() if key != "params"}


def _fitted(key: str, value: Any, parameter: Tensor) -> Any:
    """Return a copy of a remembered value, in the parameter's type and place where it is a tensor of its shape."""
    if key == "step":
        return step_count(float(value))
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    with at(parameter._array):
        return wrap(value.detach().to(parameter.device)._array.astype(parameter._array.dtype, copy=True))


def step_count(start: float = 0.0) -> Tensor:
    """Return a count of steps as states hold it: a 0-d tensor of float32."""
    return wrap(numpy.array(start, numpy.float32))


def next_step(state: dict[str, Any]) -> int:
    """Count a step in a parameter's state, and return its number, from 1 on."""
    count = state["step"]._array
    count += 1
    return int(count)


def check_not_negative(optimizer: Optimizer, group: Group, *options: str) -> None:
    """Raise the error that names the option that is negative, if one is.

    Raises:
        ArgumentError: an option is negative.
    """
    for option in options:
        if not group[option] >= 0.0:
            raise ArgumentError(f"{type(optimizer).__name__}: {option} must not be negative, {group[option]} given")
