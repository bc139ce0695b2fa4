"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import Array, ElementwiseOptimizer, State, check_betas, update_mean
from tensorlib.optim.optimizer import Group, check_not_negative


class Adamax(ElementwiseOptimizer):
    """Steps along the running mean of the gradients, divided by the largest of them, older ones counting less.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        betas: what remains of the running mean and of the largest gradient in each step.
        eps: added to the size of a gradient.
        weight_decay: multiple of the parameter that is added to its gradient.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative, or a beta not below 1.

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 7.1.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = Adamax([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "eps", "weight_decay")
        check_betas(self, group)

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"exp_avg": xp.zeros_like(array), "exp_inf": xp.zeros_like(array)}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        mean, largest, betas = state["exp_avg"]._array, state["exp_inf"]._array, group["betas"]
        update_mean(mean, grad, betas[0])
        xp.maximum(largest * betas[1], xp.absolute(grad) + group["eps"], out=largest)
        array -= float(group["lr"]) / (1 - betas[0] ** step) * mean / largest
