"""Distributions with parameters, values to evaluate them at, and SciPy's name of the family, if it has one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy
import scipy.stats


@dataclass
class Row:
    """One batch of distributions.

    Attributes:
        family: name of the class.
        parameters: nested lists, which become tensors.
        values: samples, along the first dimension, at which all of the batch are evaluated.
        scipy: makes SciPy's distribution of the parameters as arrays.
        options: arguments that are no tensors.
        other_gradients: methods whose gradients PyTorch does not have.
        other_values: properties that PyTorch computes less exactly, or not at all.
    """

    family: str
    parameters: dict[str, Any]
    values: list[Any]
    scipy: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    other_gradients: tuple[str, ...] = ()
    other_values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.family}({', '.join([*self.parameters, *self.options])})"


def values_of(row: Row) -> numpy.ndarray:
    """Return the values with a dimension for the batch."""
    values = numpy.array(row.values, "f8")
    return values.reshape(len(values), 1, *values.shape[1:])


REALS = [-2.0, 0.1, 3.0]
POSITIVES = [0.1, 0.9, 3.0]
CHANCES = [0.1, 0.5, 0.95]
COUNTS = [0, 1, 4]
VECTORS = [[0.1, -1.0], [0.5, 2.0]]
MATRIX = [[1.5, 0.4], [0.4, 0.7]]
LOGITS = [[0.1, -1.0, 2.0], [0.0, 0.5, -0.3]]
PROBS = [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]

ROWS = [
    Row("Normal", {"loc": [0.5, -1.0], "scale": [1.5, 0.3]}, REALS, scipy.stats.norm),
    Row(
        "LogNormal",
        {"loc": [0.5, -1.0], "scale": [1.5, 0.3]},
        POSITIVES,
        lambda m, s: scipy.stats.lognorm(s, 0, numpy.exp(m)),
    ),
    Row("HalfNormal", {"scale": [1.5, 0.3]}, POSITIVES, lambda s: scipy.stats.halfnorm(0, s)),
    Row("Uniform", {"low": [-3.0, -2.5], "high": [4.0, 3.5]}, REALS, lambda a, b: scipy.stats.uniform(a, b - a)),
    Row("Bernoulli", {"probs": [0.2, 0.7]}, [0, 1], scipy.stats.bernoulli),
    Row("Bernoulli", {"logits": [-1.0, 0.4]}, [0, 1], lambda x: scipy.stats.bernoulli(1 / (1 + numpy.exp(-x)))),
    Row("Categorical", {"probs": PROBS}, [0, 1, 2]),
    Row("Categorical", {"logits": LOGITS}, [0, 1, 2]),
    Row("OneHotCategorical", {"probs": PROBS}, [[1, 0, 0], [0, 0, 1]]),
    Row("OneHotCategorical", {"logits": LOGITS}, [[1, 0, 0], [0, 0, 1]]),
    Row("OneHotCategoricalStraightThrough", {"probs": PROBS}, [[1, 0, 0], [0, 0, 1]]),
    Row(
        "Gamma",
        {"concentration": [0.5, 3.0], "rate": [1.0, 2.0]},
        POSITIVES,
        lambda a, r: scipy.stats.gamma(a, 0, 1 / r),
        other_gradients=("cdf",),
    ),
    Row("Chi2", {"df": [0.5, 3.0]}, POSITIVES, scipy.stats.chi2, other_gradients=("cdf",)),
    Row(
        "InverseGamma",
        {"concentration": [2.5, 5.0], "rate": [1.0, 2.0]},
        POSITIVES,
        lambda a, r: scipy.stats.invgamma(a, 0, r),
        other_gradients=("cdf",),
    ),
    Row("FisherSnedecor", {"df1": [2.5, 5.0], "df2": [9.0, 20.0]}, POSITIVES, scipy.stats.f),
    Row("Beta", {"concentration1": [0.5, 3.0], "concentration0": [2.0, 1.5]}, CHANCES, scipy.stats.beta),
    Row("Dirichlet", {"concentration": [[0.5, 3.0, 2.0], [1.5, 4.0, 1.2]]}, PROBS),
    Row("Exponential", {"rate": [0.5, 3.0]}, POSITIVES, lambda r: scipy.stats.expon(0, 1 / r)),
    Row(
        "Weibull",
        {"scale": [0.5, 3.0], "concentration": [1.2, 2.0]},
        POSITIVES,
        lambda s, c: scipy.stats.weibull_min(c, 0, s),
    ),
    Row(
        "Pareto", {"scale": [0.5, 0.2], "alpha": [1.5, 6.0]}, [0.7, 1.0, 4.0], lambda s, a: scipy.stats.pareto(a, 0, s)
    ),
    Row("Poisson", {"rate": [0.5, 3.0]}, COUNTS, scipy.stats.poisson),
    Row("Binomial", {"probs": [0.2, 0.7]}, COUNTS, lambda p: scipy.stats.binom(5, p), {"total_count": 5}),
    Row("Binomial", {"logits": [-1.0, 0.7]}, COUNTS, options={"total_count": 5}),
    Row("Geometric", {"probs": [0.2, 0.7]}, COUNTS, lambda p: scipy.stats.geom(p, -1)),
    Row("Geometric", {"logits": [-1.0, 0.7]}, COUNTS),
    Row(
        "NegativeBinomial",
        {"total_count": [1.5, 4.0], "probs": [0.2, 0.7]},
        COUNTS,
        lambda n, p: scipy.stats.nbinom(n, 1 - p),
    ),
    Row("NegativeBinomial", {"total_count": [1.5, 4.0], "logits": [-1.0, 0.7]}, COUNTS),
    Row("Multinomial", {"probs": PROBS}, [[1, 0, 3], [2, 2, 0]], options={"total_count": 4}),
    Row("Multinomial", {"logits": LOGITS}, [[1, 0, 3], [2, 2, 0]], options={"total_count": 4}),
    Row("Laplace", {"loc": [0.5, -1.0], "scale": [1.5, 0.3]}, REALS, scipy.stats.laplace),
    Row("Cauchy", {"loc": [0.5, -1.0], "scale": [1.5, 0.3]}, REALS, scipy.stats.cauchy),
    Row("HalfCauchy", {"scale": [1.5, 0.3]}, POSITIVES, lambda s: scipy.stats.halfcauchy(0, s)),
    Row("Gumbel", {"loc": [0.5, -1.0], "scale": [1.5, 0.8]}, REALS, scipy.stats.gumbel_r),
    Row("StudentT", {"df": [3.5, 6.0], "loc": [0.5, -1.0], "scale": [1.5, 0.3]}, REALS, scipy.stats.t),
    Row("MultivariateNormal", {"loc": VECTORS, "covariance_matrix": MATRIX}, VECTORS),
    Row("MultivariateNormal", {"loc": VECTORS[0], "precision_matrix": [MATRIX, MATRIX]}, VECTORS),
    Row("MultivariateNormal", {"loc": VECTORS, "scale_tril": [[1.0, 0.0], [-0.4, 2.0]]}, VECTORS),
    Row("Kumaraswamy", {"concentration1": [1.5, 3.0], "concentration0": [2.0, 1.5]}, CHANCES, other_values=("mode",)),
    Row(
        "VonMises",
        {"loc": [0.5, -1.0], "concentration": [1.5, 8.0]},
        REALS[1:],
        lambda m, k: scipy.stats.vonmises(k, m),
        other_values=("variance", "stddev"),
    ),
    Row("LogitRelaxedBernoulli", {"temperature": 0.7, "probs": [0.2, 0.7]}, REALS),
    Row("RelaxedBernoulli", {"temperature": 0.7, "probs": [0.2, 0.7]}, CHANCES),
    Row("RelaxedBernoulli", {"temperature": 0.7, "logits": [-1.0, 0.7]}, CHANCES),
    Row("ExpRelaxedCategorical", {"temperature": 0.7, "logits": LOGITS}, numpy.log(PROBS)),
    Row("RelaxedOneHotCategorical", {"temperature": 0.7, "probs": PROBS}, PROBS),
]

# Two families of which there is a divergence, each with its parameters.
A, B = [0.5, 1.5], [1.2, 0.7]
PAIRS = [
    ("Normal", (A, B), "Normal", (B, A)),
    ("LogNormal", (A, B), "LogNormal", (B, A)),
    ("HalfNormal", (A,), "HalfNormal", (B,)),
    ("Beta", (A, B), "Normal", (B, A)),
    ("Exponential", (A,), "Normal", (B, A)),
    ("Gamma", (A, B), "Normal", (B, A)),
    ("Gumbel", (A, B), "Normal", (B, A)),
    ("Laplace", (A, B), "Normal", (B, A)),
    ("Uniform", ([-1.0, -2.0], B), "Normal", (B, A)),
    ("Pareto", (A, [2.5, 3.0]), "Normal", (B, A)),
    ("Beta", (A, B), "Exponential", (A,)),
    ("Exponential", (A,), "Exponential", (B,)),
    ("Gamma", (A, B), "Exponential", (B,)),
    ("Pareto", (A, [2.5, 3.0]), "Exponential", (B,)),
    ("Gamma", (A, B), "Gamma", (B, A)),
    ("Chi2", (A,), "Chi2", (B,)),
    ("Exponential", (A,), "Gamma", (B, A)),
    ("Normal", (A, B), "Laplace", (B, A)),
    ("Laplace", (A, B), "Laplace", (B, A)),
    ("Cauchy", (A, B), "Cauchy", (B, A)),
    ("Gumbel", (A, B), "Gumbel", (B, A)),
    ("Pareto", ([1.0, 0.3], A), "Pareto", ([0.5, 0.4], B)),
    ("Uniform", ([-1.0, -2.0], B), "Uniform", ([-1.5, -1.0], [2.0, 2.0])),
    ("Dirichlet", ([A, B],), "Dirichlet", ([B, B],)),
    ("Beta", (A, B), "Beta", (B, A)),
    ("Bernoulli", ([0.2, 0.7],), "Bernoulli", ([0.6, 0.1],)),
    ("Bernoulli", ([0.0, 1.0, 0.5],), "Bernoulli", ([0.4, 1.0, 0.0],)),
    ("Binomial", (4, [0.2, 0.7]), "Binomial", (4, [0.6, 0.1])),
    ("Geometric", ([0.2, 0.7],), "Geometric", ([0.6, 0.1],)),
    ("Bernoulli", ([0.2, 0.7],), "Poisson", (A,)),
    ("Exponential", (A,), "Gumbel", (B, A)),
    ("Gamma", (A, B), "Gumbel", (B, A)),
    ("Normal", (A, B), "Gumbel", (B, A)),
    ("Uniform", ([-1.0, -2.0], B), "Gumbel", (B, A)),
    ("Beta", (A, B), "Gamma", (B, A)),
    ("Pareto", ([0.5, 0.4], [2.5, 3.0]), "Gamma", (A, B)),
    ("Uniform", ([0.5, 0.1], [2.0, 3.0]), "Gamma", (A, B)),
    ("Beta", (A, B), "Uniform", ([-1.0, 0.0], [1.0, 2.0])),
    ("Uniform", ([0.5, 0.1], [0.7, 0.8]), "Beta", (A, B)),
    ("Uniform", ([0.5, 0.1], [2.0, 3.0]), "Exponential", (A,)),
    ("Uniform", ([0.5, 0.2], [2.0, 3.0]), "Pareto", ([0.4, 0.1], B)),
    ("Poisson", (A,), "Poisson", (B,)),
    ("Categorical", ([[0.2, 0.8], [0.5, 0.5]],), "Categorical", ([[0.6, 0.4], [0.1, 0.9]],)),
    ("Categorical", ([[0.2, 0.8], [0.0, 1.0]],), "Categorical", ([[0.0, 1.0], [0.1, 0.9]],)),
    ("OneHotCategorical", ([[0.2, 0.8]],), "OneHotCategorical", ([[0.6, 0.4], [0.1, 0.9]],)),
    ("MultivariateNormal", (A, [[1.5, 0.4], [0.4, 0.7]]), "MultivariateNormal", ([A, B], [[1.0, 0.2], [0.2, 0.4]])),
]
