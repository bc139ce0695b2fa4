"""Probability distributions, under the names of `torch.distributions`."""

from __future__ import annotations

from tensorlib.distributions import constraints as constraints
from tensorlib.distributions.bernoulli import Bernoulli as Bernoulli
from tensorlib.distributions.categorical import Categorical as Categorical
from tensorlib.distributions.distribution import Distribution as Distribution
from tensorlib.distributions.normal import HalfNormal as HalfNormal
from tensorlib.distributions.normal import LogNormal as LogNormal
from tensorlib.distributions.normal import Normal as Normal
from tensorlib.distributions.uniform import Uniform as Uniform
