"""AdamW: Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib.optim.adam import Adam


class AdamW(Adam):
    """Adam that shrinks parameters by `lr * weight_decay` in each step, apart from their gradients.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        betas: what remains of the two running means in each step.
        eps: added to the denominator.
        weight_decay: how much parameters shrink, relative to the learning rate.
        amsgrad: divide by the largest running mean of squares so far.
        maximize: go up instead of down.

    Raises:
        ArgumentError: an option is negative, or a beta not below 1.

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Example:
        >>> optimizer = AdamW([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=0.1)
        >>> optimizer.param_groups[0]["weight_decay"]
        0.01
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
