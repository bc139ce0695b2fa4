"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import Array, ElementwiseOptimizer, State
from tensorlib.optim.optimizer import Group, check_not_negative


class Adagrad(ElementwiseOptimizer):
    """Steps along the gradient, divided by the root of the sum of squares of all gradients so far.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        lr_decay: how fast the learning rate falls: step k has `lr / (1 + (k - 1) * lr_decay)`.
        weight_decay: multiple of the parameter that is added to its gradient.
        initial_accumulator_value: where the sums start.
        eps: added to the denominator.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative.

    References:
        Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = Adagrad([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                self._state_of(parameter, group)  # the sums are there before the first step, as in PyTorch

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"sum": xp.full_like(array, group["initial_accumulator_value"])}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        total = state["sum"]._array
        total += grad * grad
        lr = float(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        array -= lr * grad / (xp.sqrt(total) + group["eps"])
