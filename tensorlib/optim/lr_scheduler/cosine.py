"""Schedules that go down along half a cosine."""

from __future__ import annotations

import math

from tensorlib.optim.lr_scheduler.scheduler import LRScheduler
from tensorlib.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Goes down along a cosine, from the starting learning rates to the smallest, in `T_max` epochs, and up again.

    Args:
        optimizer: whose learning rates to change.
        T_max: how many epochs it takes to the smallest learning rate.
        eta_min: the smallest learning rate.
        last_epoch: the epoch to go on from; -1 starts anew.

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017; here without the restarts.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = CosineAnnealingLR(optimizer, T_max=3)
        >>> scheduler.step()
        >>> round(scheduler.get_last_lr()[0], 6)
        0.75
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, epoch: int) -> float:
        """How much is left of the way down: 1 at the start, 0 after `T_max` epochs."""
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def get_lr(self) -> list[float]:
        """Return the learning rates of `last_epoch`, where those of the epoch before are set."""
        lrs, low = self._current_lrs(), self.eta_min
        if self._is_initial:
            return lrs
        if (self.last_epoch - 1) % (2 * self.T_max) == self.T_max:  # nothing is left that could be multiplied
            rise = self._height(self.T_max - 1)
            return [lr + (base - low) * rise for base, lr in zip(self.base_lrs, lrs, strict=True)]
        ratio = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return [low + (lr - low) * ratio for lr in lrs]

    def _lrs_from_start(self) -> list[float]:
        return [self.eta_min + (base - self.eta_min) * self._height(self.last_epoch) for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Goes down along a cosine and starts anew from the top, each time after more epochs if asked for.

    `step` may also be called within epochs, with fractions: `scheduler.step(epoch + batch / batches)`.

    Args:
        optimizer: whose learning rates to change.
        T_0: how many epochs the first way down takes.
        T_mult: how many times longer each takes than the one before.
        eta_min: the smallest learning rate.
        last_epoch: the epoch to go on from; -1 starts anew.

    Attributes:
        T_i: how many epochs the current way down takes.
        T_cur: how many of them are over.

    Raises:
        ValueError: `T_0` or `T_mult` is no positive integer, or an epoch is negative.

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> rates = []
        >>> for epoch in range(4):
        ...     rates.append(round(scheduler.get_last_lr()[0], 6))
        ...     scheduler.step()
        >>> rates
        [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"CosineAnnealingWarmRestarts: {name} must be a positive integer, {value!r} given")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: float | None = None) -> None:
        """Set the learning rates of the next epoch, or those of a given one, which may be a fraction.

        Raises:
            ValueError: the epoch is negative.
        """
        self._step_count += 1
        self._go_to(epoch)

    def _go_to(self, epoch: float | None) -> None:
        given = self.last_epoch + 1 if epoch is None else epoch
        if given < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: an epoch must not be negative, {given} given")
        self.last_epoch = math.floor(given)
        self.T_i, self.T_cur = self._place(given)
        self._set_lrs(self.get_lr())

    def _place(self, epoch: float) -> tuple[int, float]:
        """Return how long the way down of an epoch is, and where on it the epoch lies."""
        length = self.T_0
        if self.T_mult == 1:
            return length, epoch % length
        while epoch >= length:
            epoch -= length
            length *= self.T_mult
        return length, epoch

    def get_lr(self) -> list[float]:
        """Return the learning rates of the place that `step` went to."""
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]
