"""How far to go along a direction: a search for a step that meets the strong Wolfe conditions.

The loss must fall enough for the length of the step, and the slope must flatten enough. Source: Nocedal and Wright,
"Numerical Optimization", algorithms 3.5 and 3.6, with the safeguards of Schmidt's minFunc, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ENOUGH_DECREASE = 1e-4  # of the loss, as a part of what the first slope promises
ENOUGH_FLATNESS = 0.9  # how much of the first slope may be left


@dataclass(frozen=True)
class Point:
    """What is known at one step along the direction.

    Attributes:
        step: how many times the direction it lies from the start.
        loss: the loss there.
        gradient: the gradient there, a flat array.
        slope: the gradient along the direction.
    """

    step: float
    loss: float
    gradient: Any
    slope: float


class StrongWolfe:
    """A search along a direction in which the loss falls.

    Args:
        evaluate: returns what is known at a step.
        start: what is known at step zero.
        shortest: steps that differ by less are the same.
        max_iterations: how many steps to try after the first.

    Attributes:
        evaluations: how many steps were tried.

    Example:
        >>> def evaluate(step):
        ...     return Point(step, (step - 1) ** 2, None, 2 * (step - 1))
        >>> StrongWolfe(evaluate, evaluate(0.0), shortest=1e-9, max_iterations=25).from_step(4.0).step
        1.0
    """

    def __init__(
        self, evaluate: Callable[[float], Point], start: Point, *, shortest: float, max_iterations: int
    ) -> None:
        self._evaluate = evaluate
        self.start = start
        self.shortest = shortest
        self.max_iterations = max_iterations
        self.evaluations = 0

    def from_step(self, step: float) -> Point:
        """Try a step and go on from there; returns the best point found where none meets the conditions."""
        previous, current = self.start, self._try(step)
        for iteration in range(self.max_iterations):
            too_far = not self._low_enough(current) or (iteration > 1 and current.loss >= previous.loss)
            if not too_far and self._flat_enough(current):
                return current
            if too_far or current.slope >= 0:
                return self._between(previous, current)
            bounds = current.step + 0.01 * (current.step - previous.step), current.step * 10
            previous, current = current, self._try(cubic_minimum(previous, current, bounds))
        return lower_first(self.start, current)[0]

    def _between(self, first: Point, second: Point) -> Point:
        """Narrow an interval that holds a good step."""
        low, high = lower_first(first, second)
        stuck = False
        while self.evaluations <= self.max_iterations:
            if abs(high.step - low.step) < self.shortest:
                break
            step, stuck = _away_from_ends(cubic_minimum(low, high), low.step, high.step, stuck)
            point = self._try(step)
            if not self._low_enough(point) or point.loss >= low.loss:
                low, high = lower_first(low, point)
                continue
            if self._flat_enough(point):
                return point
            if point.slope * (high.step - low.step) >= 0:
                high = low
            low = point
        return low

    def _try(self, step: float) -> Point:
        self.evaluations += 1
        return self._evaluate(step)

    def _low_enough(self, point: Point) -> bool:
        return point.loss <= self.start.loss + ENOUGH_DECREASE * point.step * self.start.slope

    def _flat_enough(self, point: Point) -> bool:
        return abs(point.slope) <= -ENOUGH_FLATNESS * self.start.slope


def lower_first(first: Point, second: Point) -> tuple[Point, Point]:
    """Return two points, that of the lower loss first."""
    return (first, second) if first.loss <= second.loss else (second, first)


def _away_from_ends(step: float, first: float, second: float, stuck: bool) -> tuple[float, bool]:
    """Move a step away from an end of its interval where steps keep ending up there; and tell whether they do."""
    left, right = min(first, second), max(first, second)
    margin = 0.1 * (right - left)
    if min(right - step, step - left) >= margin:
        return step, False
    if not stuck and left < step < right:
        return step, True
    return (right - margin if right - step < step - left else left + margin), False


def cubic_minimum(first: Point, second: Point, bounds: tuple[float, float] | None = None) -> float:
    """Return where the cubic through two points, with their slopes, is lowest within bounds.

    Args:
        first: one point.
        second: another.
        bounds: where to look; between the points unless given.

    Returns:
        The middle of the bounds where the cubic has no minimum.

    Example:
        >>> cubic_minimum(Point(0.0, 1.0, None, -2.0), Point(2.0, 1.0, None, 2.0))
        1.0
    """
    left, right = (first, second) if first.step <= second.step else (second, first)
    low, high = bounds or (left.step, right.step)
    mean = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.step - right.step)
    square = mean * mean - left.slope * right.slope
    root = math.sqrt(square) if square >= 0 else math.nan
    divisor = right.slope - left.slope + 2 * root
    if not math.isfinite(divisor) or divisor == 0:
        return (low + high) / 2
    lowest = right.step - (right.step - left.step) * ((right.slope + root - mean) / divisor)
    return min(max(lowest, low), high)
