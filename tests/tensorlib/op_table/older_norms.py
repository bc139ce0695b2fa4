"""Calls of norms of matrices by their older names."""

from __future__ import annotations

from tests.tensorlib.op_table.sample import Sample, normal, quiet, spaced

SAMPLES = [
    *[Sample("frobenius_norm", (normal(2, 3, 2), dim), torch=quiet("frobenius_norm")) for dim in (1, (0, -1), ())],
    Sample("frobenius_norm", (spaced(normal(2, 3)), [0, 1], True), torch=quiet("frobenius_norm")),
    Sample("nuclear_norm", (normal(3, 2),), torch=quiet("nuclear_norm")),
    Sample("nuclear_norm", (normal(2, 3, 2), (0, 1), True), torch=quiet("nuclear_norm")),
]
