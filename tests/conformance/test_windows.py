"""Windows, here and in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import tensorlib

torch = pytest.importorskip("torch")

CALLS = [
    *[
        (f"{name}_window", (length, *periodic))
        for name in ("bartlett", "blackman", "hamming", "hann", "kaiser")
        for length in (0, 1, 2, 5, 8)
        for periodic in ((), (False,))
    ],
    ("hamming_window", (5, True, 0.6)),
    ("hamming_window", (5, False, 0.6, 0.3)),
    ("kaiser_window", (5, True, 3.0)),
]


@pytest.mark.parametrize(("name", "args"), CALLS, ids=str)
def test_as_pytorch(name, args):
    ours = getattr(tensorlib, name)(*args, dtype=tensorlib.float64)
    theirs = getattr(torch, name)(*args, dtype=torch.float64)
    assert ours.shape == tuple(theirs.shape)
    numpy.testing.assert_allclose(ours.numpy(), theirs.numpy(), 1e-13, 1e-14)
