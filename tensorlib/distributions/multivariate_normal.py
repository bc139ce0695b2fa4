"""Normal distributions of vectors."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from tensorlib.autograd.modes import enable_grad
from tensorlib.creation import eye
from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.normal import LOG_ROOT_TWO_PI, standard_normal
from tensorlib.distributions.parameters import as_parameters
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.linalg import cholesky, solve_triangular
from tensorlib.ops.broadcasting import broadcast_shapes
from tensorlib.tensor import Tensor


class MultivariateNormal(Distribution):
    """Normal distributions of vectors of K numbers, by one of three matrices.

    Args:
        loc: means of shape (..., K).
        covariance_matrix: covariances of shape (..., K, K), positive definite.
        precision_matrix: inverses of covariances, instead.
        scale_tril: lower triangular matrices L of covariances `L @ L.mT`, instead; the cheapest.
        validate_args: check arguments.

    Raises:
        ArgumentError: not exactly one matrix is given.
        ShapeError: the shapes do not fit.

    Example:
        >>> normal = tensorlib.distributions.MultivariateNormal(tensorlib.zeros(2), tensorlib.eye(2))
        >>> normal.log_prob(tensorlib.zeros(2))
        tensor(-1.8379)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    loc: Tensor

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: matrix for name, matrix in matrices.items() if matrix is not None}
        if len(given) != 1:
            raise ArgumentError(f"MultivariateNormal: needs exactly one of {', '.join(matrices)}")
        ((name, matrix),) = given.items()
        (loc,) = as_parameters("MultivariateNormal", loc)
        (matrix,) = as_parameters("MultivariateNormal", matrix)
        if not loc.ndim or matrix.ndim < 2 or matrix.shape[-2:] != (loc.shape[-1], loc.shape[-1]):
            raise ShapeError(
                f"MultivariateNormal: needs loc of (..., K) and {name} of (..., K, K), "
                f"not {tuple(loc.shape)} and {tuple(matrix.shape)}"
            )
        batch, size = broadcast_shapes(loc.shape[:-1], matrix.shape[:-2]), loc.shape[-1:]
        self.loc = loc.expand(batch + size)
        vars(self)[name] = matrix.expand(batch + size + size)
        super().__init__(batch, size, validate_args)

    @cached_property
    def scale_tril(self) -> Tensor:
        """The lower triangular matrices."""
        with enable_grad():
            if "covariance_matrix" in vars(self):
                lower: Tensor = cholesky(self.covariance_matrix)
                return lower
            # With P = U U^T for an upper triangular U, the covariance is U^-T U^-1.
            upper = cholesky(self.precision_matrix.flip(-2, -1)).flip(-2, -1)
            identity = eye(self.event_shape[0], dtype=self.loc.dtype, device=self.loc.device)
            inverse: Tensor = solve_triangular(upper.mT, identity, upper=False)
            return inverse

    @cached_property
    def covariance_matrix(self) -> Tensor:
        """The covariances."""
        with enable_grad():
            return self.scale_tril @ self.scale_tril.mT

    @cached_property
    def precision_matrix(self) -> Tensor:
        """The inverses of the covariances."""
        with enable_grad():
            identity = eye(self.event_shape[0], dtype=self.loc.dtype, device=self.loc.device)
            inverse = self.whitened(identity)
            return inverse.mT @ inverse

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        variance: Tensor = self.scale_tril.square().sum(-1)
        return variance

    def whitened(self, columns: Tensor) -> Tensor:
        """Return the inverses of the lower triangular matrices times columns: of samples, columns of covariance 1."""
        found: Tensor = solve_triangular(self.scale_tril, columns, upper=False)
        return found

    def half_log_det(self) -> Tensor:
        """Return the logarithms of the determinants of the lower triangular matrices."""
        total: Tensor = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return total

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_normal(self._shape_of(sample_shape), self.loc)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        squares = self.whitened((value - self.loc).unsqueeze(-1)).square().sum((-2, -1))
        density: Tensor = -squares / 2 - self.half_log_det() - self.event_shape[0] * LOG_ROOT_TWO_PI
        return density

    def entropy(self) -> Tensor:
        entropy: Tensor = self.half_log_det() + self.event_shape[0] * (LOG_ROOT_TWO_PI + 0.5)
        return entropy
