"""Activation layers. Each applies the function of the same name in `functional`."""

from __future__ import annotations

from tensorlib.errors import ArgumentError
from tensorlib.nn import functional as F
from tensorlib.nn.module import Module
from tensorlib.tensor import Tensor


class _Inplace(Module):
    """An activation without options but `inplace`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the option."""
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """The larger of each element and 0.

    Example:
        >>> tensorlib.nn.ReLU()(tensorlib.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.relu(input, self.inplace)


class ReLU6(_Inplace):
    """Each element, at least 0 and at most 6.

    Example:
        >>> tensorlib.nn.ReLU6()(tensorlib.tensor([-1.0, 9.0]))
        tensor([0., 6.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.relu6(input, self.inplace)


class SiLU(_Inplace):
    """`x * sigmoid(x)`.

    Example:
        >>> tensorlib.nn.SiLU()(tensorlib.tensor([0.0, 2.0]))
        tensor([0.0000, 1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.silu(input, self.inplace)


class LeakyReLU(Module):
    """Each element, multiplied by `negative_slope` where it is negative.

    Example:
        >>> tensorlib.nn.LeakyReLU(0.5)(tensorlib.tensor([-1.0, 2.0]))
        tensor([-0.5000,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """Each element, or `alpha * (exp(x) - 1)` where it is negative.

    Example:
        >>> tensorlib.nn.ELU()(tensorlib.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """Each element, or the nearer bound where it is outside.

    Example:
        >>> tensorlib.nn.Hardtanh()(tensorlib.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if max_val <= min_val:
            raise ArgumentError(f"Hardtanh: max_val {max_val} must be above min_val {min_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """Each element times the probability that a standard normal variable is below it.

    Example:
        >>> tensorlib.nn.GELU()(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        result: Tensor = F.gelu(input, approximate=self.approximate)
        return result

    def extra_repr(self) -> str:
        """Return the option."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """`log(1 + exp(beta * x)) / beta`; the element itself where `beta * x` is above the threshold.

    Example:
        >>> tensorlib.nn.Softplus()(tensorlib.tensor([0.0]))
        tensor([0.6931])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        result: Tensor = F.softplus(input, beta=self.beta, threshold=self.threshold)
        return result

    def extra_repr(self) -> str:
        """Return the options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """`1 / (1 + exp(-x))`.

    Example:
        >>> tensorlib.nn.Sigmoid()(tensorlib.tensor([0.0]))
        tensor([0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        result: Tensor = F.sigmoid(input)
        return result


class LogSigmoid(Module):
    """`log(1 / (1 + exp(-x)))`.

    Example:
        >>> tensorlib.nn.LogSigmoid()(tensorlib.tensor([0.0]))
        tensor([-0.6931])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        result: Tensor = F.logsigmoid(input)
        return result


class Tanh(Module):
    """The hyperbolic tangent.

    Example:
        >>> tensorlib.nn.Tanh()(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        result: Tensor = F.tanh(input)
        return result


class _AlongDim(Module):
    """An activation along one dimension."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        """Return the dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """Positive numbers that add up to 1 along a dimension.

    Example:
        >>> tensorlib.nn.Softmax(dim=1)(tensorlib.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.softmax(input, self.dim)


class Softmin(_AlongDim):
    """The softmax of the negative.

    Example:
        >>> tensorlib.nn.Softmin(dim=1)(tensorlib.zeros(1, 2))
        tensor([[0.5000, 0.5000]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.softmin(input, self.dim)


class LogSoftmax(_AlongDim):
    """The logarithm of the softmax.

    Example:
        >>> tensorlib.nn.LogSoftmax(dim=1)(tensorlib.zeros(1, 2))
        tensor([[-0.6931, -0.6931]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the output, of the input's shape."""
        return F.log_softmax(input, self.dim)
