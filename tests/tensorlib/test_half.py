"""Half precision: float16 and bfloat16 are stored, and computed with in float32."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd.op import OPS
from tests.tensorlib.op_table import SAMPLES
from tests.tensorlib.op_table.per_operation import on_each
from tests.tensorlib.test_op_table import results

HALVES = {"float16": tensorlib.float16, "bfloat16": tensorlib.bfloat16}


def suitable(sample):
    """Tell whether an operation computes with floats, all of them real and given by position."""
    if sample.op not in OPS or not OPS[sample.op].computes or sample.options.get("dtype"):
        return False
    args, options = sample.tensors()
    floats = [x for x in args if isinstance(x, Tensor) and x.dtype.is_floating_point]
    others = [x for x in flat((args, options)) if x.dtype.is_floating_point or x.dtype.is_complex]
    return bool(floats) and len(floats) == len(others)


def flat(value):
    if isinstance(value, dict):
        return flat(list(value.values()))
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in flat(item)]
    return [value] if isinstance(value, Tensor) else []


COMPUTED = [sample for sample in SAMPLES if suitable(sample)]


@pytest.mark.parametrize("half", HALVES)
@on_each(COMPUTED)
def test_results_are_those_of_float32_rounded(sample, half):
    args, options = sample.tensors(numpy.float32)
    args = [x.to(HALVES[half]) if isinstance(x, Tensor) and x.dtype.is_floating_point else x for x in args]
    wide = [x.float() if isinstance(x, Tensor) and x.dtype == HALVES[half] else x for x in args]
    try:
        expected = results(sample.call(wide, options))
    except (TypeError, RuntimeError, ValueError) as error:
        with pytest.raises(type(error)):
            sample.call(args, options)
        return
    for ours, theirs in zip(results(sample.call(args, options)), expected, strict=True):
        rounded = theirs.to(HALVES[half]) if theirs.dtype == tensorlib.float32 else theirs
        assert ours.dtype in (rounded.dtype, theirs.dtype)
        numpy.testing.assert_array_equal(ours.float().numpy(), rounded.to(ours.dtype).float().numpy())


def test_sums_do_not_drown_in_rounding():
    x = tensorlib.full((5000,), 1.0, dtype=tensorlib.bfloat16, requires_grad=True)
    assert x.sum().item() == 4992  # the nearest to 5000; adding up in bfloat16 stays at 256
    total = (x * tensorlib.ones(1, dtype=tensorlib.bfloat16, requires_grad=True)).sum()
    total.backward()
    assert x.grad.dtype is tensorlib.bfloat16
    (gradient,) = tensorlib.autograd.grad((x.detach() * (w := leaf())).sum(), w)
    assert gradient.item() == 4992


def leaf():
    return tensorlib.ones(1, dtype=tensorlib.bfloat16, requires_grad=True)


def test_second_gradients():
    for dtype in HALVES.values():
        x = tensorlib.tensor([0.5, -1.0], dtype=dtype, requires_grad=True)
        (first,) = tensorlib.autograd.grad(x.tanh().sum(), x, create_graph=True)
        (second,) = tensorlib.autograd.grad(first.sum(), x)
        wide = x.detach().double().requires_grad_()
        (expected,) = tensorlib.autograd.grad(wide.tanh().sum(), wide, create_graph=True)
        (expected,) = tensorlib.autograd.grad(expected.sum(), wide)
        numpy.testing.assert_allclose(second.double().numpy(), expected.numpy(), rtol=0.02)


def test_bfloat16_in_and_out(tmp_path):
    x = tensorlib.tensor([1.5, -2.0, 3.0], dtype=tensorlib.bfloat16)
    assert repr(x) == "tensor([ 1.5000, -2.0000,  3.0000], dtype=tensorlib.bfloat16)"
    assert (x.type(), x.element_size(), x.is_floating_point(), x.tolist()) == (
        "tensorlib.BFloat16Tensor",
        2,
        True,
        [1.5, -2.0, 3.0],
    )
    tensorlib.save(x, tmp_path / "x")
    again = tensorlib.load(tmp_path / "x")
    assert again.dtype is tensorlib.bfloat16
    assert tensorlib.equal(again, x)
    x[0] = 2.5
    x[x < 0] = 0
    x += 1
    assert x.tolist() == [3.5, 1.0, 4.0]
    assert tensorlib.zeros(2, dtype="bfloat16").normal_().dtype is tensorlib.bfloat16
    assert tensorlib.nn.Linear(2, 2).bfloat16()(tensorlib.ones(1, 2).bfloat16()).dtype is tensorlib.bfloat16
