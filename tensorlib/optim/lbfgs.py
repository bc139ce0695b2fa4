"""L-BFGS: Newton's method with what the last gradients tell of the curvature."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tensorlib._xp import array_module
from tensorlib.autograd.modes import enable_grad
from tensorlib.errors import ArgumentError
from tensorlib.optim.line_search import Point, StrongWolfe
from tensorlib.optim.optimizer import Group, Optimizer, check_not_negative
from tensorlib.tensor import Tensor, wrap

Array = Any
Closure = Callable[[], Any]
_LEAST_CURVATURE = 1e-10  # changes of the gradient that tell of less are not remembered


class LBFGS(Optimizer):
    """Steps along the gradient times an estimate of the inverse Hessian, which the last gradients and steps give.

    Each `step` takes several iterations, and calls its closure for each. All parameters are one group on one device.
    Besides the parameters it holds `2 * history_size` arrays of their size.

    Args:
        params: parameters.
        lr: the length of the steps, as a part of Newton's.
        max_iter: how many iterations a step takes at most.
        max_eval: how often a step calls its closure at most; 1.25 times `max_iter` unless given.
        tolerance_grad: stop where no element of the gradient is greater.
        tolerance_change: stop where neither the loss nor any parameter changes by more.
        history_size: how many gradients to remember.
        line_search_fn: "strong_wolfe" to search for the length of each step, None to take it as it is.

    Raises:
        ValueError: there is a second group, or an option is negative or unknown.

    References:
        Nocedal and Wright, "Numerical Optimization", algorithm 7.4.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([3.0, -1.0]))
        >>> optimizer = LBFGS([p], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((p - 1) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure).item()
        8.0
        >>> p.detach()
        tensor([1., 1.])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        if self.param_groups:
            raise ValueError("LBFGS: takes one group of parameters, a second is given")
        check_not_negative(self, group, "lr")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(
                f"LBFGS: line_search_fn must be 'strong_wolfe' or None, not {group['line_search_fn']!r}"
            )

    def step(self, closure: Closure | None = None) -> Any:
        """Take several iterations.

        Args:
            closure: computes the gradients anew and returns the loss; it has to reset the gradients first.

        Returns:
            What the closure returned at first.

        Raises:
            TypeError: there is no closure.
        """
        if closure is None:
            raise TypeError("LBFGS.step: needs a closure that computes the gradients anew and returns the loss")
        group, state = self.param_groups[0], self.state[self._parameters()[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        evaluations_before = state["func_evals"]
        first_loss = self._evaluate(closure)
        loss, gradient = float(first_loss), self._flat_gradient()
        for iteration in range(1, group["max_iter"] + 1):
            if abs(gradient).max() <= group["tolerance_grad"]:
                break
            state["n_iter"] += 1
            direction = self._direction(state, gradient, group["history_size"])
            length = float(group["lr"]) * (min(1.0, 1.0 / float(abs(gradient).sum())) if state["n_iter"] == 1 else 1.0)
            start = Point(0.0, loss, gradient, float(gradient @ direction))
            state.update(d=wrap(direction), t=length, prev_flat_grad=wrap(gradient.copy()), prev_loss=loss)
            if start.slope > -group["tolerance_change"]:
                break
            left = group["max_eval"] - (state["func_evals"] - evaluations_before)
            found = self._move(closure, direction, start, length, left, last=iteration == group["max_iter"])
            state["t"], loss, gradient = found.step, found.loss, found.gradient
            if state["func_evals"] - evaluations_before >= group["max_eval"] or self._settled(direction, start, found):
                break
        return first_loss

    def _settled(self, direction: Array, start: Point, found: Point) -> bool:
        """Whether an iteration changed too little for another."""
        tolerance = self.param_groups[0]["tolerance_change"]
        return bool(abs(direction * found.step).max() <= tolerance) or abs(found.loss - start.loss) < tolerance

    def _direction(self, state: dict[str, Any], gradient: Array, history_size: int) -> Array:
        """Note how the gradient changed along the last step, and return where to go."""
        if state["n_iter"] == 1:
            state.update(d=None, t=None, old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -gradient
        change = gradient - state["prev_flat_grad"]._array
        moved = state["d"]._array * float(state["t"])
        curvature = float(change @ moved)
        if curvature > _LEAST_CURVATURE:
            for name, value in (("old_dirs", wrap(change)), ("old_stps", wrap(moved)), ("ro", 1.0 / curvature)):
                if len(state[name]) >= history_size:
                    del state[name][0]
                state[name].append(value)
            state["H_diag"] = curvature / float(change @ change)
        changes, moves = ([tensor._array for tensor in state[name]] for name in ("old_dirs", "old_stps"))
        return newton_direction(gradient, changes, moves, [float(ro) for ro in state["ro"]], float(state["H_diag"]))

    def _move(
        self, closure: Closure, direction: Array, start: Point, length: float, evaluations: int, last: bool
    ) -> Point:
        """Change the parameters along a direction; returns what is known where they end up."""
        origin = [parameter._array.copy() for parameter in self._parameters()]

        def evaluate(step: float) -> Point:
            self._place(origin, direction, step)
            loss, gradient = float(self._evaluate(closure)), self._flat_gradient()
            return Point(step, loss, gradient, float(gradient @ direction))

        if self.param_groups[0]["line_search_fn"] is None:
            if not last:
                return evaluate(length)
            self._place(origin, direction, length)  # nobody would use the gradient
            return Point(length, start.loss, start.gradient, start.slope)
        shortest = self.param_groups[0]["tolerance_change"] / float(abs(direction).max())
        search = StrongWolfe(evaluate, start, shortest=shortest, max_iterations=evaluations)
        found = search.from_step(length)
        self._place(origin, direction, found.step)
        return found

    def _place(self, origin: list[Array], direction: Array, step: float) -> None:
        """Set the parameters to some steps along a direction from where they were."""
        end = 0
        for parameter, array in zip(self._parameters(), origin, strict=True):
            begin, end = end, end + array.size
            parameter._array[...] = array + step * direction[begin:end].reshape(array.shape)
            parameter._version[0] += 1

    def _evaluate(self, closure: Closure) -> Any:
        self.state[self._parameters()[0]]["func_evals"] += 1
        with enable_grad():
            return closure()

    def _flat_gradient(self) -> Array:
        parameters = self._parameters()
        xp = array_module(parameters[0]._array)
        flat = [
            xp.zeros(p._array.size, p._array.dtype) if p._grad is None else p._grad._array.reshape(-1)
            for p in parameters
        ]
        return xp.concatenate(flat)

    def _check_shapes(self, name: str, state: dict[int, dict[str, Any]]) -> None:
        total = sum(parameter.numel() for parameter in self._parameters())
        for key, value in state.get(0, {}).items():
            if isinstance(value, Tensor) and value.ndim and value.shape != (total,):
                raise ArgumentError(f"{name}: {key!r} has {value.numel()} elements, the parameters {total}")


def newton_direction(
    gradient: Array, changes: list[Array], moves: list[Array], inverses: list[float], scale: float
) -> Array:
    """Return minus the gradient times an estimate of the inverse Hessian, by the two-loop recursion.

    Args:
        gradient: a flat array.
        changes: how the gradient changed in the last steps, the oldest first.
        moves: those steps.
        inverses: one over the product of each change and its step.
        scale: the estimate to start from, a multiple of the identity.

    Example:
        >>> import numpy
        >>> change, move = numpy.array([4.0, 0.0]), numpy.array([1.0, 0.0])
        >>> newton_direction(numpy.array([4.0, 4.0]), [change], [move], [0.25], 0.25)
        array([-1., -1.])
    """
    direction, parts = -gradient, []
    for change, move, inverse in zip(reversed(changes), reversed(moves), reversed(inverses), strict=True):
        parts.append(float(move @ direction) * inverse)
        direction = direction - parts[-1] * change
    direction = direction * scale
    for change, move, inverse, part in zip(changes, moves, inverses, reversed(parts), strict=True):
        direction = direction + (part - float(change @ direction) * inverse) * move
    return direction
