"""ReduceLROnPlateau: less when nothing gets better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorlib.optim.lr_scheduler.scheduler import LRScheduler, one_per_group, set_lr
from tensorlib.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the learning rates by a factor when a metric has not got better for some epochs.

    Args:
        optimizer: whose learning rates to change.
        mode: "min" where less is better, "max" where more is.
        factor: what to multiply by, below 1.
        patience: how many epochs without improvement to bear.
        threshold: by how much a metric must be better than the best to count as better.
        threshold_mode: "rel" for a part of the best, "abs" for a number.
        cooldown: how many epochs to wait after a change.
        min_lr: the smallest learning rate, or one per group.
        eps: leave a learning rate as it is where it would change by no more.
        verbose: print a line at each change.

    Raises:
        ValueError: the factor is not below 1, a mode is unknown, or there are more or fewer values than groups.
        TypeError: the optimizer is none.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0)
        >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.5):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
        *,
        verbose: bool = False,
    ) -> None:
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, {factor} given")
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', not {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', not {threshold_mode!r}")
        self.optimizer = self._checked_optimizer(optimizer)
        self.min_lrs: list[float] = one_per_group(self, "min_lr", min_lr, optimizer)
        self.default_min_lr = min_lr if isinstance(min_lr, (int, float)) else None
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.verbose = verbose
        self.last_epoch = 0
        self.best = self.mode_worse = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self._last_lr = self._current_lrs()

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override] # it needs the metric
        """Take note of an epoch's metric, and reduce the learning rates where it is time.

        Args:
            metrics: a number, or a tensor of one element.
            epoch: its number; the next one unless given.
        """
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._current_lrs()

    @property
    def in_cooldown(self) -> bool:
        """Whether the last change is too recent for another."""
        return self.cooldown_counter > 0

    def _is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        margin = self.threshold if self.threshold_mode == "abs" else self.threshold * self.best
        if math.isinf(self.best):
            return sign * metric > sign * self.best
        return sign * metric > sign * (self.best + sign * margin)

    def _reduce(self) -> None:
        if len(self.min_lrs) != len(self.optimizer.param_groups):  # a group was added
            given = self.min_lrs if self.default_min_lr is None else self.default_min_lr
            self.min_lrs = one_per_group(self, "min_lr", given, self.optimizer)
        for k, (group, lowest) in enumerate(zip(self.optimizer.param_groups, self.min_lrs, strict=True)):
            before = float(group["lr"])
            after = max(before * self.factor, lowest)
            if before - after > self.eps:
                set_lr(group, after)
                if self.verbose:
                    print(f"Epoch {self.last_epoch}: reducing learning rate of group {k} to {after:.4e}.")
