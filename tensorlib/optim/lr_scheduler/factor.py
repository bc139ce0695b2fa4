"""Schedules that multiply the starting learning rate by a factor that depends on the epoch alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tensorlib.optim.lr_scheduler.scheduler import LRScheduler
from tensorlib.optim.optimizer import Optimizer


class FactorLR(LRScheduler):
    """Base of the schedules here: `_factor(epoch)` is all they define.

    A step multiplies by the factor's change instead of starting from the first learning rate, so that several
    schedules of one optimizer work together.
    """

    _moves_at_resumption = False  # whether to step when made with a `last_epoch`: as PyTorch does or does not

    def _factor(self, epoch: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} has no _factor(epoch): define it")

    def get_lr(self) -> list[float]:
        """Return the learning rates of `last_epoch`, where those of the epoch before are set."""
        lrs, now = self._current_lrs(), self._factor(self.last_epoch)
        if self.last_epoch == 0:
            return [lr * now for lr in lrs]
        if self._is_initial and not self._moves_at_resumption:
            return lrs
        before = self._factor(self.last_epoch - 1)
        if now == before:
            return lrs
        return [lr * (now / before) for lr in lrs] if before else self._lrs_from_start()

    def _lrs_from_start(self) -> list[float]:
        return [lr * self._factor(self.last_epoch) for lr in self.base_lrs]


class StepLR(FactorLR):
    """Multiplies the learning rates by `gamma` every `step_size` epochs.

    Args:
        optimizer: whose learning rates to change.
        step_size: how many epochs to keep a learning rate.
        gamma: what to multiply by.
        last_epoch: the epoch to go on from; -1 starts anew.

    Raises:
        ValueError: the step size is less than one.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    _moves_at_resumption = True

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1, {step_size} given")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return float(self.gamma ** (epoch // self.step_size))


class MultiStepLR(FactorLR):
    """Multiplies the learning rates by `gamma` at each of the milestones.

    Args:
        optimizer: whose learning rates to change.
        milestones: epochs.
        gamma: what to multiply by.
        last_epoch: the epoch to go on from; -1 starts anew.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
        >>> rates = []
        >>> for epoch in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     scheduler.step()
        >>> rates
        [1.0, 0.5, 0.5, 0.25]
    """

    _moves_at_resumption = True

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        passed = sum(count for milestone, count in self.milestones.items() if milestone <= epoch)
        return float(self.gamma**passed)


class ConstantLR(FactorLR):
    """Multiplies the learning rates by a factor for the first epochs, and by one after.

    Args:
        optimizer: whose learning rates to change.
        factor: what to multiply by, from 0 to 1.
        total_iters: for how many epochs.
        last_epoch: the epoch to go on from; -1 starts anew.

    Raises:
        ValueError: the factor is not between 0 and 1.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = ConstantLR(optimizer, factor=0.5, total_iters=1)
        >>> scheduler.get_last_lr()
        [0.5]
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [1.0]
    """

    _moves_at_resumption = True

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor must be between 0 and 1, {factor} given")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return self.factor if epoch < self.total_iters else 1.0


class LinearLR(FactorLR):
    """Multiplies the learning rates by a factor that goes from one value to another in equal steps, and then stays.

    Args:
        optimizer: whose learning rates to change.
        start_factor: the factor at the start, above 0 and up to 1.
        end_factor: the factor at the end, from 0 to 1.
        total_iters: how many epochs it takes.
        last_epoch: the epoch to go on from; -1 starts anew.

    Raises:
        ValueError: a factor is out of its range.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor must be above 0 and up to 1, {start_factor} given")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor must be between 0 and 1, {end_factor} given")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        if epoch >= self.total_iters:
            return self.end_factor
        return self.start_factor + (self.end_factor - self.start_factor) * epoch / self.total_iters


class ExponentialLR(FactorLR):
    """Multiplies the learning rates by `gamma` in each epoch.

    Args:
        optimizer: whose learning rates to change.
        gamma: what to multiply by.
        last_epoch: the epoch to go on from; -1 starts anew.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return float(self.gamma**epoch)


class PolynomialLR(FactorLR):
    """Multiplies the learning rates by a power of the part of the epochs that is left; zero at the end.

    Args:
        optimizer: whose learning rates to change.
        total_iters: how many epochs it takes.
        power: the exponent.
        last_epoch: the epoch to go on from; -1 starts anew.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = PolynomialLR(optimizer, total_iters=2, power=2.0)
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self, epoch: int) -> float:
        return float((1.0 - min(epoch, self.total_iters) / self.total_iters) ** self.power)
