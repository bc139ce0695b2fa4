"""Probability distributions, under the names of `torch.distributions`."""

from __future__ import annotations

from tensorlib.distributions import constraints as constraints
from tensorlib.distributions import kl_families as _kl_families  # noqa: F401 - registers divergences, as the next
from tensorlib.distributions import kl_pairs as _kl_pairs  # noqa: F401
from tensorlib.distributions import transforms as transforms
from tensorlib.distributions.bernoulli import Bernoulli as Bernoulli
from tensorlib.distributions.beta import Beta as Beta
from tensorlib.distributions.beta import Dirichlet as Dirichlet
from tensorlib.distributions.categorical import Categorical as Categorical
from tensorlib.distributions.categorical import OneHotCategorical as OneHotCategorical
from tensorlib.distributions.categorical import OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough
from tensorlib.distributions.composed_transforms import ComposeTransform as ComposeTransform
from tensorlib.distributions.composed_transforms import IndependentTransform as IndependentTransform
from tensorlib.distributions.composed_transforms import ReshapeTransform as ReshapeTransform
from tensorlib.distributions.composed_transforms import identity_transform as identity_transform
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
from tensorlib.distributions.independent import Independent as Independent
from tensorlib.distributions.kl import kl_divergence as kl_divergence
from tensorlib.distributions.kl import register_kl as register_kl
from tensorlib.distributions.kumaraswamy import Kumaraswamy as Kumaraswamy
from tensorlib.distributions.location_scale import Cauchy as Cauchy
from tensorlib.distributions.location_scale import Gumbel as Gumbel
from tensorlib.distributions.location_scale import HalfCauchy as HalfCauchy
from tensorlib.distributions.location_scale import Laplace as Laplace
from tensorlib.distributions.location_scale import StudentT as StudentT
from tensorlib.distributions.mixture import MixtureSameFamily as MixtureSameFamily
from tensorlib.distributions.multinomial import Multinomial as Multinomial
from tensorlib.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from tensorlib.distributions.normal import HalfNormal as HalfNormal
from tensorlib.distributions.normal import LogNormal as LogNormal
from tensorlib.distributions.normal import Normal as Normal
from tensorlib.distributions.relaxed import ExpRelaxedCategorical as ExpRelaxedCategorical
from tensorlib.distributions.relaxed import LogitRelaxedBernoulli as LogitRelaxedBernoulli
from tensorlib.distributions.relaxed import RelaxedBernoulli as RelaxedBernoulli
from tensorlib.distributions.relaxed import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from tensorlib.distributions.transform import Transform as Transform
from tensorlib.distributions.transformed import TransformedDistribution as TransformedDistribution
from tensorlib.distributions.transforms import AbsTransform as AbsTransform
from tensorlib.distributions.transforms import AffineTransform as AffineTransform
from tensorlib.distributions.transforms import ExpTransform as ExpTransform
from tensorlib.distributions.transforms import PowerTransform as PowerTransform
from tensorlib.distributions.transforms import SigmoidTransform as SigmoidTransform
from tensorlib.distributions.transforms import SoftplusTransform as SoftplusTransform
from tensorlib.distributions.transforms import TanhTransform as TanhTransform
from tensorlib.distributions.uniform import Uniform as Uniform
from tensorlib.distributions.von_mises import VonMises as VonMises
