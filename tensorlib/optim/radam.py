"""RAdam: Adam that waits until its second running mean is sure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import (
    Array,
    ElementwiseOptimizer,
    State,
    check_betas,
    update_mean,
    update_mean_square,
)
from tensorlib.optim.optimizer import Group, check_not_negative


class RAdam(ElementwiseOptimizer):
    """Adam that divides by the running mean of squares only once the variance of that mean is known to be small.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        betas: what remains of the running means of gradients and of their squares in each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        decoupled_weight_decay: shrink the parameter by `lr * weight_decay` instead, as AdamW does.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative, or a beta not below 1.

    References:
        Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = RAdam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "eps", "weight_decay")
        check_betas(self, group)

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"exp_avg": xp.zeros_like(array), "exp_avg_sq": xp.zeros_like(array)}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        mean, square, (beta1, beta2) = state["exp_avg"]._array, state["exp_avg_sq"]._array, group["betas"]
        update_mean(mean, grad, beta1)
        update_mean_square(square, grad, beta2)
        change = float(group["lr"]) / (1 - beta1**step) * mean
        certainty = _rectification(beta2, step)
        if certainty:
            change = change * (certainty * math.sqrt(1 - beta2**step)) / (xp.sqrt(square) + group["eps"])
        array -= change


def _rectification(beta2: float, step: int) -> float:
    """Return how much of an adaptive step to take: zero while the running mean of squares is too unsure for one."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)
    if length <= 5:
        return 0.0
    return math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
