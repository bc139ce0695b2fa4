"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorlib._xp import array_module, at
from tensorlib.errors import ArgumentError
from tensorlib.kernels.optim import sgd_step
from tensorlib.layouts import Sparse
from tensorlib.optim.optimizer import Group, Optimizer, check_not_negative
from tensorlib.tensor import Tensor, wrap


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for: `v = momentum * v + g; p = p - lr * v`.

    Args:
        params: parameters, or groups of them as dictionaries.
        lr: learning rate.
        momentum: what remains of the buffer `v` in each step.
        dampening: what is held back of the gradient when it is added to the buffer.
        weight_decay: multiple of the parameter that is added to its gradient.
        nesterov: step along `g + momentum * v` instead of `v`; needs a momentum and no dampening.
        maximize: go up instead of down.

    Gradients may be sparse: only the rows that they store are changed, and the momentum buffer is sparse too.

    Raises:
        ArgumentError: an option is negative, nesterov's needs are not met, or weight decay met a sparse gradient.

    References:
        Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013; here, as in
        PyTorch, the learning rate multiplies the buffer, not what is added to it.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.tensor([1.0]))
        >>> optimizer = SGD([p], lr=0.1)
        >>> (p * p).sum().backward()
        >>> optimizer.step()
        >>> p.detach()
        tensor([0.8000])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_options(self, group: Group) -> None:
        check_not_negative(self, group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum > 0 and no dampening, "
                f"given are momentum {group['momentum']} and dampening {group['dampening']}"
            )

    def _update_group(self, group: Group) -> None:
        lr, momentum = float(group["lr"]), group["momentum"]
        dampening, weight_decay, nesterov = group["dampening"], group["weight_decay"], group["nesterov"]
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            if isinstance(gradient, Sparse):
                self._update_sparsely(group, parameter, gradient)
                continue
            with at(parameter._array):
                array, buffer, first = parameter._array, None, False
                xp = array_module(array)
                if momentum:
                    state = self.state[parameter]
                    first = state.get("momentum_buffer") is None
                    if first:
                        state["momentum_buffer"] = wrap(xp.empty_like(array))
                    buffer = state["momentum_buffer"]._array
                sgd_step(
                    xp,
                    array,
                    -gradient._array if group["maximize"] else gradient._array,
                    buffer,
                    lr=lr,
                    momentum=momentum,
                    dampening=dampening,
                    weight_decay=weight_decay,
                    nesterov=nesterov,
                    first=first,
                )
            parameter._counter[0] += 1

    def _update_sparsely(self, group: Group, parameter: Tensor, gradient: Any) -> None:
        """Do the same with a sparse gradient and a sparse buffer: rows that neither stores are left alone."""
        from tensorlib.sparse.strided import add_into

        if group["weight_decay"]:
            raise ArgumentError("SGD: weight_decay does not go with sparse gradients, as it would change all rows")
        step = (-gradient if group["maximize"] else gradient).detach().coalesce()
        if group["momentum"]:
            state = self.state[parameter]
            before, fresh = state.get("momentum_buffer"), step * (1 - group["dampening"])
            buffer = step.clone() if before is None else before * group["momentum"] + fresh
            state["momentum_buffer"] = buffer
            step = step + buffer * group["momentum"] if group["nesterov"] else buffer
        add_into(parameter._array, step, -float(group["lr"]))
        parameter._counter[0] += 1
