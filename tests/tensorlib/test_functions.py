"""Documentation of functions that are no operations, and what wrong input to functions on structure is told."""

from __future__ import annotations

import doctest
import inspect
import re
import sys

import numpy
import pytest

import tensorlib
from tensorlib.attach import FUNCTIONS, METHODS
from tensorlib.errors import ArgumentError, DimensionError, GraphError, ShapeError
from tests.tensorlib.op_table import SAMPLES

MODULES = (
    "tensorlib.creation",
    "tensorlib.random",
    "tensorlib.sampling",
    "tensorlib.printing",
    "tensorlib.serialization",
    "tensorlib.utils.safetensors",
)
EXPORTED = {name: value for name, value in vars(tensorlib).items() if getattr(value, "__module__", "") in MODULES}
PUBLIC = {**FUNCTIONS, **EXPORTED}
SAYING_NOTHING_TO_RUN = {
    "seed",
    "initial_seed",
    "get_rng_state",
    "set_rng_state",
    "load",
    "load_safetensors",
    "default_generator",
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_called_in_the_table(name):
    tested_elsewhere = {"allclose", "bernoulli", "broadcast_shapes", "equal", "is_complex", "multinomial", "normal"}
    tested_elsewhere |= {"is_conj", "is_neg", "is_nonzero", "is_same_size", "is_signed"}
    tested_elsewhere |= {"fft_fftfreq", "fft_rfftfreq", "tril_indices", "triu_indices"}
    tested_elsewhere |= {"bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"}
    tested_elsewhere |= {"typename", "binomial", "histogramdd", "is_inference", "pca_lowrank", "poisson", "svd_lowrank"}
    assert name in {sample.op for sample in SAMPLES} | tested_elsewhere


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_documentation(name):
    function = PUBLIC[name]
    text = inspect.getdoc(function)
    assert re.match(r".+\.$", text.splitlines()[0])
    module = sys.modules[function.__module__]
    globs = {**vars(module), "tensorlib": tensorlib, "numpy": numpy}
    example = doctest.DocTestParser().get_doctest(text, globs, name, None, None)
    assert example.examples or name in SAYING_NOTHING_TO_RUN
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", sorted(name for name in METHODS if not name.startswith("__")))
def test_methods_are_documented(name):
    assert re.match(r".+\.$", inspect.getdoc(METHODS[name]).splitlines()[0])


T = tensorlib.zeros
LONG = tensorlib.tensor([0, 1])
LEAF = tensorlib.ones(3, requires_grad=True)

WRONG = [
    ("tensor", ([[1], [1, 2]],), ShapeError, "tensor: the nested sequences have unequal lengths"),
    ("tensor", (["a"],), TypeError, "tensor: needs numbers, not str"),
    ("tensor", (None,), TypeError, "tensor: needs numbers, not NoneType"),
    ("from_numpy", ([1],), TypeError, "from_numpy: needs a NumPy array, not list"),
    ("zeros", (2, -1), ShapeError, r"zeros: a length in the shape \(2, -1\) is negative"),
    ("zeros", (2.5,), TypeError, "zeros: needs integers"),
    ("zeros_like", ([1],), TypeError, "zeros_like: needs a Tensor, not list"),
    ("arange", (0, 5, 0), ArgumentError, "arange: a step of 0 does not lead from 0 to 5"),
    ("arange", (0, 5, -1), ArgumentError, "arange: a step of -1"),
    ("linspace", (0, 1, -1), ArgumentError, "linspace: needs zero or more steps"),
    ("reshape", (T(4), (3,)), ShapeError, r"reshape: 4 elements of shape \(4,\) do not fit the shape \(3,\)"),
    ("reshape", ([1], (1,)), TypeError, "reshape: x must be a Tensor, not list"),
    ("view", (T(2, 3).t(), (6,)), ShapeError, r"view: .*gaps in memory.*use reshape\(\)"),
    ("squeeze", (T(2), 1), DimensionError, r"squeeze: dimension 1 is out of range.*\[-1, 0\]"),
    ("unsqueeze", (T(2), 2), DimensionError, r"unsqueeze: dimension 2"),
    ("transpose", (T(2), 0, "x"), TypeError, "transpose: a dimension must be an integer, not str"),
    ("permute", (T(2, 3), (0, 0)), ArgumentError, "permute: a dimension is named twice"),
    ("permute", (T(2, 3), (0,)), ShapeError, "permute: 1 dimensions named, the tensor has 2"),
    ("expand", (T(2), (3,)), ShapeError, r"expand: a tensor of shape \(2,\) does not expand to \(3,\)"),
    ("expand", (T(2), (-1, 2)), ShapeError, "expand: "),
    ("narrow", (T(3), 0, 2, 2), IndexError, "narrow: 2 places from 2 on are not within dimension 0 of length 3"),
    ("repeat", (T(2, 2), (2,)), ShapeError, "repeat: 1 numbers given for a tensor of 2 dimensions"),
    ("roll", (T(2), (1, 1), 0), ShapeError, "roll: 2 shifts given for 1 dimensions"),
    ("flatten", (T(2, 2), 1, 0), ShapeError, "flatten: start_dim 1 comes after end_dim 0"),
    ("unflatten", (T(4), 0, (3, -1)), ShapeError, "unflatten: dimension 0 of length 4 cannot be made"),
    ("t", (T(1, 1, 1),), ShapeError, "t: needs at most 2 dimensions, not 3"),
    ("movedim", (T(2, 2), (0, 1), 0), ShapeError, "movedim: 2 dimensions are to go to 1 places"),
    ("select", (T(2), 0, 2), IndexError, "select: there is no place 2 along dimension 0"),
    ("cat", ([],), ShapeError, "cat: needs at least one tensor"),
    ("cat", ([T(2, 2), T(2, 3)],), ShapeError, r"cat: .*\(2, 2\), \(2, 3\).*alike in all other dimensions"),
    ("cat", ([T(2), 1.0],), TypeError, "cat: tensors must be a Tensor, not float"),
    ("cat", (T(2),), TypeError, "must be a sequence of tensors, not Tensor"),
    ("stack", ([T(2), T(3)],), ShapeError, "stack: .*alike in shape"),
    ("split", (T(3), -1), ArgumentError, "split: pieces of length -1"),
    (
        "split",
        (T(3), [1, 1]),
        ArgumentError,
        r"split: pieces of lengths \(1, 1\) do not make up dimension 0",
    ),
    ("chunk", (T(3), 0), ArgumentError, "chunk: needs one piece or more"),
    ("unbind", (T(()),), ShapeError, "unbind: a 0-d tensor has no dimension"),
    ("hstack", (T(2),), TypeError, "hstack: needs a sequence of tensors"),
    ("getitem", (T(2), 5), IndexError, r"getitem: index 5 is out of bounds.*the tensor has shape \(2,\)"),
    ("getitem", (T(2), (0, 0)), IndexError, r"getitem: 2 indices for a tensor of 1 dimensions"),
    ("getitem", (T(2), "x"), IndexError, "getitem: str is no index"),
    ("getitem", (T(2), 1.5), IndexError, "getitem: float is no index"),
    (
        "getitem",
        (T(2), slice(None, None, -1)),
        ValueError,
        "getitem: a slice needs a positive step, not -1",
    ),
    (
        "getitem",
        (T(2), T(2)),
        IndexError,
        "getitem: tensors that index must be int64, int32, bool or uint8, not float32",
    ),
    ("getitem", (T(2), (..., ...)), IndexError, r"getitem: an index may have one \.\.\., not 2"),
    ("getitem", (T(()), 1), IndexError, "getitem: 1 indices for a tensor of 0 dimensions"),
    ("index_select", (T(2, 2), 0, LONG[None]), ShapeError, "index_select: the index must be of integers in one dim"),
    ("gather", (T(2, 2), 0, LONG), ShapeError, "gather: an index of 1 dimensions for a tensor of 2"),
    ("gather", (T(1), 0, LONG), IndexError, "gather: index 1 is out of range for a dimension of length 1"),
    ("gather", (T(2), 0, T(2)), TypeError, "gather: an index must be of integers, not float32"),
    ("scatter", (T(1), 0, LONG - 1, T(2)), IndexError, "scatter: index -1 is out of range"),
    ("scatter", (T(3), 0, LONG, T(1)), ShapeError, "scatter: .*needs a source not smaller"),
    ("index_add", (T(3), 0, LONG, T(3)), ShapeError, r"index_add: needs a source of shape \(2,\), not \(3,\)"),
    ("masked_select", (T(2), T(2)), TypeError, "masked_select: a mask must be bool or uint8"),
    ("masked_select", (T(2), T(3) > 0), ShapeError, r"broadcast: the shapes \(2,\), \(3,\) do not fit"),
    ("topk", (T(2), 3), ArgumentError, "topk: there are 2 elements along dimension -1, not 3"),
    ("kthvalue", (T(2), 0), ArgumentError, "kthvalue: there are 2 elements"),
    ("tril", (T(2),), ShapeError, r"tril: needs a tensor of two or more dimensions, not of shape \(2,\)"),
    ("diagonal", (T(2, 2), 0, 0, 0), ArgumentError, "diagonal: a dimension is named twice"),
    ("diag", (T(1, 1, 1),), ShapeError, "diag: needs a tensor of one or two dimensions"),
    (
        "matmul",
        (T(3, 4), T(5, 4)),
        ShapeError,
        r"matmul: shapes \(3, 4\) and \(5, 4\) do not agree: need \(..., n",
    ),
    ("matmul", (T(2), T(())), ShapeError, "matmul: shapes"),
    ("matmul", (T(2, 1, 2), T(3, 2, 1)), ShapeError, "matmul: the batches of shapes .* do not broadcast"),
    ("matmul", (T(2), LONG), ArgumentError, "matmul: needs two tensors of one type, not float32 and int64"),
    ("mm", (T(2), T(2)), ShapeError, r"mm: shapes \(2,\) and \(2,\) do not agree: need \(n, k\) and \(k, m\)"),
    ("bmm", (T(2, 1, 1), T(3, 1, 1)), ShapeError, "bmm: shapes"),
    ("linear", (T(2, 3), T(4, 2)), ShapeError, r"linear: input of shape \(2, 3\) and weight of shape \(4, 2\)"),
    ("linear", (T(2, 3), T(4, 3), T(3)), ShapeError, r"linear: needs a bias of shape \(4,\), not \(3,\)"),
    ("einsum", ("ij,jk", T(2, 2)), ArgumentError, "einsum: the equation 'ij,jk' needs 2 tensors, 1 given"),
    ("einsum", ("ij", T(2)), ShapeError, "einsum: 'ij' in 'ij' does not describe"),
    ("einsum", ("i,i", T(2), T(3)), ShapeError, "einsum: 'i' in 'i,i' stands for lengths 2 and 3"),
    ("einsum", ("i->j", T(2)), ArgumentError, "einsum: the result in"),
    ("randint", (5, 5, (2,)), ArgumentError, "randint: there is no integer"),
    ("randperm", (-1,), ArgumentError, "randperm: needs zero or more"),
    ("normal", (0.0, -1.0, (2,)), ArgumentError, "normal: a standard deviation must not be negative"),
    ("normal", (0.0, 1.0), TypeError, "normal: needs a size"),
    ("multinomial", (T(2), 1), ArgumentError, "multinomial: weights must be"),
    ("multinomial", (T(2) + 1, 3), ArgumentError, "multinomial: 3 draws without replacement among 2"),
    ("manual_seed", (2**64,), ArgumentError, "manual_seed: a seed must fit in 64 bits"),
]


@pytest.mark.parametrize(("name", "args", "error", "text"), WRONG, ids=[f"{row[0]}-{row[3][:40]}" for row in WRONG])
def test_wrong_input(name, args, error, text):
    from tensorlib.autograd.op import OPS

    function = OPS.get(name) or getattr(tensorlib, name)
    with pytest.raises(error, match=text) as caught:
        function(*args)
    assert "\n" not in str(caught.value)


WRONG_METHODS = [
    (lambda: tensorlib.meshgrid(T(2), indexing="x"), ArgumentError, "meshgrid: indexing must be 'ij' or 'xy', not 'x'"),
    (lambda: LEAF.zero_(), GraphError, "zero_: a leaf that requires a gradient"),
    (lambda: LEAF[:2].fill_(1), GraphError, "fill_: a leaf that requires a gradient, or a view of it"),
    (lambda: T(2).__setitem__(0, [1]), TypeError, "setitem: needs a Tensor or a number, not list"),
    (lambda: T(2).__setitem__(0, 1j), TypeError, "setitem: a complex value cannot be stored"),
    (lambda: T(2).__setitem__(0, T(2)), ShapeError, r"setitem: a value of shape \(2,\) does not fit the shape \(\)"),
    (lambda: T(2).__setitem__([5], 1), IndexError, "setitem: index 5 is out of bounds"),
    (lambda: T(2).copy_(T(3)), ShapeError, r"copy_: a value of shape \(3,\) does not fit the shape \(2,\)"),
    (lambda: T(2).fill_(T(2)), ShapeError, "fill_: needs a number or a 0-d tensor"),
    (lambda: T(1).expand(3).fill_(1), ValueError, r"fill_: .*clone\(\) it first"),
    (lambda: T(2).uniform_(1, 0), ArgumentError, "uniform_: the interval from 1 to 0 is empty"),
    (lambda: T(2).normal_(0, -1), ArgumentError, "normal_: a standard deviation must not be negative"),
    (lambda: T(2).bernoulli_(2), ArgumentError, "bernoulli_: a probability must be between 0 and 1"),
    (lambda: T(2).geometric_(0), ArgumentError, "geometric_: p must be between 0 and 1"),
    (lambda: T(2).exponential_(0), ArgumentError, "exponential_: the rate must be positive"),
    (lambda: T(2).random_(2, 2), ArgumentError, "random_: there is no integer"),
    (lambda: T(2).to("float12"), TypeError, "device: 'float12' is not known"),
    (lambda: tensorlib.get_rng_state()[1:] and None, ShapeError, "bool: "),
    (lambda: tensorlib.set_rng_state(T(2)), ArgumentError, "set_state: needs the 48 bytes"),
    (lambda: tensorlib.set_printoptions(profile="x"), ValueError, "set_printoptions: profile 'x' is not known"),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG_METHODS, ids=[row[2][:40] for row in WRONG_METHODS])
def test_wrong_input_of_methods(call, error, text):
    with pytest.raises(error, match=text):
        call()
