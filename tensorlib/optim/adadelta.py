"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import Array, ElementwiseOptimizer, State, update_mean_square
from tensorlib.optim.optimizer import Group, check_not_negative


class Adadelta(ElementwiseOptimizer):
    """Steps as long as the root of the mean square of past steps, over that of past gradients.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: what the steps are multiplied by.
        rho: what remains of the running means in each step.
        eps: added under the roots.
        weight_decay: multiple of the parameter that is added to its gradient.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative, or rho above 1.

    References:
        Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = Adadelta([p], eps=1e-2)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.6877])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "rho", "eps", "weight_decay")
        if group["rho"] > 1:
            raise ValueError(f"Adadelta: rho must be between 0 and 1, {group['rho']} given")

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"square_avg": xp.zeros_like(array), "acc_delta": xp.zeros_like(array)}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        squares, steps, eps = state["square_avg"]._array, state["acc_delta"]._array, group["eps"]
        update_mean_square(squares, grad, group["rho"])
        delta = xp.sqrt(steps + eps) / xp.sqrt(squares + eps) * grad
        update_mean_square(steps, delta, group["rho"])
        array -= float(group["lr"]) * delta
