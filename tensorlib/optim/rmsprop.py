"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import Array, ElementwiseOptimizer, State, update_mean, update_mean_square
from tensorlib.optim.optimizer import Group, check_not_negative


class RMSprop(ElementwiseOptimizer):
    """Steps along the gradient, divided by the root of the running mean of its squares.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        alpha: what remains of the running mean in each step.
        eps: added to the denominator, after the root.
        weight_decay: multiple of the parameter that is added to its gradient.
        momentum: what remains of the last step in each.
        centered: divide by an estimate of the gradient's standard deviation instead.
        maximize: go up instead of down.

    Raises:
        ValueError: an option is negative.

    References:
        Tieleman and Hinton, "Lecture 6.5: RMSprop", 2012; centered: Graves, "Generating Sequences With Recurrent Neural
        Networks", 2013.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = RMSprop([p], lr=0.1, alpha=0.75)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "alpha", "eps", "weight_decay", "momentum")

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        names = ["square_avg"]
        if group["momentum"]:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return {name: xp.zeros_like(array) for name in names}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        square, variance = state["square_avg"]._array, state["square_avg"]._array
        update_mean_square(square, grad, group["alpha"])
        if group["centered"]:
            mean = state["grad_avg"]._array
            update_mean(mean, grad, group["alpha"])
            variance = square - mean * mean
        change = grad / (xp.sqrt(variance) + group["eps"])
        if group["momentum"]:
            buffer = state["momentum_buffer"]._array
            buffer *= group["momentum"]
            buffer += change
            change = buffer
        array -= float(group["lr"]) * change
