"""Parameters: tensors that a module owns and an optimizer trains."""

from __future__ import annotations

from tensorlib.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module registers as its own when it is assigned as an attribute.

    Args:
        data: a tensor, whose memory it shares; an empty one unless given.
        requires_grad: whether gradients are computed for it.

    Raises:
        TypeError: `data` is no tensor, or its type has no gradients and `requires_grad` is not False.

    Example:
        >>> weight = tensorlib.nn.Parameter(tensorlib.zeros(2))
        >>> weight.requires_grad, isinstance(weight, tensorlib.Tensor)
        (True, True)
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            super().__init__(requires_grad=requires_grad)
            return
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter: data must be a Tensor, not {type(data).__name__}")
        super().__init__(data)
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that a module keeps beside its parameters when it is assigned as an attribute.

    Args:
        data: a tensor, whose memory it shares; an empty one unless given.
        persistent: whether it is part of the module's `state_dict`.

    Example:
        >>> tensorlib.nn.Buffer(tensorlib.zeros(2)).persistent
        True
    """

    persistent: bool

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        if data is None:
            super().__init__()
        elif isinstance(data, Tensor):
            super().__init__(data)
        else:
            raise TypeError(f"Buffer: data must be a Tensor, not {type(data).__name__}")
        self.persistent = persistent
