"""Short-time Fourier transforms: there and back, and arguments that do not fit."""

from __future__ import annotations

import numpy
import pytest
import scipy.signal

import tensorlib
from tensorlib.errors import ArgumentError, ShapeError

X = tensorlib.arange(16.0)
Z = tensorlib.ones(3, 5) * 1j
ONES = tensorlib.ones


def test_there_and_back():
    x = tensorlib.randn(2, 50, dtype="float64", generator=tensorlib.Generator().manual_seed(1))
    window = tensorlib.hann_window(16, dtype="float64")
    transforms = x.stft(16, window=window, return_complex=True)
    assert transforms.shape == (2, 9, 13)
    numpy.testing.assert_allclose(transforms.istft(16, window=window, length=50).numpy(), x.numpy(), 1e-12, 1e-12)


def test_as_scipy():
    window = numpy.hanning(8)
    expected = scipy.signal.ShortTimeFFT(window, 4, 1.0).stft(X.numpy().astype("f8"), p0=1, p1=4, k_offset=0)
    found = tensorlib.stft(X.double(), 8, 4, window=tensorlib.tensor(window), center=False, return_complex=True)
    assert found.shape == (5, 3)
    numpy.testing.assert_allclose(numpy.abs(found.numpy()), numpy.abs(expected), 1e-12, 1e-12)


def test_windows_of_integers():
    whole, real = [
        tensorlib.stft(X, 4, window=tensorlib.ones(4, dtype=kind), return_complex=True) for kind in ("int64", "float32")
    ]
    assert whole.tolist() == real.tolist()
    assert tensorlib.istft(whole, 4, window=tensorlib.ones(4).bool()).tolist() == tensorlib.istft(real, 4).tolist()


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        ((X, 20), {"center": False}, ArgumentError, "stft: frames of 20 elements do not fit signals of length 16"),
        ((X, 4), {"win_length": 8}, ArgumentError, "stft: .*n_fft is 4, win_length 8 and hop_length 1"),
        ((X, 4, 0), {}, ArgumentError, "stft: .*hop_length 0"),
        ((X, 4), {"window": ONES(5)}, ShapeError, r"stft: needs a window of shape \(4,\), not \(5,\)"),
        ((X, 4), {"window": [1] * 4}, TypeError, "stft: needs a Tensor, not list"),
        ((X, 4), {"pad_mode": "x"}, ArgumentError, "'x'"),
        ((X.long(), 4), {}, TypeError, "stft: needs a floating point or complex tensor, not int64"),
        ((X[None, None], 4), {}, ShapeError, r"stft: needs signals .*\(1, 1, 16\)"),
        ((X + 0j, 4), {"onesided": True}, ArgumentError, "stft: one-sided transforms are of real numbers"),
        ((X, 4), {"return_complex": None}, ArgumentError, "stft: return_complex must be given for real signals"),
    ],
)
def test_wrong_arguments(args, options, error, text):
    with pytest.raises(error, match=text):
        tensorlib.stft(*args, **{"return_complex": True, **options})


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        ((ONES(3, 5), 4), {}, TypeError, "istft: needs complex transforms, .*not float32"),
        ((Z[0], 4), {}, ShapeError, r"istft: needs shape \(frequencies, frames\).*\(5,\)"),
        ((Z[:, :0], 4), {}, ShapeError, r"istft: needs shape .*\(3, 0\)"),
        ((Z[:2], 4), {}, ArgumentError, "istft: 2 frequencies given, but n_fft is 4 and onesided True"),
        ((Z, 4), {"window": ONES(4) * 0}, ArgumentError, "istft: the windows leave out elements of the signal"),
        ((Z, 4), {"length": 0}, ArgumentError, "istft: the windows leave out elements of the signal"),
        ((Z, 4), {"hop_length": 5}, ArgumentError, "istft: hop_length 5 is more than win_length 4"),
        ((Z, 4), {"window": ONES(4) + 0j}, ArgumentError, "istft: a complex window needs return_complex=True"),
        ((Z, 4), {"return_complex": True}, ArgumentError, "istft: one-sided transforms are of real numbers"),
    ],
)
def test_wrong_arguments_of_the_inverse(args, options, error, text):
    with pytest.raises(error, match=text):
        tensorlib.istft(*args, **options)
