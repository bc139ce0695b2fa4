"""CyclicLR, and what it shares with OneCycleLR: momentum that goes against the learning rate."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from typing import Any

from tensorlib.optim.lr_scheduler.scheduler import LRScheduler, one_per_group, set_lr
from tensorlib.optim.optimizer import Group, Optimizer

_SCALES = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}


class CyclicLR(LRScheduler):
    """Goes up and down between two learning rates in straight lines; `step` is called after each batch.

    Args:
        optimizer: whose learning rates to change.
        base_lr: the smallest learning rate, or one per group.
        max_lr: the greatest learning rate of the first cycle, or one per group.
        step_size_up: how many batches it takes up.
        step_size_down: how many it takes down; as many as up unless given.
        mode: "triangular" for equal cycles, "triangular2" to halve the height in each cycle, "exp_range" to multiply it
            by `gamma` with each batch.
        gamma: the factor of "exp_range".
        scale_fn: a function that gives the height's factor, instead of a mode.
        scale_mode: what the function is of: "cycle" or "iterations".
        cycle_momentum: move momentum, or Adam's first beta, the other way.
        base_momentum: the smallest momentum, or one per group.
        max_momentum: the greatest momentum, or one per group.
        last_epoch: the batch to go on from; -1 starts anew.

    Raises:
        ValueError: the mode is unknown, there are more or fewer values than groups, or the optimizer has no momentum.

    References:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0, momentum=0.9)
        >>> scheduler = CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=2)
        >>> rates = []
        >>> for batch in range(5):
        ...     rates += scheduler.get_last_lr()
        ...     scheduler.step()
        >>> rates
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    _not_saved = ("optimizer", "_scale_fn_custom")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        optimizer = self._checked_optimizer(optimizer)
        if mode not in _SCALES and scale_fn is None:
            raise ValueError(f"CyclicLR: mode must be one of {', '.join(_SCALES)}, or scale_fn given, not {mode!r}")
        lowest = one_per_group(self, "base_lr", base_lr, optimizer)
        self.max_lrs = one_per_group(self, "max_lr", max_lr, optimizer)
        self.total_size = float(step_size_up + (step_size_up if step_size_down is None else step_size_down))
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _SCALES[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = one_per_group(self, "base_momentum", base_momentum, optimizer)
            self.max_momentums = one_per_group(self, "max_momentum", max_momentum, optimizer)
            check_momentum(self, optimizer)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, lowest, strict=True):
                set_lr(group, lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest

    def scale_fn(self, x: float) -> float:
        """Return the height of a cycle, or of a batch, as a part of the first one's."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return float(0.5 ** (x - 1))
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        """Return the learning rates of batch `last_epoch`, and set the momentum of it."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        place = 1.0 + self.last_epoch / self.total_size - cycle
        up = place <= self.step_ratio
        height = place / self.step_ratio if up else (place - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            momenta = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in momenta:
                set_momentum(group, high - (high - low) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedule has to remember; of a scale function, what its object holds."""
        function = self._scale_fn_custom
        plain = function is None or isinstance(function, types.FunctionType)
        return {**super().state_dict(), "_scale_fn_custom": None if plain else vars(function).copy()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned; a plain scale function stays the one that is here."""
        super().load_state_dict(state_dict)
        saved = state_dict.get("_scale_fn_custom")
        if saved is not None and self._scale_fn_custom is not None:
            vars(self._scale_fn_custom).update(saved)


def check_momentum(scheduler: object, optimizer: Optimizer) -> None:
    """Refuse an optimizer without momentum and betas.

    Raises:
        ValueError: it has neither.
    """
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        name, given = type(scheduler).__name__, type(optimizer).__name__
        raise ValueError(f"{name}: cycle_momentum needs an optimizer with momentum or betas, {given} has neither")


def set_momentum(group: Group, value: float) -> None:
    """Set the momentum of a group, or the first of its betas."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
