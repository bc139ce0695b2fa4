"""Calls of linear algebra: `tensorlib.linalg`, and the names beside the tensor."""

from __future__ import annotations

from typing import Any

import numpy
from numpy.linalg import solve

import tensorlib
from tests.tensorlib.op_table.complex import complexes
from tests.tensorlib.op_table.sample import Sample, normal, positive, spaced


def square(*shape: int, seed: int = 0) -> Any:
    """Return matrices far from singular, whose singular values differ."""
    values = numpy.random.default_rng([seed, *shape]).normal(size=(*shape, shape[-1]))
    return values + numpy.diag(numpy.arange(2.0, 2.0 + shape[-1]))


def definite(*shape: int, seed: int = 0) -> Any:
    """Return symmetric positive definite matrices."""
    x = square(*shape, seed=seed)
    return x @ x.swapaxes(-1, -2)


def factor(*shape: int) -> Any:
    return numpy.linalg.cholesky(definite(*shape))


A, TALL, WIDE = square(3), normal(4, 3), normal(3, 4)
ZA = square(3) + 1j * normal(3, 3, seed=3)
BATCH = square(2, 3)
PIVOTS = numpy.array([3, 2, 3], numpy.int32)
SINGULAR = numpy.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
SQUARES = [A, BATCH, square(1), spaced(A), ZA]
EMPTY = numpy.zeros((0, 0))
LOOSE = 1e4
ON_CPU = ("eig", "eigvals", "matrix_exp")


