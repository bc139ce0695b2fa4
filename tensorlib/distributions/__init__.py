"""Probability distributions, under the names of `torch.distributions`."""

from __future__ import annotations

from tensorlib.distributions import constraints as constraints
from tensorlib.distributions.bernoulli import Bernoulli as Bernoulli
from tensorlib.distributions.beta import Beta as Beta
from tensorlib.distributions.beta import Dirichlet as Dirichlet
from tensorlib.distributions.categorical import Categorical as Categorical
from tensorlib.distributions.categorical import OneHotCategorical as OneHotCategorical
from tensorlib.distributions.categorical import OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough
from tensorlib.distributions.counts import Binomial as Binomial
from tensorlib.distributions.counts import Geometric as Geometric
from tensorlib.distributions.counts import NegativeBinomial as NegativeBinomial
from tensorlib.distributions.counts import Poisson as Poisson
from tensorlib.distributions.distribution import Distribution as Distribution
from tensorlib.distributions.exponential import Exponential as Exponential
from tensorlib.distributions.exponential import Pareto as Pareto
from tensorlib.distributions.exponential import Weibull as Weibull
from tensorlib.distributions.gamma import Chi2 as Chi2
from tensorlib.distributions.gamma import FisherSnedecor as FisherSnedecor
from tensorlib.distributions.gamma import Gamma as Gamma
from tensorlib.distributions.gamma import InverseGamma as InverseGamma
from tensorlib.distributions.location_scale import Cauchy as Cauchy
from tensorlib.distributions.location_scale import Gumbel as Gumbel
from tensorlib.distributions.location_scale import HalfCauchy as HalfCauchy
from tensorlib.distributions.location_scale import Laplace as Laplace
from tensorlib.distributions.location_scale import StudentT as StudentT
from tensorlib.distributions.multinomial import Multinomial as Multinomial
from tensorlib.distributions.normal import HalfNormal as HalfNormal
from tensorlib.distributions.normal import LogNormal as LogNormal
from tensorlib.distributions.normal import Normal as Normal
from tensorlib.distributions.uniform import Uniform as Uniform
