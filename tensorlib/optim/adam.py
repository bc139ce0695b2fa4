"""Adam, with its variants AMSGrad and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib._xp import array_module, at
from tensorlib.errors import ArgumentError
from tensorlib.kernels.optim import adam_step
from tensorlib.optim.optimizer import Group, Optimizer, check_not_negative, next_step, step_count
from tensorlib.tensor import Tensor, wrap


class Adam(Optimizer):
    """Steps along the running mean of the gradients, divided by the root of the running mean of their squares.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        betas: what remains of the two running means in each step.
        eps: added to the denominator.
        weight_decay: multiple of the parameter that is added to its gradient.
        amsgrad: divide by the largest running mean of squares so far.
        maximize: go up instead of down.
        decoupled_weight_decay: shrink the parameter by `lr * weight_decay` instead, as AdamW does.

    Raises:
        ArgumentError: an option is negative, or a beta not below 1.

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; Reddi et al., "On the Convergence of Adam and
        Beyond", 2018.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = Adam([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "eps", "weight_decay")
        if not all(0.0 <= beta < 1.0 for beta in group["betas"]):
            raise ArgumentError(f"{type(self).__name__}: betas must be from 0 up to below 1, {group['betas']} given")

    def _update_group(self, group: Group) -> None:
        lr, betas, eps = float(group["lr"]), group["betas"], group["eps"]
        weight_decay, decoupled = group["weight_decay"], group["decoupled_weight_decay"]
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            with at(parameter._array):
                state = self.state[parameter] or self._first_state(parameter, group["amsgrad"])
                largest = state.get("max_exp_avg_sq")
                adam_step(
                    array_module(parameter._array),
                    parameter._array,
                    -gradient._array if group["maximize"] else gradient._array,
                    state["exp_avg"]._array,
                    state["exp_avg_sq"]._array,
                    None if largest is None else largest._array,
                    step=next_step(state),
                    lr=lr,
                    betas=betas,
                    eps=eps,
                    weight_decay=weight_decay,
                    decoupled=decoupled,
                )
            parameter._counter[0] += 1

    def _first_state(self, parameter: Tensor, amsgrad: bool) -> dict[str, Any]:
        state = self.state[parameter]
        state["step"] = step_count()
        xp = array_module(parameter._array)
        for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if amsgrad else ("exp_avg", "exp_avg_sq"):
            state[name] = wrap(xp.zeros_like(parameter._array))
        return state