def linalg(name: str, args: tuple[Any, ...], options: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """Return a call of a function of the namespace."""
    fields = {"torch": f"linalg.{name}", "tolerance": LOOSE, "cuda": name not in ON_CPU, **fields}
    return Sample(f"linalg_{name}", args, options or {}, **fields)


def named(name: str, args: tuple[Any, ...], options: dict[str, Any] | None = None, **fields: Any) -> Sample:
    """Return a call of a function beside the tensor."""
    return Sample(name, args, options or {}, **{"tolerance": LOOSE, "cuda": name not in ON_CPU, **fields})


NORMS = [
    *[linalg("norm", (x, *args)) for x in (normal(4), A) for args in ((), (2,), (1,), (float("-inf"),))],
    *[linalg("norm", (normal(2, 3, 4), order, (0, 2), True)) for order in ("fro", "nuc", -2, float("inf"))],
    linalg("norm", (normal(2, 3, 4), 3.0, 1)),
    linalg("norm", (normal(2, 3, 4),)),
    *[linalg("vector_norm", (x, 3), {"dim": 0, "keepdim": True}) for x in (A, ZA)],
    *[linalg("vector_norm", (A, order)) for order in (1, 2.5, float("inf"))],
    linalg("vector_norm", (A, 0), differentiable=False),
    *[linalg("matrix_norm", (x, order)) for x in (A, BATCH) for order in ("fro", "nuc", 1, -1, 2, -2, float("inf"))],
    linalg("matrix_norm", (normal(3, 2, 4), "nuc"), {"dim": (2, 0), "keepdim": True}),
    *[linalg("cond", (A, *args)) for args in ((), (2,), (-2,), ("nuc",))],
    *[linalg("cond", (A, p), torch=None, numpy=numpy.linalg.cond) for p in (1, "fro")],
    linalg("cond", (SINGULAR, 1), differentiable=False),
    *[linalg("matrix_rank", (x,), differentiable=False) for x in (A, SINGULAR, WIDE, BATCH, numpy.zeros((2, 2)))],
    linalg("matrix_rank", (definite(3),), {"hermitian": True}, differentiable=False),
    linalg("matrix_rank", (A,), {"atol": 2.0, "rtol": 0.1}, differentiable=False),
]
SYSTEMS = [
    *[linalg("inv", (x,)) for x in SQUARES],
    *[linalg("solve", pair) for pair in ((A, TALL[:3]), (A, normal(3)), (BATCH, normal(2, 3)), (BATCH, normal(3, 2)))],
    linalg("solve", (A, normal(2, 3)), {"left": False}),
    linalg("solve", (ZA, complexes(3, 2))),
    Sample("solve_matrices", (A, normal(3, 2)), torch="linalg.solve", numpy=numpy.linalg.solve, tolerance=LOOSE),
    *[linalg("det", (x,)) for x in (*SQUARES, EMPTY)],
    linalg("det", (SINGULAR,), second=False, torch=None),  # PyTorch has zeros
    *[linalg("slogdet", (x,)) for x in SQUARES],
    *[linalg("pinv", (x,)) for x in (A, TALL, WIDE, complexes(3, 2), normal(2, 3, 2))],
    linalg("pinv", (SINGULAR,), kink=True),
    linalg("pinv", (definite(3),), {"hermitian": True}, kink=True),
    linalg("pinv", (A,), {"rtol": 0.3, "atol": 0.1}, kink=True),
    *[Sample("pseudo_inverse", (x,), torch="linalg.pinv", tolerance=LOOSE) for x in (A, TALL)],
    linalg("inv_ex", (A,), {"check_errors": True}),
    linalg("cholesky_ex", (definite(3),), kink=True),
    linalg("lu_factor_ex", (A,)),
    linalg("solve_ex", (A, normal(3, 2))),
    *[linalg(name, (definite(3),), differentiable=False) for name in ("ldl_factor", "ldl_factor_ex")],
    linalg("ldl_solve", (numpy.diag([1.0, 2.0]), numpy.array([1, 2], numpy.int32), normal(2, 1)), differentiable=False),
    *[
        linalg("solve_triangular", (A, normal(3, 2)), {"upper": upper, "unitriangular": unit})
        for upper in (False, True)
        for unit in (False, True)
    ],
    linalg("solve_triangular", (BATCH, normal(2, 3)), {"upper": True, "left": False}),
    linalg("tensorinv", (square(6).reshape(6, 2, 3), 1)),
    linalg("tensorinv", (square(6).reshape(2, 3, 6), 2)),
    linalg("tensorsolve", (square(6).reshape(2, 3, 6), normal(2, 3))),
    linalg("tensorsolve", (square(6).reshape(2, 6, 3), normal(2, 3)), {"dims": (1,)}),
    linalg("householder_product", (normal(4, 3), positive(2))),
    linalg("householder_product", (normal(2, 4, 3), positive(2, 3))),
]
FACTORS = [
    *[linalg("cholesky", (definite(*shape),), kink=True) for shape in ((3,), (2, 3), (1,))],
    linalg("cholesky", (definite(3),), {"upper": True}, kink=True),
    linalg("cholesky", (ZA @ ZA.conj().T,), differentiable=False),
    Sample("cholesky_lower", (definite(1),), torch="linalg.cholesky", tolerance=LOOSE),
    Sample("cholesky_lower", (definite(3),), torch="linalg.cholesky", kink=True, tolerance=LOOSE),
    *[linalg("qr", (x,)) for x in (A, TALL, BATCH, spaced(TALL))],
    linalg("qr", (WIDE,)),
    *[linalg("lu_factor", (x,)) for x in (A, BATCH, TALL, WIDE, ZA)],
    *[linalg("lu", (x,)) for x in (A, BATCH, TALL, WIDE)],
    Sample("permutation_matrix", (numpy.array([[2, 2]]),), {"rows": 3, "dtype": tensorlib.float64}, torch=None),
    *[linalg("matrix_exp", (x,)) for x in (A / 4, BATCH / 4, numpy.zeros((2, 2)))],
    *[linalg("matrix_power", (A, n)) for n in (1, 2, 3, 5, -2)],
    linalg("matrix_power", (A, 0), differentiable=False),
    linalg("matrix_power", (BATCH, 3)),
    linalg("multi_dot", ([normal(2, 3), normal(3, 4), normal(4, 2), normal(2)],)),
    linalg("multi_dot", ([normal(3), normal(3, 4)],)),
]
SPECTRA = [
    *[linalg("eigh", (definite(*shape),)) for shape in ((1,), (2, 1))],
    linalg("diagonal", (BATCH,), {"offset": 1}, tolerance=1),
    *[linalg("eigvalsh", (definite(*shape),), kink=True) for shape in ((3,), (2, 3))],
    linalg("eigvalsh", (definite(3),), {"UPLO": "U"}, kink=True),
    *[linalg("eigvals", (x,)) for x in (A, BATCH)],
    linalg("eig", (square(1),)),
    *[linalg("svdvals", (x,)) for x in (A, TALL, WIDE, BATCH)],
    *[linalg("svd", (x,), {"full_matrices": False}, torch=None) for x in (A, TALL, WIDE, BATCH)],
    linalg("svd", (TALL,), torch=None, differentiable=False),
    Sample("svd_thin", (A,), torch=None),
    Sample("svd_full", (TALL,), torch=None, differentiable=False),
]
NAMED = [
    *[named(name, (A,)) for name in ("inverse", "det", "slogdet", "matrix_exp", "pinverse")],
    named("logdet", (definite(3),)),
    named("cholesky", (definite(3),), torch="linalg.cholesky", kink=True),
    named("cholesky_solve", (normal(3, 2), factor(3)), torch=None, numpy=lambda b, x: solve(x @ x.T, b)),
    named("cholesky_solve", (normal(3, 2), factor(3).T.copy(), True), torch=None),
    named("cholesky_inverse", (factor(3),), torch=None, numpy=lambda x: numpy.linalg.inv(x @ x.T)),
    named("qr", (TALL,), torch="linalg.qr"),
    named("svd", (A,), torch=None),
    named("matrix_power", (A, 3)),
    named("triangular_solve", (normal(3, 2), A, False), torch=None),
    named("triangular_solve", (normal(3, 2), A, True, True, True), torch=None),
    named("chain_matmul", (A, TALL.T.copy(), TALL), torch=None),
    named("cross", (normal(2, 3), normal(2, 3, seed=1)), {"dim": 1}),
    named("cross", (normal(3, 3), normal(3, 3, seed=1)), {"dim": 0}),
    named("symeig", (definite(3),), torch=None, kink=True),
    named("potrf", (definite(3),), torch=None, kink=True),
    named("potri", (factor(3).T.copy(),), torch=None),
    named("potrs", (normal(3, 2), factor(3).T.copy()), torch=None),
    named("trtrs", (normal(3, 2), A), torch=None),
    named("gesv", (normal(3, 2), A), torch=None),
    named("gels", (normal(4, 2), TALL), torch=None, kink=True),
    named("btrifact", (BATCH,), torch=None),
    named("btrisolve", (normal(2, 3), BATCH, numpy.array([PIVOTS, PIVOTS])), torch=None),
    named("eig", (A,), torch=None),
    named("eig", (A, True), torch=None, second=False, kink=True),
    named("geqrf", (TALL,), torch="geqrf", differentiable=False),
    named("orgqr", (normal(4, 3), positive(2))),
    named("ormqr", (normal(4, 3), positive(3), normal(4, 2))),
    named("pstrf", (definite(3),), torch=None, differentiable=False),
    named("lu_solve", (normal(3, 2), A, PIVOTS), torch=None),
    named("lu_unpack", (A, PIVOTS)),
    linalg("lu_solve", (A, PIVOTS, normal(3, 2))),
    linalg("lstsq", (TALL, normal(4, 2)), torch=None),
    linalg("vecdot", (normal(2, 3), normal(3))),
    linalg("cross", (normal(2, 3), normal(2, 3, seed=1))),
    linalg("cross", (normal(3, 2), normal(1, 2, seed=1)[[0, 0, 0]]), {"dim": 0}),
]
SAMPLES = [*NORMS, *SYSTEMS, *FACTORS, *SPECTRA, *NAMED]
