"""Memory of others, types, threads, and plain questions."""

from __future__ import annotations

import array
import subprocess
import sys

import numpy
import pytest

import tensorlib
from tensorlib.errors import ArgumentError, GraphError, ShapeError


def test_dlpack_shares_memory_both_ways():
    x = tensorlib.arange(6.0).view(2, 3).t()
    other = numpy.from_dlpack(x)
    assert (other.shape, other.strides) == ((3, 2), (4, 12))
    other[0, 0] = 9
    assert x[0, 0] == 9
    y = tensorlib.from_dlpack(numpy.zeros(2, "i8"))
    assert y.dtype is tensorlib.int64
    assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(GraphError, match="dlpack: the tensor requires a gradient"):
        numpy.from_dlpack(tensorlib.ones(1, requires_grad=True))
    with pytest.raises(TypeError, match="from_dlpack: needs an object with __dlpack__, not list"):
        tensorlib.from_dlpack([1])


def test_asarray():
    x = numpy.arange(3.0)
    shared = tensorlib.asarray(x)
    x[0] = 5
    assert shared[0] == 5
    assert tensorlib.asarray(x, copy=True).data_ptr() != shared.data_ptr()
    assert tensorlib.asarray(shared) is shared
    assert tensorlib.asarray([1.0], requires_grad=True).requires_grad
    assert tensorlib.asarray(3).shape == ()
    with pytest.raises(ArgumentError, match="asarray: copy=False, but the data has to be copied"):
        tensorlib.asarray(x, dtype=tensorlib.float32, copy=False)
    with pytest.raises(ArgumentError, match="asarray: copy=False"):
        tensorlib.asarray([1.0], copy=False)


def test_buffers_and_files(tmp_path):
    numbers = array.array("d", [1.0, 2.0, 3.0])
    x = tensorlib.frombuffer(numbers, dtype=tensorlib.float64, count=2, offset=8)
    x[0] = 7
    assert numbers[1] == 7
    with pytest.raises(ArgumentError, match="frombuffer: "):
        tensorlib.frombuffer(b"123", dtype=tensorlib.int16)
    shared = tensorlib.from_file(tmp_path / "x", shared=True, size=2, dtype=tensorlib.int32)
    shared[1] = 3
    assert tensorlib.from_file(tmp_path / "x", dtype=tensorlib.int32).tolist() == [0, 3]
    assert tensorlib.empty_strided((2, 2), (0, 3)).stride() == (0, 3)
    assert tensorlib.scalar_tensor(3).dtype is tensorlib.float32
    with pytest.raises(ArgumentError, match="empty_strided: size"):
        tensorlib.empty_strided((2,), (1, 1))


def test_limits_of_types():
    for name in ("float16", "float32", "float64", "complex64"):
        ours, theirs = tensorlib.finfo(getattr(tensorlib, name)), numpy.finfo(name)
        assert (ours.eps, ours.max, ours.min, ours.tiny, ours.bits) == tuple(
            float(v) for v in (theirs.eps, theirs.max, theirs.min, theirs.tiny, theirs.bits)
        )
    assert tensorlib.finfo(tensorlib.bfloat16).eps == 2**-7
    assert tensorlib.finfo().dtype == "float32"
    assert (tensorlib.iinfo("uint8").max, tensorlib.iinfo("uint8").bits) == (255, 8)
    assert "eps=" in repr(tensorlib.finfo())
    with pytest.raises(TypeError, match=r"finfo: needs a floating point type, not tensorlib.int64"):
        tensorlib.finfo(tensorlib.int64)
    with pytest.raises(TypeError, match=r"iinfo: needs an integer type, not tensorlib.float32"):
        tensorlib.iinfo(tensorlib.float32)


def test_common_types():
    assert tensorlib.result_type(tensorlib.ones(2, dtype=tensorlib.int8), 2.5) is tensorlib.float32
    assert tensorlib.promote_types("uint8", "int8") is tensorlib.int16
    assert tensorlib.can_cast("int64", "float16")
    assert not tensorlib.can_cast("complex64", "float64")


def test_threads():
    code = """
import numpy, tensorlib, threadpoolctl
tensorlib.set_num_threads(1)
assert tensorlib.get_num_threads() == 1
assert all(pool["num_threads"] == 1 for pool in threadpoolctl.threadpool_info())
for wrong, kind in ((0, ValueError), (1.5, TypeError)):
    try:
        tensorlib.set_num_threads(wrong)
    except kind as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [
        "set_num_threads: needs one thread or more, not 0",
        "set_num_threads: needs an integer, not float",
    ]


def test_questions():
    x = tensorlib.ones(2)
    assert tensorlib.is_nonzero(tensorlib.tensor(2))
    assert tensorlib.is_same_size(x, x * 2)
    assert not tensorlib.is_conj(x)
    assert not tensorlib.is_neg(x)
    assert tensorlib.is_signed(x)
    with pytest.raises(ShapeError, match="bool: "):
        tensorlib.is_nonzero(x)
    with pytest.raises(TypeError, match="isposinf: complex numbers have no sign"):
        tensorlib.isposinf(x + 1j)
    with pytest.raises(ArgumentError, match="gradient: edge_order is 3"):
        tensorlib.gradient(x, edge_order=3)
    with pytest.raises(ArgumentError, match="gradient: 2 spacings given for 1 dimensions"):
        tensorlib.gradient(x, spacing=(1, 1))
    with pytest.raises(ShapeError, match="gradient: dimension 0 of length 2 is too short for edge_order 2"):
        tensorlib.gradient(x, edge_order=2)


def test_capsules():
    x = tensorlib.arange(6.0).reshape(2, 3).t()
    y = tensorlib.utils.dlpack.from_dlpack(tensorlib.utils.dlpack.to_dlpack(x))
    assert y.stride() == x.stride()
    assert y.data_ptr() == x.data_ptr()
    with pytest.raises(TypeError, match="from_dlpack: needs an object with __dlpack__, not int"):
        tensorlib.from_dlpack(3)
