"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.autograd.modes import no_grad
from tensorlib.creation import empty
from tensorlib.errors import ArgumentError
from tensorlib.nn import functional as F
from tensorlib.nn import init
from tensorlib.nn.module import Module
from tensorlib.nn.parameter import Parameter
from tensorlib.tensor import Tensor


class Linear(Module):
    """Computes `x @ weight.T + bias`.

    Args:
        in_features: length of the last dimension of the input.
        out_features: length of the last dimension of the output.
        bias: whether there is a bias.
        device: where the parameters are.
        dtype: type of the parameters.

    Attributes:
        weight: (out_features, in_features), at first uniform between -1 / sqrt(in_features) and 1 / sqrt(in_features).
        bias: (out_features,), at first from the same distribution; or None.

    Example:
        >>> tensorlib.nn.Linear(20, 30)(tensorlib.ones(128, 20)).shape
        tensorlib.Size([128, 30])
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.bias: Parameter | None
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Return the output for an input (..., in_features)."""
        result: Tensor = F.linear(input, self.weight, self.bias)
        return result

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """Returns its input; takes and forgets any arguments.

    Example:
        >>> tensorlib.nn.Identity(54, unused=True)(3)
        3
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class Flatten(Module):
    """Makes one dimension of several: all but the first, unless told otherwise.

    Args:
        start_dim: the first of them.
        end_dim: the last of them.

    Example:
        >>> tensorlib.nn.Flatten()(tensorlib.ones(2, 3, 4)).shape
        tensorlib.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the input in its new shape."""
        result: Tensor = input.flatten(self.start_dim, self.end_dim)
        return result

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Embedding(Module):
    """Returns rows of a table by their numbers.

    Args:
        num_embeddings: number of rows.
        embedding_dim: their length.
        padding_idx: a row that is zero at first, and gets no gradient.
        max_norm: rows that are named and whose norm is larger are first scaled to it, in place.
        norm_type: which norm is meant.
        scale_grad_by_freq: divide the gradient of each row by how often the row is named.
        sparse: make the gradient of the table a sparse tensor; `optim.SGD` takes it.
        device: where the table is.
        dtype: type of the table.

    Attributes:
        weight: (num_embeddings, embedding_dim), at first normal with mean 0 and variance 1.

    Example:
        >>> tensorlib.nn.Embedding(10, 3)(tensorlib.tensor([[1, 2], [4, 5]])).shape
        tensorlib.Size([2, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(f"Embedding: padding_idx {padding_idx} is out of range for {num_embeddings} rows")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows that `input` names."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Return the sizes."""
        usual = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False}
        given = [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *given])
