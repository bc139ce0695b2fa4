"""What every operation says about arguments of the wrong kind: one error that names it, whatever its family."""

from __future__ import annotations

import inspect

import numpy
import pytest

import tensorlib
from tensorlib.attach import FUNCTIONS
from tensorlib.autograd.op import NEEDS_ORDER, OPS
from tensorlib.errors import DeviceError, ShapeError
from tests import fakecupy
from tests.tensorlib.op_table import SAMPLES

CALLS = {}
for _sample in SAMPLES:
    if _sample.args and isinstance(_sample.args[0], numpy.ndarray):
        CALLS.setdefault(_sample.op, _sample)
INTERNAL = {"dft_of_real", "gather_backward", "split_pieces"}  # they get dimensions that were looked at
ERRORS = (TypeError, ValueError, RuntimeError, IndexError)


def function_of(name):
    return OPS.get(name) or getattr(tensorlib, name)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_text_for_a_tensor_is_a_type_error(name):
    args, options = CALLS[name].tensors()
    with pytest.raises(TypeError) as caught:
        function_of(name)("text", *args[1:], **options)
    assert "str" in str(caught.value)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_an_unknown_argument_is_a_type_error(name):
    args, options = CALLS[name].tensors()
    with pytest.raises(TypeError, match="no_such_argument"):
        function_of(name)(*args, **options, no_such_argument=1)


def parameters(name):
    """Return the names of an operation's or function's parameters, if none of them stands for several arguments."""
    function = FUNCTIONS.get(name)
    found = (inspect.signature(function) if function else OPS[name].signature.public).parameters
    several = any(each.kind is each.VAR_POSITIONAL for each in found.values())
    return [] if several or (name in OPS and OPS[name].signature.packs) else list(found)


@pytest.mark.parametrize(
    "name", sorted(name for name in CALLS if "dim" in parameters(name)[1:] and name not in INTERNAL)
)
def test_a_dimension_out_of_range_is_named(name):
    args, options = CALLS[name].tensors()
    named = {**dict(zip(parameters(name), args, strict=False)), **options, "dim": 99}
    with pytest.raises(ERRORS) as caught:
        function_of(name)(args[0], **{key: value for key, value in named.items() if key != parameters(name)[0]})
    assert "99" in str(caught.value)


BROADCASTING = sorted(
    name
    for name, op in OPS.items()
    if op.name == name and op.promotion is not None and op.signature.required_inputs > 1
)


@pytest.mark.parametrize("name", BROADCASTING)
def test_shapes_that_do_not_broadcast_are_named(name):
    count = OPS[name].signature.required_inputs
    kind = tensorlib.int64 if name.startswith("bitwise") or name in ("gcd", "lcm") else tensorlib.float32
    shapes = [(2, 3), (4,)] + [(1,)] * (count - 2)
    with pytest.raises(ShapeError, match=r"The size of tensor a \(3\) must match the size of tensor b \(4\)") as caught:
        OPS[name](*[tensorlib.ones(*shape, dtype=kind) for shape in shapes], **required_options(name))
    assert str(caught.value).startswith(f"{name}: ")


def required_options(name):
    return dict.fromkeys(OPS[name].signature.required_options, 1)


@pytest.mark.parametrize("name", BROADCASTING)
def test_tensors_on_two_devices_are_named(name, monkeypatch):
    fakecupy.install(monkeypatch)
    count = OPS[name].signature.required_inputs
    kind = tensorlib.int64 if name.startswith("bitwise") or name in ("gcd", "lcm") else tensorlib.float32
    tensors = [tensorlib.ones(2, dtype=kind) for _ in range(count)]
    with pytest.raises(DeviceError, match=r"cpu.*cuda|cuda.*cpu"):
        OPS[name](tensors[0].cuda(), *tensors[1:], **required_options(name))


@pytest.mark.parametrize("name", sorted(NEEDS_ORDER & OPS.keys()))
def test_complex_numbers_are_refused_where_order_matters(name):
    op = OPS[name]
    tensors = [tensorlib.ones(3, 3, dtype=tensorlib.complex64)] * max(op.signature.required_inputs, 1)
    with pytest.raises(TypeError, match=f"^{op.name}: .*complex"):
        op(*tensors, **required_options(name))
