"""What tests of sparse tensors share."""

from __future__ import annotations

import numpy

import tensorlib
from tensorlib import nn

PLACES = [[0, 1, 1, 0], [2, 0, 2, 2]]  # (0, 2) is there twice


def make(values=(3.0, -4.0, 5.0, 0.5), **options):
    return tensorlib.sparse_coo_tensor(PLACES, values, (2, 3), **{"dtype": tensorlib.float64, **options})


def array_of(x):
    """Return all elements, found by NumPy from what is stored."""
    values = x._values().detach().numpy()
    array = numpy.zeros(x.shape, values.dtype)
    numpy.add.at(array, tuple(x._indices().numpy()), values)
    return array


def rows(weight, *numbers):
    return nn.functional.embedding(tensorlib.tensor(numbers), weight, sparse=True)
