"""Loss layers. Each applies the function of the same name in `functional`, where the formula is."""

from __future__ import annotations

from typing import Any

from tensorlib.nn import functional as F
from tensorlib.nn.module import Module
from tensorlib.ops.loss import reduction_of
from tensorlib.tensor import Tensor


class _Loss(Module):
    """What the losses share.

    Args:
        size_average: older way to say "mean" or, if False, "sum".
        reduce: False is an older way to say "none".
        reduction: "none", "mean" or "sum": what is done with the losses of the elements.
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction_of(type(self).__name__, size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """What the losses with a weight share."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """Absolute difference of input and target.

    Example:
        >>> tensorlib.nn.L1Loss()(tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([0.0, 5.0]))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of an input and a target of one shape."""
        result: Tensor = F.l1_loss(input, target, reduction=self.reduction)
        return result


class MSELoss(_Loss):
    """Squared difference of input and target.

    Example:
        >>> tensorlib.nn.MSELoss()(tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([0.0, 5.0]))
        tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of an input and a target of one shape."""
        result: Tensor = F.mse_loss(input, target, reduction=self.reduction)
        return result


class BCEWithLogitsLoss(_WeightedLoss):
    """Cross entropy of probabilities given as logits, for targets from 0 to 1; computed without overflow.

    Args:
        weight: factors of the elements' losses, which broadcast with them.
        size_average: older way to say "mean" or, if False, "sum".
        reduce: False is an older way to say "none".
        reduction: "none", "mean" or "sum": what is done with the losses of the elements.
        pos_weight: factors of the targets' share, which broadcast with the input.

    Example:
        >>> tensorlib.nn.BCEWithLogitsLoss()(tensorlib.tensor([0.0]), tensorlib.tensor([1.0]))
        tensor(0.6931)
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits and targets of one shape."""
        options: dict[str, Any] = {"weight": self.weight, "pos_weight": self.pos_weight, "reduction": self.reduction}
        result: Tensor = F.binary_cross_entropy_with_logits(input, target, **options)
        return result


class NLLLoss(_WeightedLoss):
    """Minus the log-probability of the right class.

    Args:
        weight: a factor for each class.
        size_average: older way to say "mean" or, if False, "sum".
        ignore_index: a target that does not count.
        reduce: False is an older way to say "none".
        reduction: "none", "mean" (of what counts, weighted) or "sum": what is done with the losses of the elements.

    Example:
        >>> tensorlib.nn.NLLLoss()(tensorlib.tensor([[-1.0, -2.0]]), tensorlib.tensor([1]))
        tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of log-probabilities (N, C, ...) and classes (N, ...)."""
        options: dict[str, Any] = {"ignore_index": self.ignore_index, "reduction": self.reduction}
        result: Tensor = F.nll_loss(input, target, weight=self.weight, **options)
        return result


class CrossEntropyLoss(_WeightedLoss):
    """Minus the log-probability of the right class, for scores of which the softmax is taken.

    Args:
        weight: a factor for each class.
        size_average: older way to say "mean" or, if False, "sum".
        ignore_index: a target that does not count.
        reduce: False is an older way to say "none".
        reduction: "none", "mean" (of what counts, weighted) or "sum": what is done with the losses of the elements.
        label_smoothing: the share of the target that is spread over all classes.

    Example:
        >>> tensorlib.nn.CrossEntropyLoss()(tensorlib.tensor([[0.0, 0.0]]), tensorlib.tensor([1]))
        tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of scores (N, C, ...) and classes (N, ...), or probabilities of the input's shape."""
        options: dict[str, Any] = {
            "ignore_index": self.ignore_index,
            "reduction": self.reduction,
            "label_smoothing": self.label_smoothing,
        }
        result: Tensor = F.cross_entropy(input, target, weight=self.weight, **options)
        return result
