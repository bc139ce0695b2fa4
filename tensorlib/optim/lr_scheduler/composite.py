"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from tensorlib.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tensorlib.optim.lr_scheduler.scheduler import LRScheduler, set_lr
from tensorlib.optim.optimizer import Optimizer


class CompositeLR(LRScheduler):
    """Base of the schedules here: checks, saves and loads the parts."""

    _not_saved = ("optimizer", "_schedulers")

    def _check_parts(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name}: needs at least one scheduler")
        self._schedulers = list(schedulers)
        for k, part in enumerate(self._schedulers):
            if not isinstance(part, LRScheduler):
                raise TypeError(f"{name}: scheduler {k} is none, but {type(part).__name__}")
            if isinstance(part, ReduceLROnPlateau):
                raise ValueError(f"{name}: scheduler {k} is ReduceLROnPlateau, whose step needs a metric")
            if part.optimizer is not (optimizer or self._schedulers[0].optimizer):
                raise ValueError(f"{name}: scheduler {k} ({type(part).__name__}) belongs to another optimizer")
        self.optimizer = optimizer or self._schedulers[0].optimizer

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedule and its parts have to remember."""
        return {**super().state_dict(), "_schedulers": [part.state_dict() for part in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned.

        Raises:
            ValueError: it is of another number of schedulers.
        """
        state, parts = self._checked_state(state_dict), state_dict.get("_schedulers", ())
        if len(parts) != len(self._schedulers):
            name, count = type(self).__name__, len(self._schedulers)
            raise ValueError(
                f"{name}.load_state_dict: state of {len(parts)} schedulers given, needed is that of {count}"
            )
        self.__dict__.update(state)
        for part, saved in zip(self._schedulers, parts, strict=True):
            part.load_state_dict(saved)


class SequentialLR(CompositeLR):
    """Follows one schedule after the other, each from its own epoch 0 on.

    Args:
        optimizer: whose learning rates to change.
        schedulers: the schedules, all of this optimizer.
        milestones: the epochs at which the second, third, ... schedule begins.
        last_epoch: the epoch to go on from; -1 starts anew.

    Raises:
        ValueError: a schedule is of another optimizer, or there are not one fewer milestones than schedules.
        TypeError: a schedule is none.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> schedules = tensorlib.optim.lr_scheduler
        >>> warmup = schedules.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> decay = schedules.ExponentialLR(optimizer, gamma=0.5)
        >>> scheduler = SequentialLR(optimizer, [warmup, decay], milestones=[2])
        >>> rates = []
        >>> for epoch in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.5, 1.0, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        self._check_parts(self._checked_optimizer(optimizer), schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(milestones)} milestones for {len(schedulers)} schedulers, needs one less"
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        # Making the parts took a first step of each; take them back, and begin with the first part alone.
        for group in optimizer.param_groups:
            set_lr(group, group["initial_lr"])
        self._take_back()
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._first_step()
        self._last_lr = first.get_last_lr()

    def _take_back(self) -> None:
        for part in self._schedulers:
            if isinstance(part, SequentialLR):
                part._take_back()
            elif not isinstance(part, ChainedScheduler):
                part.last_epoch -= 1

    def _first_step(self) -> None:
        self._schedulers[0]._first_step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch.

        Raises:
            ValueError: an epoch is given.
        """
        if epoch is not None:
            raise ValueError("SequentialLR.step: takes no epoch")
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        part = self._schedulers[number]
        if number and self._milestones[number - 1] == self.last_epoch:
            part._go_to(0)
        else:
            part.step()
        self._last_lr = part.get_last_lr()


class ChainedScheduler(CompositeLR):
    """Follows several schedules at once; those that multiply the learning rate work together.

    Args:
        schedulers: the schedules, all of one optimizer.
        optimizer: the optimizer; that of the schedules unless given.

    Raises:
        ValueError: a schedule is of another optimizer, or there is none.
        TypeError: a schedule is none.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> schedules = tensorlib.optim.lr_scheduler
        >>> parts = [schedules.ExponentialLR(optimizer, 0.5), schedules.ConstantLR(optimizer, 0.5)]
        >>> scheduler = ChainedScheduler(parts)
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._check_parts(optimizer, schedulers)
        self._last_lr = self._current_lrs()

    def step(self, epoch: int | None = None) -> None:
        """Let each of the schedules take its step, in their order."""
        for part in self._schedulers:
            part.step(epoch)
        self._last_lr = self._current_lrs()
