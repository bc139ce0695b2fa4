"""Calls of short-time Fourier transforms and their inverse."""

from __future__ import annotations

from tests.tensorlib.op_table.sample import Sample, normal, positive, quiet, spaced


def forth(*args, **options):
    return Sample("stft", args, options, torch=quiet("stft"))


def back(*args, **options):
    return Sample("istft", args, options, torch=quiet("istft"))


X = normal(2, 9)
Z = normal(11) + 1j * normal(11, seed=1)
T = {"return_complex": True}
HALF = normal(3, 4) + 1j * normal(3, 4, seed=1)
WHOLE = normal(2, 5, 3) + 1j * normal(2, 5, 3, seed=1)

SAMPLES = [
    forth(X, 4, **T),
    forth(spaced(X), 4, 2, 3, positive(3), **T),
    forth(X[0], 5, 2, 5, positive(5), return_complex=False),
    forth(X, 4, center=False, normalized=True, onesided=False, **T),
    forth(X, 4, pad_mode="constant", **T),
    forth(Z, 4, 3),
    forth(Z, 4, 3, return_complex=False),
    forth(X[0], 4, window=Z[:4]),
    back(HALF, 4),
    back(HALF, 5, 2, 5, positive(5), normalized=True),
    back(HALF, 4, 2, 3, positive(3), length=5),
    back(HALF, 4, 2, center=False, length=10, window=positive(4)),
    back(WHOLE, 5, 2, window=positive(5)),
    back(WHOLE, 5, 2, window=positive(5), return_complex=True),
    back(WHOLE, 5, 2, window=Z[:5], center=False, return_complex=True, onesided=False),
]
