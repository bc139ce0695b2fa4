"""Distributions over categories, and over vectors with a one in the place of a category."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from tensorlib.creation import full, zeros
from tensorlib.dims import as_shape
from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.parameters import CategoryProbabilities, as_parameters, given_one, lowest, ones_at
from tensorlib.errors import ShapeError
from tensorlib.size import Size
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor


def normalized(owner: str, probs: Any, logits: Any) -> tuple[str, Tensor]:
    """Return which of both is given, and it made to stand for probabilities whose sum is 1.

    Raises:
        ArgumentError: not exactly one is given.
        ShapeError: it has no dimension for the categories.
    """
    name = given_one(owner, probs, logits)
    (given,) = as_parameters(owner, probs if name == "probs" else logits)
    if not given.ndim or not given.shape[-1]:
        raise ShapeError(f"{owner}: {name} needs a last dimension of categories, not the shape {tuple(given.shape)}")
    return name, given / given.sum(-1, keepdim=True) if name == "probs" else given - given.logsumexp(-1, keepdim=True)


class Categorical(CategoryProbabilities, Distribution):
    """Distributions over the categories 0, ..., K - 1.

    Args:
        probs: weights of shape (..., K), not negative; they are divided by their sum.
        logits: logarithms of weights, instead.
        validate_args: check arguments.

    Example:
        >>> chosen = tensorlib.distributions.Categorical(tensorlib.tensor([1.0, 3.0]))
        >>> chosen.log_prob(tensorlib.tensor(1)).exp(), chosen.entropy()
        (tensor(0.7500), tensor(0.5623))
    """

    has_enumerate_support = True
    arg_constraints: ClassVar[Constraints] = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name, given = normalized(type(self).__name__, probs, logits)
        vars(self)[name] = self._param = given
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], (), validate_args)

    def expand(self, batch_shape: Any) -> Self:
        expanded = super().expand(batch_shape)
        expanded._param = vars(expanded)["probs" if "probs" in vars(expanded) else "logits"]
        return expanded

    @property
    def param_shape(self) -> Size:
        """Shape of the probabilities."""
        return self._param.shape

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return full(self.batch_shape, float("nan"), dtype=self._param.dtype, device=self._param.device)

    @property
    def variance(self) -> Tensor:
        return self.mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = Size(as_shape("sample", sample_shape))
        if not (shape + self.batch_shape).numel():
            return zeros(shape + self.batch_shape, dtype="int64", device=self._param.device)
        rows = self.probs.detach().reshape(-1, self._num_events)
        return rows.multinomial(shape.numel(), True).t().reshape(shape + self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        index = value.long().unsqueeze(-1)
        shape = (index[..., 0] + self.logits[..., 0].detach()).shape
        return self.logits.expand(*shape, -1).gather(-1, index.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=lowest(self.logits))
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._values(arange(self._num_events, device=self._param.device), expand)


class OneHotCategorical(CategoryProbabilities, Distribution):
    """Distributions over vectors that have a 1 in the place of a category, and otherwise zeros.

    Args:
        probs: weights of shape (..., K), not negative; they are divided by their sum.
        logits: logarithms of weights, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.OneHotCategorical(tensorlib.tensor([0.0, 1.0])).sample()
        tensor([0., 1.])
    """

    has_enumerate_support = True
    arg_constraints: ClassVar[Constraints] = Categorical.arg_constraints

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name, given = normalized(type(self).__name__, probs, logits)
        vars(self)[name] = given
        super().__init__(given.shape[:-1], given.shape[-1:], validate_args)

    @property
    def _of_categories(self) -> Categorical:
        known = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        return Categorical(**dict(list(known.items())[:1]), validate_args=False)

    def _ones_at(self, index: Tensor) -> Tensor:
        return ones_at(index, self.event_shape[0], self.probs.dtype)

    @property
    def param_shape(self) -> Size:
        """Shape of the probabilities."""
        return self.probs.shape

    @property
    def support(self) -> Constraint:
        return constraints.one_hot

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._ones_at(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._ones_at(self._of_categories.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self._of_categories.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._of_categories.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._ones_at(self._of_categories.enumerate_support(expand))


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot distributions whose samples have the gradient of the probabilities (Bengio, Leonard, Courville 2013).

    Args:
        probs: weights of shape (..., K), not negative; they are divided by their sum.
        logits: logarithms of weights, instead.
        validate_args: check arguments.

    Example:
        >>> weights = tensorlib.tensor([0.0, 1.0], requires_grad=True)
        >>> tensorlib.distributions.OneHotCategoricalStraightThrough(weights).rsample().requires_grad
        True
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
