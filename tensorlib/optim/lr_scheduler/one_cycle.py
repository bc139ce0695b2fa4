"""OneCycleLR: up once and down once in a whole training."""

from __future__ import annotations

import math
from collections.abc import Callable

from tensorlib.optim.lr_scheduler.cyclic import check_momentum, set_momentum
from tensorlib.optim.lr_scheduler.scheduler import LRScheduler, one_per_group
from tensorlib.optim.optimizer import Group, Optimizer

# name of a phase's last batch and the options of a group that it leads from and to: learning rate, momentum
Phase = tuple[float, str, str, str, str]


class OneCycleLR(LRScheduler):
    """Goes from a small learning rate to the greatest and down to a tiny one; `step` is called after each batch.

    Args:
        optimizer: whose learning rates to change.
        max_lr: the greatest learning rate, or one per group.
        total_steps: how many batches there are; or else give `epochs` and `steps_per_epoch`.
        epochs: how many epochs there are.
        steps_per_epoch: how many batches an epoch has.
        pct_start: the part of the batches in which the learning rate rises, from 0 to 1.
        anneal_strategy: "cos" or "linear", the form of rise and fall.
        cycle_momentum: move momentum, or Adam's first beta, the other way.
        base_momentum: the smallest momentum, or one per group.
        max_momentum: the greatest momentum, or one per group.
        div_factor: how many times smaller than the greatest the first learning rate is.
        final_div_factor: how many times smaller than the first the last learning rate is.
        three_phase: fall as steeply as rising to the first learning rate, and then on to the last.
        last_epoch: the batch to go on from; -1 starts anew.

    Raises:
        ValueError: an option is out of its range, the optimizer has no momentum, or there are more steps than told.

    References:
        Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018.

    Example:
        >>> optimizer = tensorlib.optim.SGD([tensorlib.nn.Parameter(tensorlib.ones(1))], lr=1.0, momentum=0.9)
        >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear")
        >>> scheduler.get_last_lr()
        [0.04]
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.52]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        optimizer = self._checked_optimizer(optimizer)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be between 0 and 1, {pct_start} given")
        if anneal_strategy not in _ANNEALING:
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}")
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        self.pct_start = pct_start
        self.three_phase = three_phase
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        highest = one_per_group(self, "max_lr", max_lr, optimizer)
        momenta = [(0.0, 0.0)] * len(highest)
        if cycle_momentum:
            check_momentum(self, optimizer)
            lows = one_per_group(self, "base_momentum", base_momentum, optimizer)
            momenta = list(zip(lows, one_per_group(self, "max_momentum", max_momentum, optimizer), strict=True))
        if last_epoch == -1:
            for group, lr, momentum in zip(optimizer.param_groups, highest, momenta, strict=True):
                first = lr / div_factor
                group.update(initial_lr=first, max_lr=lr, min_lr=first / final_div_factor)
                if cycle_momentum:
                    group.update(base_momentum=momentum[0], max_momentum=momentum[1])
        super().__init__(optimizer, last_epoch)

    def _phases(self) -> list[Phase]:
        first, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        rise = (first, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not self.three_phase:
            return [rise, (last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        return [
            rise,
            (2 * self.pct_start * self.total_steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (last, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]

    def get_lr(self) -> list[float]:
        """Return the learning rates of batch `last_epoch`, and set the momentum of it.

        Raises:
            ValueError: there were more steps than told.
        """
        if self.last_epoch > self.total_steps:
            raise ValueError(f"OneCycleLR: step {self.last_epoch} of {self.total_steps}: there are no more steps")
        phases, start = self._phases(), 0.0
        while len(phases) > 1 and self.last_epoch > phases[0][0]:
            start = phases.pop(0)[0]
        part = (self.last_epoch - start) / (phases[0][0] - start)
        return [self._between(group, phases[0], part) for group in self.optimizer.param_groups]

    def _between(self, group: Group, phase: Phase, part: float) -> float:
        """Set a group's momentum and return its learning rate, after a part of a phase."""
        _, lr_from, lr_to, momentum_from, momentum_to = phase
        anneal = _ANNEALING[self._anneal_func_type]
        if self.cycle_momentum:
            set_momentum(group, anneal(group[momentum_from], group[momentum_to], part))
        return anneal(group[lr_from], group[lr_to], part)


_ANNEALING: dict[str, Callable[[float, float, float], float]] = {
    "cos": lambda start, end, part: end + (start - end) / 2 * (1 + math.cos(math.pi * part)),
    "linear": lambda start, end, part: start + (end - start) * part,
}


def _total_steps(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR: needs total_steps, or epochs and steps_per_epoch")
        total_steps = epochs * steps_per_epoch
    if not isinstance(total_steps, int) or total_steps <= 0:
        raise ValueError(f"OneCycleLR: the number of steps must be a positive integer, {total_steps!r} given")
    return total_steps
