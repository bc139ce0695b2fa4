"""Calls with complex numbers: their parts, and a selection of operations that also take them."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, bools, normal, positive, spaced


def complexes(*shape, seed=0):
    """Return complex128 values, none of them near 0 or on an axis."""
    return numpy.asarray(normal(*shape, seed=seed) + 1j * normal(*shape, seed=seed + 7))


Z, W = complexes(2, 3), complexes(3, seed=1)
UNARY_TEXT = """
    abs angle sgn conj conj_physical conjugate resolve_conj resolve_neg real imag exp log log2 log10 log1p
    expm1 sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh sqrt rsqrt square reciprocal sigmoid neg
    positive sinc
"""
REDUCTIONS = ["sum", "mean", "prod"]

SAMPLES = [
    *[
        Sample(op, (x,), torch="conj_physical" if op == "conjugate" else "", tolerance=128)
        for op in UNARY_TEXT.split()
        for x in (Z, complexes(), complexes(0, 3), spaced(complexes(2, 2)))
    ],
    *[
        Sample(op, (normal(3),))
        for op in ("angle", "sgn", "conj", "real", "conj_physical", "resolve_conj", "resolve_neg")
    ],
    *[Sample(op, (numpy.zeros(2, complex),), kink=True) for op in ("abs", "sgn", "angle")],
    *[Sample("isreal", (x,), differentiable=False) for x in (Z, normal(3))],
    *[
        Sample(op, pair, tolerance=128)
        for op in ("add", "sub", "mul", "div")
        for pair in ((Z, W), (Z, normal(3)), (2.0, Z))
    ],
    *[Sample("pow", pair, tolerance=256) for pair in ((Z, W), (Z, 2), (Z, 2.5), (positive(3), Z))],
    Sample("mul", (normal(3), 2j)),
    Sample("eq", (Z, Z)),
    Sample("complex", (normal(2, 3), normal(3, seed=1))),
    Sample("polar", (positive(2, 3), normal(2, 3))),
    Sample("view_as_real", (Z,)),
    Sample("view_as_complex", (normal(2, 2),)),
    *[Sample(op, (Z, *dims), tolerance=128) for op in REDUCTIONS for dims in ((), (1,))],
    *[Sample(op, (Z, 1), tolerance=128) for op in ("cumsum", "cumprod")],
    *[Sample(op, (Z,), tolerance=128) for op in ("var", "std", "norm")],
    *[Sample("matmul", pair) for pair in ((Z, complexes(3, 2)), (Z, W), (complexes(2, 2, 3), complexes(3, 2)))],
    Sample("addmm", (complexes(2, 2), Z, complexes(3, 2))),
    Sample("einsum", ("ij,kj->ik", Z, complexes(2, 3, seed=3))),
    Sample("dot", (W, complexes(3))),
    Sample("vdot", (W, complexes(3))),
    Sample("where", (bools(2, 3), Z, W)),
    Sample("cat", ([Z, complexes(1, 3)],)),
    Sample("stack", ([W, complexes(3)],)),
    Sample("reshape", (Z, (3, 2))),
    Sample("adjoint", (Z,)),
    Sample("index_select", (Z, 1, numpy.array([2, 0]))),
]
