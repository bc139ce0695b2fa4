"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.elementwise import Array, ElementwiseOptimizer, State
from tensorlib.optim.optimizer import Group, check_not_negative


class Rprop(ElementwiseOptimizer):
    """Steps by the sign of the gradient alone; steps grow while the sign stays, and shrink when it changes.

    Made for gradients of all data at once, not for those of batches.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: the size of the first step.
        etas: what a step is multiplied by when the sign has changed, and when it has not.
        step_sizes: the smallest and the greatest step.
        maximize: go up instead of down.

    Raises:
        ValueError: the learning rate is negative, or the etas are not below and above 1.

    References:
        Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm", 1993.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = Rprop([p], lr=0.1)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (p * p).sum().backward()
        ...     optimizer.step()
        >>> p.detach()
        tensor([0.7800])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr")
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            raise ValueError(f"Rprop: etas must be below and above 1, {group['etas']} given")

    def _first_state(self, xp: Any, array: Array, group: Group) -> dict[str, Array]:
        return {"prev": xp.zeros_like(array), "step_size": xp.full_like(array, float(group["lr"]))}

    def _update(self, xp: Any, array: Array, grad: Array, state: State, step: int, group: Group) -> None:
        before, size, (shrink, grow) = state["prev"]._array, state["step_size"]._array, group["etas"]
        agreement = grad * before
        factor = xp.where(agreement > 0, grow, xp.where(agreement < 0, shrink, 1.0)).astype(array.dtype)
        size[...] = (size * factor).clip(*group["step_sizes"])
        before[...] = xp.where(agreement < 0, 0.0, grad)  # where the sign changed, wait for the next gradient
        array -= xp.sign(before) * size
