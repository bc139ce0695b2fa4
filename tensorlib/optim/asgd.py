"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import Array, ElementwiseOptimizer, State, scalar_state
from tensorlib.optim.optimizer import Group, check_not_negative


class ASGD(ElementwiseOptimizer):
    """Stochastic gradient descent with a falling learning rate, which keeps the mean of the parameters in its state.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: the first learning rate.
        lambd: how fast parameters shrink and the learning rate falls.
        alpha: the power by which the learning rate falls.
        t0: from which step on to average; the means are `optimizer.state[parameter]["ax"]`.
        weight_decay: multiple of the parameter that is added to its gradient.
        maximize: go up instead of down.

    Raises:
        ValueError: the learning rate or weight decay is negative.

    References:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = ASGD([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "weight_decay")

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"eta": scalar_state(float(group["lr"])), "mu": scalar_state(1.0), "ax": xp.zeros_like(array)}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        eta, weight, mean = float(state["eta"]), float(state["mu"]), state["ax"]._array
        lr, lambd = float(group["lr"]), group["lambd"]
        array *= 1 - lambd * eta
        array -= eta * grad
        if weight == 1:
            mean[...] = array
        else:
            mean += (array - mean) * weight
        state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1.0, step - group["t0"]))
