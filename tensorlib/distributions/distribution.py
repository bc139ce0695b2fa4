"""What all distributions have in common."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from tensorlib._xp import to_host
from tensorlib.autograd.modes import no_grad
from tensorlib.dims import as_shape
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.parameters import as_parameters
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.broadcasting import broadcast_shapes
from tensorlib.size import Size
from tensorlib.tensor import Tensor

Constraints = Mapping[str, Constraint]


class Distribution:
    """A batch of distributions of one family.

    The parameters broadcast to `batch_shape`, one distribution for each element; one sample of one distribution has
    the shape `event_shape`. What does not exist for a family raises NotImplementedError.

    Args:
        batch_shape: shape of the batch of distributions.
        event_shape: shape of one sample of one of them.
        validate_args: check parameters, and values given to `log_prob`; on unless switched off.

    Example:
        >>> normals = tensorlib.distributions.Normal(tensorlib.zeros(3), 1.0)
        >>> normals.batch_shape, normals.event_shape, normals.sample((2,)).shape
        (tensorlib.Size([3]), tensorlib.Size([]), tensorlib.Size([2, 3]))
    """

    has_rsample: ClassVar[bool] = False
    has_enumerate_support: ClassVar[bool] = False
    arg_constraints: ClassVar[Constraints] = {}
    _validate_args = True

    def __init__(
        self, batch_shape: tuple[int, ...] = (), event_shape: tuple[int, ...] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if name in vars(self):
                    self._require(name, constraint, vars(self)[name])

    def _keep(self, validate_args: bool | None, **parameters: Any) -> None:
        """Set up a distribution of single numbers, whose parameters broadcast."""
        tensors = as_parameters(type(self).__name__, *parameters.values())
        vars(self).update(zip(parameters, tensors, strict=True))
        Distribution.__init__(self, tensors[0].shape, (), validate_args)

    def _require(self, name: str, constraint: Constraint, value: Tensor) -> None:
        with no_grad():
            allowed = constraint.check(value)
        if not allowed.all():
            wrong = to_host(value._array)[~to_host(allowed._array)].tolist()[0]
            raise ArgumentError(f"{type(self).__name__}: {name} must satisfy {constraint}, but {wrong} does not")

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions made from now on check their arguments, unless told otherwise."""
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Size:
        """Shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """Shape of one sample of one distribution."""
        return self._event_shape

    @property
    def support(self) -> Constraint:
        """The set in which samples lie."""
        raise self._without("support")

    @property
    def mean(self) -> Tensor:
        """Mean of each distribution."""
        raise self._without("mean")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise self._without("mode")

    @property
    def variance(self) -> Tensor:
        """Variance of each distribution."""
        raise self._without("variance")

    @property
    def stddev(self) -> Tensor:
        """Standard deviation of each distribution."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Return samples of shape `sample_shape + batch_shape + event_shape`, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Return samples through which gradients flow to the parameters."""
        raise self._without("rsample")

    def sample_n(self, n: int) -> Tensor:
        """Return n samples: `sample((n,))`."""
        return self.sample((n,))

    def rsample_n(self, n: int) -> Tensor:
        """Return n samples through which gradients flow: `rsample((n,))`."""
        return self.rsample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the probability, or of its density, at a value.

        Raises:
            ArgumentError: the value is no tensor, or lies outside the support.
            ShapeError: its shape does not fit.
        """
        raise self._without("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of samples up to a value."""
        raise self._without("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """Return the value below which samples lie with a given probability: the inverse of `cdf`."""
        raise self._without("icdf")

    def entropy(self) -> Tensor:
        """Return the entropy of each distribution, in nats."""
        raise self._without("entropy")

    def perplexity(self) -> Tensor:
        """Return `exp(entropy())`."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values that samples can take, along a new first dimension.

        Args:
            expand: repeat them for each distribution of the batch; otherwise the batch's dimensions have length 1.
        """
        raise self._without("enumerate_support")

    def expand(self, batch_shape: Any) -> Self:
        """Return the same distributions for a batch shape to which theirs broadcasts.

        Raises:
            ShapeError: it does not.
        """
        shape = Size(as_shape("expand", batch_shape))
        expanded = copy.copy(self)
        for name, constraint in self.arg_constraints.items():
            if name in vars(self):
                parameter = vars(self)[name]
                event = parameter.shape[parameter.ndim - constraint.event_dim :]
                vars(expanded)[name] = parameter.expand(shape + event)
        expanded._batch_shape = shape
        return expanded

    def _shape_of(self, sample_shape: Any) -> Size:
        """Return the shape of samples."""
        return Size((*as_shape("sample", sample_shape), *self.batch_shape, *self.event_shape))

    def _checked(self, value: Tensor, what: str = "log_prob") -> None:
        """Check a value given to a method, if arguments are to be checked."""
        if not self._validate_args:
            return
        owner = type(self).__name__
        if not isinstance(value, Tensor):
            raise ArgumentError(f"{owner}: {what} needs a Tensor, not {type(value).__name__}")
        events = len(self.event_shape)
        if value.ndim < events or value.shape[value.ndim - events :] != self.event_shape:
            raise ShapeError(f"{owner}: {what} needs events of {self.event_shape}, not a value of {value.shape}")
        broadcast_shapes(value.shape[: value.ndim - events], self.batch_shape)
        self._require("a value", self.support, value)

    def _values(self, values: Tensor, expand: bool) -> Tensor:
        """Give the values of a support, along the first dimension, the dimensions of the batch."""
        values = values.reshape(-1, *(1 for _ in self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values

    def _without(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no {name}")

    def __repr__(self) -> str:
        known = [(name, vars(self)[name]) for name in self.arg_constraints if name in vars(self)]
        shown = [f"{name}: {value if value.numel() == 1 else value.shape}" for name, value in known]
        return f"{type(self).__name__}({', '.join(shown)})"
