"""ElementwiseOptimizer: the base of optimizers whose rule is the same for every element of every parameter."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib._xp import array_module
from tensorlib.optim.optimizer import Group, Optimizer, next_step, step_count
from tensorlib.tensor import Tensor, wrap

Array = Any
State = dict[str, Any]


class ElementwiseOptimizer(Optimizer):
    """Takes the parameters one by one; a subclass says what it remembers and its rule.

    That is `_first_state` and `_update`. The options `weight_decay`, `decoupled_weight_decay` and `maximize` of a group
    are followed here.
    """

    def _update_group(self, group: Group) -> None:
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            array, state = parameter._array, self._state_of(parameter, group)
            decay = group.get("weight_decay", 0.0)
            grad = -gradient._array if group["maximize"] else gradient._array
            if decay and group.get("decoupled_weight_decay"):
                array *= 1 - float(group["lr"]) * decay
            elif decay:
                grad = grad + decay * array
            self._update(array_module(array), array, grad, state, next_step(state), group)
            parameter._version[0] += 1

    def _state_of(self, parameter: Tensor, group: Group) -> State:
        state = self.state[parameter]
        if not state:
            state["step"] = step_count()
            for name, value in self._first_state(array_module(parameter._array), parameter._array, group).items():
                state[name] = wrap(value)
        return state

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        """Return what is remembered of a parameter before its first step, beside the count of steps."""
        raise NotImplementedError(f"{type(self).__name__} has no _first_state(): define what it remembers")

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        """Change a parameter's array in place, and the tensors in its state."""
        raise NotImplementedError(f"{type(self).__name__} has no _update(): define its rule")


def scalar_state(value: float) -> Array:
    """Return a number as states hold it: a 0-d array of float32 on the host."""
    return numpy.array(value, numpy.float32)


def update_mean(mean: Array, value: Array, keep: float) -> None:
    """Move a running mean towards a value, in place: a part `keep` of the old mean stays."""
    mean += (value - mean) * (1 - keep)


def update_mean_square(mean: Array, value: Array, keep: float) -> None:
    """Move a running mean of squares towards the square of a value, in place."""
    mean *= keep
    mean += (1 - keep) * value * value


def check_betas(optimizer: Optimizer, group: Group) -> None:
    """Refuse betas that are no parts of one.

    Raises:
        ValueError: a beta is negative or not below 1.
    """
    if not all(0.0 <= beta < 1.0 for beta in group["betas"]):
        raise ValueError(f"{type(optimizer).__name__}: betas must be from 0 up to below 1, {group['betas']} given")
