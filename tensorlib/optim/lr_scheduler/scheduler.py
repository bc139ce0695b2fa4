"""LRScheduler: the base of all schedules, with the count of epochs, and saving and loading of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorlib.optim.optimizer import Group, Optimizer
from tensorlib.tensor import Tensor


class LRScheduler:
    """Changes the learning rates of an optimizer, epoch by epoch; a subclass says how, in `get_lr`.

    Args:
        optimizer: whose learning rates to change.
        last_epoch: the epoch to go on from; -1 starts anew, from the learning rates that the groups have.

    Attributes:
        base_lrs: the learning rates that the groups started from.
        last_epoch: the number of steps so far.

    Raises:
        TypeError: the optimizer is none.
        KeyError: it goes on from an epoch, and a group does not say what it started from.
    """

    _not_saved: tuple[str, ...] = ("optimizer",)
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = self._checked_optimizer(optimizer)
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: to go on from epoch {last_epoch}, group {k} needs 'initial_lr'; "
                    "load the optimizer's state first"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._first_step()

    def _checked_optimizer(self, optimizer: Any) -> Optimizer:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: needs an Optimizer, not {type(optimizer).__name__}")
        return optimizer

    def _first_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next epoch, or those of a given one."""
        self._step_count += 1
        self._go_to(epoch)

    def _go_to(self, epoch: int | None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._set_lrs(self.get_lr())
        else:
            self.last_epoch = epoch
            self._set_lrs(self._lrs_from_start())

    def get_lr(self) -> list[float]:
        """Return the learning rates of `last_epoch`, where those of the epoch before are set."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr(): define one that returns learning rates")

    def _lrs_from_start(self) -> list[float]:
        """Return the learning rates of `last_epoch`, whatever is set; schedules that build on it define this."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """Return the learning rates that were set last, one per group."""
        return self._last_lr

    def _current_lrs(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _set_lrs(self, lrs: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_lr(group, lr)
        self._last_lr = self._current_lrs()

    # -- saving and loading ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that the schedule has to remember, as a dictionary; the optimizer saves its own."""
        return {name: value for name, value in vars(self).items() if name not in self._not_saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned.

        Raises:
            TypeError: it is no dictionary.
        """
        self.__dict__.update(self._checked_state(state_dict))

    def _checked_state(self, state_dict: Any) -> dict[str, Any]:
        if not isinstance(state_dict, Mapping):
            name, given = type(self).__name__, type(state_dict).__name__
            raise TypeError(f"{name}.load_state_dict: needs a dictionary, not {given}")
        return {name: value for name, value in state_dict.items() if name not in self._not_saved}


def set_lr(group: Group, lr: float) -> None:
    """Set the learning rate of a group; one that is a tensor stays the same tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def one_per_group(scheduler: object, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """Return a list of values, or one value repeated for each group.

    Raises:
        ValueError: the list has another length.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{type(scheduler).__name__}: {len(value)} values of {name} given, but {count} groups")
    return list(value)
