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
        other_gradients: methods whose gradients PyTorch takes another way.
    """

    family: str
    parameters: dict[str, Any]
    values: list[Any]
    scipy: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    other_gradients: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Name for the test."""
        return f"{self.family}({', '.join([*self.parameters, *self.options])})"


def values_of(row: Row) -> numpy.ndarray:
    """Return the values with a dimension for the batch."""
    values = numpy.array(row.values, "f8")
    return values.reshape(len(values), 1, *values.shape[1:])


REALS = [-2.0, 0.1, 3.0]
POSITIVES = [0.1, 0.9, 3.0]
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
]
