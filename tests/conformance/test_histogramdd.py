"""Histograms in several dimensions, here and in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tests.tensorlib.op_table.sample import normal, positive

torch = pytest.importorskip("torch")

EDGES = (numpy.array([-1.0, 0.0, 0.5]), numpy.array([-0.5, 0.5]))
CALLS = [
    (normal(9, 2), [2, 3], {}),
    (normal(9, 2), 2, {"range": [-1.0, 1.0, 0.0, 2.0], "density": True}),
    (normal(9, 2), 2, {"weight": positive(9)}),
    (normal(3, 3, 2), EDGES, {}),
]


def called(library, points, bins, options):
    make = library.from_numpy
    bins = tuple(map(make, bins)) if isinstance(bins, tuple) else bins
    given = {name: make(value) if isinstance(value, numpy.ndarray) else value for name, value in options.items()}
    return library.histogramdd(make(points), bins, **given)


@pytest.mark.parametrize(("points", "bins", "options"), CALLS)
def test_as_pytorch(points, bins, options):
    ours, theirs = [called(library, points, bins, options) for library in (tensorlib, torch)]
    numpy.testing.assert_allclose(ours.hist.numpy(), theirs.hist.numpy(), 1e-12)
    for our, their in zip(ours.bin_edges, theirs.bin_edges, strict=True):
        numpy.testing.assert_allclose(our.numpy(), their.numpy(), 1e-12, 1e-12)
