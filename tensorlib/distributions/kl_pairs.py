"""The Kullback-Leibler divergences that are known in closed form."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.distributions.bernoulli import Bernoulli
from tensorlib.distributions.beta import Beta, Dirichlet
from tensorlib.distributions.categorical import Categorical, OneHotCategorical
from tensorlib.distributions.counts import Binomial, Geometric, Poisson
from tensorlib.distributions.exponential import EULER_GAMMA, Exponential, Pareto
from tensorlib.distributions.gamma import Gamma
from tensorlib.distributions.independent import Independent, summed
from tensorlib.distributions.kl import kl_divergence, register_kl
from tensorlib.distributions.location_scale import Cauchy, Gumbel, Laplace
from tensorlib.distributions.multivariate_normal import MultivariateNormal
from tensorlib.distributions.normal import LOG_ROOT_TWO_PI, HalfNormal, LogNormal, Normal
from tensorlib.distributions.parameters import lowest, softplus
from tensorlib.distributions.uniform import Uniform
from tensorlib.errors import ArgumentError
from tensorlib.special import erf
from tensorlib.tensor import Tensor


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log()) / 2


@register_kl(LogNormal, LogNormal)
def _log_normal(p: LogNormal, q: LogNormal) -> Tensor:
    return _normal(p._of_logarithms, q._of_logarithms)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p._of_both_signs, q._of_both_signs)


@register_kl(Beta, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Pareto, Normal)
@register_kl(Uniform, Normal)
def _from_normal(p: Any, q: Normal) -> Tensor:
    """The density of q depends on the mean and the variance alone."""
    squares = (p.variance + (p.mean - q.loc) ** 2) / q.scale**2
    divergence: Tensor = squares / 2 + q.scale.log() + LOG_ROOT_TWO_PI - p.entropy()
    return divergence


@register_kl(Beta, Exponential)
@register_kl(Exponential, Exponential)
@register_kl(Gamma, Exponential)
@register_kl(Pareto, Exponential)
def _from_exponential(p: Any, q: Exponential) -> Tensor:
    """The density of q depends on the mean alone."""
    divergence: Tensor = q.rate * p.mean - q.rate.log() - p.entropy()
    return divergence


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    mean_of_log = p.concentration.digamma() - p.rate.log()
    return _from_gamma(p, q, mean_of_log)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return _from_gamma(p, q, -EULER_GAMMA - p.rate.log())


def _from_gamma(p: Any, q: Gamma, mean_of_log: Tensor) -> Tensor:
    a = q.concentration
    density = a * q.rate.log() - a.lgamma() + (a - 1) * mean_of_log - q.rate * p.mean
    divergence: Tensor = -density - p.entropy()
    return divergence


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    distance = p.loc - q.loc
    z = distance / (math.sqrt(2) * p.scale)
    mean_distance = p.scale * math.sqrt(2 / math.pi) * (-(z**2)).exp() + distance * erf(z)
    divergence: Tensor = (2 * q.scale).log() + mean_distance / q.scale - p.entropy()
    return divergence


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    squares = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return squares.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, loc = p.scale / q.scale, (q.loc - p.loc) / q.scale
    return -ratio.log() - loc + ratio * EULER_GAMMA + (loc + (1 + ratio).lgamma()).exp() - (1 + EULER_GAMMA)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    divergence = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return divergence.masked_fill(p.scale < q.scale, math.inf)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    divergence = ((q.high - q.low) / (p.high - p.low)).log()
    return divergence.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1, keepdim=True)
    normalizers = total[..., 0].lgamma() - b.sum(-1).lgamma() + (b.lgamma() - a.lgamma()).sum(-1)
    divergence: Tensor = normalizers + ((a - b) * (a.digamma() - total.digamma())).sum(-1)
    return divergence


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._of_both, q._of_both)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    difference = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    divergence = difference + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    impossible = ((q.probs == 0) & (p.probs > 0)) | ((q.probs == 1) & (p.probs < 1))
    return divergence.masked_fill(impossible, math.inf)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if not (p.total_count == q.total_count).all():
        raise ArgumentError("kl_divergence: two binomial distributions must have the same total_count")
    of_one = [Bernoulli(each.probs, validate_args=False) for each in (p, q)]
    return p.total_count * _bernoulli(of_one[0], of_one[1])


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() * p.mean - q.probs.log()


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate.xlogy(p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
@register_kl(OneHotCategorical, OneHotCategorical)
def _categorical(p: Any, q: Any) -> Tensor:
    mine, other = (each.logits.clamp(min=lowest(each.logits)) for each in (p, q))
    divergence: Tensor = (p.probs * (mine - other)).sum(-1)
    return divergence.masked_fill(((q.probs == 0) & (p.probs > 0)).any(-1), math.inf)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("kl_divergence: needs as many dimensions in the events of both Independent")
    return summed(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    trace = q.whitened(p.scale_tril).square().sum((-2, -1))
    distance = q.whitened((q.loc - p.loc).unsqueeze(-1)).square().sum((-2, -1))
    divergence: Tensor = q.half_log_det() - p.half_log_det() + (trace + distance - p.event_shape[0]) / 2
    return divergence
