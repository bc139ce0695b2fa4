"""What is told about wrong input to sparse tensors, and to what takes no sparse tensors."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import nn, sparse
from tensorlib.attach import FUNCTIONS
from tensorlib.autograd.op import OPS
from tensorlib.errors import ArgumentError, GraphError, LayoutError, ShapeError
from tensorlib.layouts import SPARSE_FORMS, call_sparse
from tests.tensorlib.sparse_samples import make, rows


@pytest.mark.parametrize("name", sorted({op.name for op in OPS.values()} - SPARSE_FORMS.keys()))
def test_operations_refuse_sparse_tensors_by_name(name):
    op, x, others = OPS[name], make(), tensorlib.ones(2, 3)
    options = dict.fromkeys(op.signature.required_options)
    given = [[others, x]] if op.variadic else [x] + [others] * (len(op.signature.inputs) - 1)
    for args in (given, given[::-1]):
        with pytest.raises(TypeError, match=f"^{name}: needs strided tensors, a sparse one was given"):
            op(*args, **options)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SPARSE_FORMS.keys()))
def test_functions_refuse_sparse_tensors_by_name(name):
    with pytest.raises(TypeError, match=f"^{name}: needs strided tensors, a sparse one was given"):
        FUNCTIONS[name](make())


def test_every_form_is_that_of_a_known_name():
    elsewhere = {"zeros_like", "empty_like", "dsmm", "hsmm", "hspmm", "smm", "spadd", "spmm", "sspaddmm", "sspmm"}
    assert SPARSE_FORMS.keys() <= OPS.keys() | FUNCTIONS.keys() | elsewhere
    with pytest.raises(TypeError, match="nothing: needs strided tensors"):
        call_sparse("nothing", (), {})


X, D = make(), tensorlib.ones(2, 3, dtype=tensorlib.float64)
HYBRID = tensorlib.sparse_coo_tensor([[0, 1]], [[1.0, 2.0], [3.0, 4.0]], (3, 2))
S = tensorlib.sparse_coo_tensor
HUGE = (2**40, 2**40)
WRONG = [
    (lambda: S([0], [1.0], (2,)), ShapeError, r"indices of shape \(1,\) and values of shape \(1,\); needed are"),
    (lambda: S([[0]], [1.0, 2.0], (2,)), ShapeError, r"needed are \(sparse dimensions, count\)"),
    (lambda: S([[0]], [1.0], (2, 3)), ShapeError, r"do not fit the size \(2, 3\): needed are 1 sparse dim"),
    (lambda: S([[0]], [[1.0, 2.0]], (2, 3)), ShapeError, r"values of shape \(1, 2\) do not fit"),
    (lambda: S([[2]], [1.0], (2,)), IndexError, "place 2 lies outside dimension 0 of length 2"),
    (lambda: S([[-1]], [1.0], (2,)), IndexError, "place -1 lies outside dimension 0"),
    (lambda: S([[-1]], [1.0]), IndexError, "place -1 lies outside dimension 0"),
    (lambda: S([[0.5]], [1.0], (2,)), TypeError, "indices must be integers, not tensorlib.float32"),
    (lambda: S([[], []], []), ArgumentError, "needs a size"),
    (lambda: S([[0], [0]], [1.0], HUGE), ShapeError, "more places than 64 bits"),
    (lambda: S([[0]], [1], (2,), requires_grad=True), TypeError, "only floating point"),
    (lambda: sparse.FloatTensor(tensorlib.tensor([[0]]), tensorlib.tensor([1])), TypeError, "values of .*int64 given"),
    (lambda: sparse.FloatTensor(tensorlib.tensor([[0]])), TypeError, "FloatTensor: needs sizes, or indices and"),
    (lambda: sparse.FancyTensor, AttributeError, "no attribute 'FancyTensor'"),
    (lambda: D.to_sparse(0), ArgumentError, "to_sparse: sparse_dim is 0, but must be from 1 to 2"),
    (lambda: X.indices(), ArgumentError, r"indices: the tensor is not coalesced: call coalesce\(\) first"),
    (lambda: X.values(), ArgumentError, "values: the tensor is not coalesced"),
    (lambda: X + 1, TypeError, "add: a number added to a sparse tensor"),
    (lambda: X + "a", TypeError, "unsupported operand"),
    (lambda: X.add("a"), TypeError, "add: needs a tensor or a number beside a sparse tensor, not str"),
    (lambda: X.add(None), TypeError, "not NoneType"),
    (lambda: X + X.t(), ShapeError, r"add: sparse tensors of shapes \(2, 3\) with 2 .* \(3, 2\)"),
    (lambda: X + D.t(), ShapeError, "add: shapes"),
    (lambda: HYBRID * HYBRID.to_dense().to_sparse(), ShapeError, "mul: sparse tensors of shapes"),
    (lambda: X * D.t(), ShapeError, r"mul: shape \(3, 2\) does not expand to \(2, 3\)"),
    (lambda: D.mul_(X), TypeError, "mul_: the result is sparse"),
    (lambda: X / D, TypeError, "div: a sparse tensor can be divided by numbers"),
    (lambda: 2 / X, TypeError, "div: a sparse tensor can be divided"),
    (lambda: X.div(2, rounding_mode="up"), ArgumentError, "div: rounding_mode is 'up'"),
    (lambda: X**0, ArgumentError, "pow: the exponent is 0"),
    (lambda: X**X, TypeError, "pow: a sparse tensor can be raised to numbers only"),
    (lambda: tensorlib.mm(X, D), ShapeError, r"mm: shapes \(2, 3\) and \(2, 3\) do not agree"),
    (lambda: tensorlib.mm(X, D.t().float()), ArgumentError, "mm: types .*float64 and .*float32 differ"),
    (lambda: tensorlib.mm(X, 2), TypeError, "mm: needs tensors, not int"),
    (lambda: D.mm(X), TypeError, "mm: needs a Tensor, not SparseTensor"),
    (lambda: HYBRID @ D, ShapeError, "mm: a sparse matrix needs two sparse dimensions"),
    (lambda: tensorlib.mv(X, X), TypeError, "mv: needs a sparse matrix and a strided vector"),
    (lambda: X @ tensorlib.ones(3), ArgumentError, "mm: types"),
    (lambda: tensorlib.mv(X, D), ShapeError, r"mv: needs a vector, not shape \(2, 3\)"),
    (lambda: tensorlib.hspmm(D, D), TypeError, "hspmm: needs a sparse and a strided matrix, not Tensor and Tensor"),
    (lambda: tensorlib.smm(X, X), TypeError, "smm: needs a sparse and a strided matrix"),
    (lambda: tensorlib.sspaddmm(D, X, D.t()), TypeError, "sspaddmm: input must be a sparse matrix, not Tensor"),
    (lambda: HYBRID.t(), ShapeError, "t: needs at most 2 sparse and no dense dimensions, not 1 and 1"),
    (lambda: HYBRID.transpose(0, 1), ArgumentError, "permute: .* mixes the first 1 dimensions"),
    (lambda: X.transpose(0, 2), IndexError, "transpose: dimension 2 is out of range"),
    (lambda: X.permute(0), ShapeError, "permute: 1 dimensions named"),
    (lambda: X.sum(2), IndexError, "sum: dimension 2 is out of range"),
    (lambda: X[2], IndexError, "select: there is no place 2"),
    (lambda: X[0, 0, 0], IndexError, "getitem: too many indices"),
    (lambda: X[::2], LayoutError, "getitem: slices of a sparse tensor have no steps, 2 given; use index_select"),
    (lambda: X["a"], LayoutError, "getitem: a sparse tensor takes integers, slices, None and ..., not str"),
    (lambda: X.narrow(0, 1, 2), IndexError, "narrow: there are no 2 places from 1 on among 2"),
    (lambda: X.index_select(0, D), TypeError, "index_select: needs an index of integers"),
    (lambda: X.index_select(0, tensorlib.tensor([2])), IndexError, "index_select: an index is out of range"),
    (lambda: tensorlib.cat([X, D]), TypeError, "cat: needs tensors of one layout"),
    (lambda: tensorlib.cat([X, X.t()]), ShapeError, "cat: shapes"),
    (lambda: tensorlib.cat([HYBRID, HYBRID], 1), ArgumentError, "cat: dimension 1 is dense"),
    (lambda: D.sparse_mask(D), TypeError, "sparse_mask: mask must be a sparse tensor, not Tensor"),
    (lambda: D.sparse_mask(X.t()), ShapeError, "sparse_mask: shapes"),
    (lambda: HYBRID.sparse_mask(HYBRID.to_dense().to_sparse()), ShapeError, "1 and 2 dimensions are sparse"),
    (lambda: sparse.softmax(D, 0), TypeError, "softmax: needs a sparse tensor, not Tensor"),
    (lambda: sparse.softmax(X.int(), 0), TypeError, "softmax: needs a floating point tensor"),
    (lambda: sparse.log_softmax(X, 2), IndexError, "log_softmax: dimension 2"),
    (lambda: make(requires_grad=True).mul_(2), GraphError, "mul_: a leaf that requires a gradient"),
    (lambda: make((1, 2, 3, 4), dtype=tensorlib.int64).mul_(0.5), TypeError, "mul_: a result of type .*float32"),
    (lambda: make().copy_(D), TypeError, "copy_: src must be a sparse tensor, not Tensor"),
    (lambda: make().copy_(X.t()), ShapeError, "copy_: the result has shape"),
    (lambda: make().resize_as_(S((1, 3))), ArgumentError, "sparse_resize_: 4 places"),
    (lambda: make().resize_as_(D), TypeError, "resize_as_: needs a sparse tensor, not Tensor"),
    (lambda: make().sparse_resize_((2, 3), 1, 0), ShapeError, "sparse_resize_: 1 . 0 dimensions"),
    (lambda: bool(X), ArgumentError, "bool: needs one element"),
    (lambda: len(S(())), TypeError, "len: a 0-d tensor"),
    (lambda: X.exp(), LayoutError, "exp: a sparse tensor has no such method"),
    (lambda: X.numpy(), LayoutError, "numpy: a sparse tensor has no such method"),
    (lambda: numpy.asarray(X), TypeError, "numpy: needs a strided tensor"),
    (lambda: tensorlib.ones_like(X), TypeError, "ones_like: needs strided tensors"),
    (lambda: X == X, TypeError, "eq: needs strided tensors"),
    (lambda: X < 1, TypeError, "lt: needs strided tensors"),
    (lambda: D != X, TypeError, "ne: needs strided tensors"),
    (lambda: tensorlib.autograd.backward(make(requires_grad=True)), TypeError, "backward: needs strided results"),
    (lambda: X.backward(), LayoutError, "backward: a sparse tensor has no such method"),
    (lambda: X.foo, AttributeError, "a sparse tensor has no attribute 'foo'"),
    (lambda: D.copy_(X), TypeError, "copy_: needs a Tensor, not SparseTensor"),
    (lambda: setattr(make(requires_grad=True), "grad", D), TypeError, "grad: needs None or a sparse tensor with 4"),
    (lambda: nn.functional.embedding(D, D), TypeError, "embedding: input must hold integers, not .*float64"),
    (lambda: rows(tensorlib.ones(2, 1), 2), IndexError, "embedding: index 2 is out of range"),
    (lambda: rows(tensorlib.ones(2), 0), ShapeError, "embedding: weight must be a matrix"),
    (
        lambda: nn.functional.embedding(tensorlib.tensor([0]), D, scale_grad_by_freq=True, sparse=True),
        ArgumentError,
        "embedding: scale_grad_by_freq does not go with sparse gradients",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG, ids=range(len(WRONG)))
def test_wrong_input(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("kind", "options", "error", "text"),
    [
        ("SGD", {"weight_decay": 0.1}, ArgumentError, "SGD: weight_decay does not go with sparse gradients"),
        ("Adam", {}, TypeError, "Adam: takes no sparse gradients; SGD does"),
        ("AdamW", {}, TypeError, "AdamW: takes no sparse gradients; SGD does"),
    ],
)
def test_what_optimizers_refuse(kind, options, error, text):
    weight = nn.Parameter(tensorlib.ones(2, 1))
    rows(weight, 1).sum().backward()
    with pytest.raises(error, match=text):
        getattr(tensorlib.optim, kind)([weight], lr=0.1, **options).step()
