"""Calls of Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy

from tests.tensorlib.op_table.complex import complexes
from tests.tensorlib.op_table.sample import Sample, integers, normal, spaced


def fft(name: str, args: tuple[Any, ...], options: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """Return a call of a function of the namespace."""
    fields = {"torch": f"fft.{name}", "tolerance": 64, **fields}
    return Sample(f"fft_{name}", args, options or {}, **fields)


Z, X = complexes(3, 4), normal(3, 4)
OF_REAL = ("rfft", "ihfft")
OF_COMPLEX = ("fft", "ifft", "irfft", "hfft")
NORMS = ("forward", "backward", "ortho")

SAMPLES = [
    *[fft(name, (Z,), {"norm": norm}) for name in OF_COMPLEX for norm in NORMS],
    *[fft(name, (X,), {"norm": norm}) for name in (*OF_REAL, "fft", "irfft") for norm in NORMS],
    *[fft(name, (x, n, 0)) for name in OF_COMPLEX for x in (Z, spaced(Z)) for n in (2, 3, 4, 5)],
    *[fft(name, (x, n, 0)) for name in OF_REAL for x in (X, spaced(X)) for n in (1, 2, 4, 5)],
    *[fft(name + "2", (Z,), {"norm": norm}) for name in OF_COMPLEX for norm in NORMS],
    *[fft(name + "2", (X,), {"norm": norm}) for name in OF_REAL for norm in NORMS],
    *[fft(name + "n", (complexes(2, 3, 4), *args)) for name in OF_COMPLEX for args in ((), ((3, 5),), (None, (0, 2)))],
    *[fft(name + "n", (normal(2, 3, 4), *args)) for name in OF_REAL for args in ((), ((2, 3),), (None, (0, 2)))],
    fft("fft", (integers(4),)),
    fft("fftn", (complexes(), None, ())),
    *[fft(name, (X, *dims)) for name in ("fftshift", "ifftshift") for dims in ((), (0,), ((1, 0),))],
    Sample("dft", (Z,), {"dims": (1,)}, torch=None, numpy=lambda x, dims: numpy.fft.fftn(x, axes=dims)),
    Sample("dft_of_real", (X,), {"dim": 0}, torch=None, numpy=lambda x, dim: numpy.fft.rfft(x, axis=dim)),
    Sample("dft_to_real", (Z,), {"dim": 1, "n": 7, "scale": 2.0}, torch=None),
]
