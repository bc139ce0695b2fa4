"""Windows: values as SciPy's, lengths, types, wrong arguments."""

from __future__ import annotations

from typing import Any, get_type_hints

import numpy
import pytest
import scipy.signal

import tensorlib
from tensorlib.errors import ArgumentError

IN_SCIPY = {
    "bartlett_window": "bartlett",
    "blackman_window": "blackman",
    "hamming_window": "hamming",
    "hann_window": "hann",
    "kaiser_window": ("kaiser", 12.0),
}
EACH = pytest.mark.parametrize("name", IN_SCIPY)


@EACH
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_values(name, length, periodic):
    window = getattr(tensorlib, name)(length, periodic, dtype=tensorlib.float64)
    expected = scipy.signal.get_window(IN_SCIPY[name], length, fftbins=periodic)
    numpy.testing.assert_allclose(window.numpy(), expected, 1e-14, 1e-15)


def test_parameters():
    expected = scipy.signal.get_window(("general_hamming", 0.6), 6)
    numpy.testing.assert_allclose(tensorlib.hamming_window(6, True, 0.6, 0.4).numpy(), expected, 1e-6)
    expected = scipy.signal.get_window(("kaiser", 2.0), 6, fftbins=False)
    numpy.testing.assert_allclose(tensorlib.kaiser_window(6, False, 2.0).numpy(), expected, 1e-6)
    assert tensorlib.kaiser_window(3, beta=0.0).tolist() == [1, 1, 1]


@EACH
def test_types(name):
    make = getattr(tensorlib, name)
    assert make(0).shape == (0,)
    assert make(3).dtype is tensorlib.float32
    half = make(3, dtype="float16", requires_grad=True)
    assert half.dtype is tensorlib.float16
    assert half.requires_grad


@EACH
def test_wrong_arguments(name):
    make = getattr(tensorlib, name)
    with pytest.raises(ArgumentError, match=f"{name}: needs a length of zero or more, not -1"):
        make(-1)
    with pytest.raises(TypeError, match=f"{name}: needs a floating point type, not int64"):
        make(3, dtype=tensorlib.int64)
    with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'foo'$"):
        make(3, foo=1)
    with pytest.raises(TypeError, match=rf"^{name}\(\) missing a required argument: 'window_length'$"):
        make()


def test_type_hints():
    options = {"dtype": Any, "device": Any, "requires_grad": bool, "return": tensorlib.Tensor}
    assert get_type_hints(tensorlib.hann_window) == {"window_length": int, "periodic": bool, **options}
    assert get_type_hints(tensorlib.kaiser_window) == {"window_length": int, "periodic": bool, "beta": float, **options}
