"""Fourier transforms: frequencies, types, and what they refuse."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib.errors import ArgumentError, DimensionError, ShapeError

X = tensorlib.ones(2, 3)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies(n):
    numpy.testing.assert_allclose(tensorlib.fft.fftfreq(n, 0.5).numpy(), numpy.fft.fftfreq(n, 0.5), rtol=1e-6)
    numpy.testing.assert_allclose(tensorlib.fft.rfftfreq(n, 0.5).numpy(), numpy.fft.rfftfreq(n, 0.5), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_stays(dtype):
    wide = {"float32": "complex64", "float64": "complex128"}[dtype]
    x = tensorlib.rand(8, dtype=getattr(tensorlib, dtype))
    assert tensorlib.fft.fft(x, norm="ortho").dtype.name == wide
    assert tensorlib.fft.rfft(x, norm="forward").dtype.name == wide
    assert tensorlib.fft.irfft(tensorlib.fft.rfft(x)).dtype.name == dtype


def test_there_and_back():
    x = tensorlib.randn(3, 4, 5)
    for there, back in (("fftn", "ifftn"), ("rfftn", "irfftn"), ("ihfftn", "hfftn")):
        for norm in ("forward", "backward", "ortho"):
            options = {"s": (4, 5), "norm": norm}
            again = getattr(tensorlib.fft, back)(getattr(tensorlib.fft, there)(x, **options), **options)
            numpy.testing.assert_allclose(again.real.numpy(), x.numpy(), atol=1e-5)
    shifted = tensorlib.fft.ifftshift(tensorlib.fft.fftshift(x))
    assert tensorlib.equal(shifted, x)


WRONG = [
    (lambda: tensorlib.fft.fft(X, norm="x"), ArgumentError, "fft.fft: norm is 'x', but must be"),
    (lambda: tensorlib.fft.fft(X, 0), ArgumentError, "fft.fft: needs one element or more along each dimension"),
    (lambda: tensorlib.fft.fft(X, dim=2), DimensionError, "fft.fft: dimension 2 is out of range"),
    (lambda: tensorlib.fft.fft(X.half()), TypeError, "fft.fft: needs float32 or float64 elements, not float16"),
    (lambda: tensorlib.fft.rfft(X + 1j), TypeError, "fft.rfft: needs float32 or float64 elements, not complex64"),
    (lambda: tensorlib.fft.fft2(X, s=(2,)), ArgumentError, "fft.fft2: 1 lengths given for 2 dimensions"),
    (lambda: tensorlib.fft.fftn(X, dim=(0, 0)), ArgumentError, "fft.fftn: a dimension is named twice"),
    (lambda: tensorlib.fft.irfft(X[:, :1]), ArgumentError, "fft.irfft: needs one element or more in the result"),
    (lambda: tensorlib.fft.rfftn(X, dim=()), ShapeError, "fft.rfftn: needs one dimension or more"),
    (lambda: tensorlib.fft.fft([1.0]), TypeError, "fft.fft: needs a Tensor, not list"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_wrong_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tensorlib.fft.nothing  # noqa: B018
