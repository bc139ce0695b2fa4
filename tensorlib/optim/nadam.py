"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import (
    Array,
    ElementwiseOptimizer,
    State,
    check_betas,
    scalar_state,
    update_mean,
    update_mean_square,
)
from tensorlib.optim.optimizer import Group, check_not_negative


class NAdam(ElementwiseOptimizer):
    """Adam whose step looks ahead by the momentum of the next one.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        betas: what remains of the running means of gradients and of their squares in each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        momentum_decay: how fast the momentum grows to the first beta.
        decoupled_weight_decay: shrink the parameter by `lr * weight_decay` instead, as AdamW does.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative, or a beta not below 1.

    References:
        Dozat, "Incorporating Nesterov Momentum into Adam", 2016.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = NAdam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8944])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "eps", "weight_decay", "momentum_decay")
        check_betas(self, group)

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"mu_product": scalar_state(1.0), "exp_avg": xp.zeros_like(array), "exp_avg_sq": xp.zeros_like(array)}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        mean, square, (beta1, beta2) = state["exp_avg"]._array, state["exp_avg_sq"]._array, group["betas"]
        momentum, next_momentum = (
            beta1 * (1 - 0.5 * 0.96 ** (number * group["momentum_decay"])) for number in (step, step + 1)
        )
        state["mu_product"]._array *= momentum
        product = float(state["mu_product"])
        update_mean(mean, grad, beta1)
        update_mean_square(square, grad, beta2)
        root, lr = xp.sqrt(square / (1 - beta2**step)) + group["eps"], float(group["lr"])
        array -= lr * (1 - momentum) / (1 - product) * grad / root
        array -= lr * next_momentum / (1 - product * next_momentum) * mean / root
