"""Kullback-Leibler divergences between families: infinite ones, and those that are known in closed form."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.distributions.bernoulli import Bernoulli
from tensorlib.distributions.beta import Beta
from tensorlib.distributions.counts import Binomial, Poisson
from tensorlib.distributions.exponential import Exponential, Pareto
from tensorlib.distributions.gamma import Gamma
from tensorlib.distributions.independent import summed
from tensorlib.distributions.kl import kl_divergence, register_kl
from tensorlib.distributions.location_scale import Gumbel, Laplace
from tensorlib.distributions.normal import Normal
from tensorlib.distributions.transformed import TransformedDistribution
from tensorlib.distributions.uniform import Uniform
from tensorlib.ops.broadcasting import broadcast_shapes
from tensorlib.tensor import Tensor

# What the first ones may give, the second ones never do.
WIDER = {
    (Normal, Laplace, Gumbel): (Beta, Exponential, Gamma, Pareto, Uniform),
    (Exponential, Gamma): (Beta, Pareto, Uniform),
    (Pareto,): (Beta, Uniform),
    (Beta,): (Pareto,),
    (Poisson,): (Bernoulli, Binomial),
}


def _infinite(p: Any, q: Any) -> Tensor:
    """The support of p is never within that of q."""
    result: Tensor = p.mean.new_full(broadcast_shapes(p.batch_shape, q.batch_shape), math.inf)
    return result


for _first, _second in WIDER.items():
    for _type_p in _first:
        for _type_q in _second:
            register_kl(_type_p, _type_q)(_infinite)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log() - p.entropy()


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    return _from_gumbel(p, q, p.rate / (p.rate + 1 / q.scale))


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    return _from_gumbel(p, q, (p.rate / (p.rate + 1 / q.scale)) ** p.concentration)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    return _from_gumbel(p, q, ((p.scale / q.scale) ** 2 / 2 - p.loc / q.scale).exp())


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    ends = (-p.low / q.scale).exp() - (-p.high / q.scale).exp()
    return _from_gumbel(p, q, ends * q.scale / (p.high - p.low))


def _from_gumbel(p: Any, q: Gumbel, decay: Tensor) -> Tensor:
    """The density of q depends on the mean of x and on that of exp(-x / scale), which is `decay`."""
    divergence: Tensor = (p.mean - q.loc) / q.scale + (q.loc / q.scale).exp() * decay + q.scale.log() - p.entropy()
    return divergence


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    a, b = p.concentration1, p.concentration0
    return _from_gamma(p, q, a.digamma() - (a + b).digamma())


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    return _from_gamma(p, q, p.scale.log() + 1 / p.alpha)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    return _from_gamma(p, q, _mean_of_log(p.low, p.high)).masked_fill(p.low < 0, math.inf)


def _from_gamma(p: Any, q: Gamma, mean_of_log: Tensor) -> Tensor:
    a = q.concentration
    density = a * q.rate.log() - a.lgamma() + (a - 1) * mean_of_log - q.rate * p.mean
    divergence: Tensor = -density - p.entropy()
    return divergence


def _mean_of_log(low: Tensor, high: Tensor) -> Tensor:
    """Return the mean of the logarithm of a number that is uniform between two."""
    result: Tensor = (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1
    return result


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    divergence = (q.high - q.low).log() - p.entropy()
    return divergence.masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    powers = (a - 1) * _mean_of_log(p.low, p.high) + (b - 1) * _mean_of_log(1 - p.high, 1 - p.low)
    divergence = a.lgamma() + b.lgamma() - (a + b).lgamma() - powers - p.entropy()
    return divergence.masked_fill((p.low < 0) | (p.high > 1), math.inf)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    return (q.rate * p.mean - q.rate.log() - p.entropy()).masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    density = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _mean_of_log(p.low, p.high)
    return (-density - p.entropy()).masked_fill(p.low < q.scale, math.inf)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """Of the same transforms of two distributions, that is the one of those distributions."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("kl_divergence: needs the same transforms and shape of events of both distributions")
    extra = len(p.event_shape) - len(p.base_dist.event_shape)
    return summed(kl_divergence(p.base_dist, q.base_dist), extra)
