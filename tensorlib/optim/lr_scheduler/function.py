"""Schedules given by the user's functions of the epoch."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorlib.optim.lr_scheduler.scheduler import LRScheduler, one_per_group
from tensorlib.optim.optimizer import Optimizer

FunctionOfEpoch = Callable[[int], float]


class FunctionLR(LRScheduler):
    """Base of the schedules here; of functions, only objects with attributes are saved, by their attributes."""

    _not_saved = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: FunctionOfEpoch | Sequence[FunctionOfEpoch], last_epoch: int = -1
    ) -> None:
        optimizer = self._checked_optimizer(optimizer)
        self.lr_lambdas: list[FunctionOfEpoch] = one_per_group(self, "lr_lambda", lr_lambda, optimizer)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"{type(self).__name__}: lr_lambda must be a function, not {type(function).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedule has to remember; of the functions, what their objects hold."""
        saved = [None if isinstance(f, types.FunctionType) else vars(f).copy() for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned; plain functions stay those that are here."""
        super().load_state_dict(state_dict)
        for function, saved in zip(self.lr_lambdas, state_dict.get("lr_lambdas", ()), strict=False):
            if saved is not None:
                vars(function).update(saved)


class LambdaLR(FunctionLR):
    """Multiplies the starting learning rates by a function of the epoch.

    Args:
        optimizer: whose learning rates to change.
        lr_lambda: the function, or one per group.
        last_epoch: the epoch to go on from; -1 starts anew.

    Raises:
        TypeError: what is given is no function.
        ValueError: there are more or fewer functions than groups.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[float]:
        """Return the learning rates of `last_epoch`."""
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(FunctionLR):
    """Multiplies the learning rates in each epoch by a function of it.

    Args:
        optimizer: whose learning rates to change.
        lr_lambda: the function, or one per group.
        last_epoch: the epoch to go on from; -1 starts anew.

    Raises:
        TypeError: what is given is no function.
        ValueError: there are more or fewer functions than groups.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = MultiplicativeLR(optimizer, lambda epoch: 0.5)
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def get_lr(self) -> list[float]:
        """Return the learning rates of `last_epoch`, where those of the epoch before are set."""
        lrs = self._current_lrs()
        if self._is_initial:
            return lrs
        return [lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, lrs, strict=True)]
