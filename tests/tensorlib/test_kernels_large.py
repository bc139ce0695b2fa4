"""Kernels for large arrays: sums, exponentials and copies give what NumPy and SciPy give, and the same bits again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import tensorlib
from tensorlib.kernels import exponential
from tensorlib.kernels.copying import row_major_copy
from tensorlib.kernels.gathering import gathered_rows
from tensorlib.kernels.sums import sum_along


def numbers(*shape: int, dtype: str = "f4") -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((700, 1000), None), ((700, 1000), (1,)), ((700, 1000), (0,)), ((70, 100, 100), (1, 2)),
        ((70, 100, 100), (2, 1)), ((70, 100, 100), (0, 2)), ((7, 1500, 40), (1, 2)), ((20001,), None),
        ((999_999,), (0,)), ((3, 6000), (1,)), ((100_000, 3), (1,)), ((0, 5), (1,)), ((4, 0), (1,)),
        ((3, 4), (0, 1)), ((), None),
    ],
)  # fmt: skip
def test_sums(shape: tuple[int, ...], axes: Any, keepdims: bool, dtype: str) -> None:
    x = numbers(*shape, dtype=dtype)
    found, expected = sum_along(x, axes, keepdims), x.astype("f8").sum(axis=axes, keepdims=keepdims)
    assert np.shape(found) == np.shape(expected)
    assert found.dtype == x.dtype
    scale = np.abs(x).astype("f8").sum(axis=axes, keepdims=keepdims)
    assert np.all(np.abs(found - expected) <= {"f2": 2e-3, "f4": 1e-6, "f8": 1e-15}[dtype] * scale)
    np.testing.assert_array_equal(found, sum_along(x.copy(), axes, keepdims))


def test_sums_of_what_is_not_finite() -> None:
    x = numbers(600, 600)
    x[0, 0], x[1, 0], x[2, 599], x[3, 0], x[3, 1] = np.inf, np.nan, -np.inf, np.inf, -np.inf
    np.testing.assert_array_equal(sum_along(x, (1,), False)[:4], [np.inf, np.nan, -np.inf, np.nan])
    assert np.isnan(sum_along(x, None, False))


def test_sums_of_transposed_and_strided_arrays() -> None:
    x = numbers(600, 600)
    for view in (x.T, x[:, ::2], x[::-1]):
        np.testing.assert_allclose(sum_along(view, (1,), False), view.astype("f8").sum(1), rtol=1e-4, atol=1e-4)


def special_rows() -> Any:
    x = numbers(300, 300) * 20
    x[0], x[1], x[2], x[3], x[4], x[4, 0] = np.nan, -np.inf, np.inf, 0, -1e30, 0
    x[5, 7], x[6, 8] = np.nan, -np.inf
    return x


def test_softmax_and_its_logarithm() -> None:
    x = special_rows()
    with np.errstate(all="ignore"):
        expected, logarithm = (f(x.astype("f8"), axis=1) for f in (scipy.special.softmax, scipy.special.log_softmax))
        np.testing.assert_allclose(exponential.softmax(x), expected, rtol=2e-5, atol=1e-37)
        np.testing.assert_allclose(exponential.log_softmax(x), logarithm, rtol=1e-5, atol=1e-5)


def test_sigmoid() -> None:
    x = np.concatenate([np.linspace(-87, 100, 100_000), [np.nan, np.inf, 0]]).astype("f4")
    np.testing.assert_allclose(exponential.sigmoid(x), scipy.special.expit(x.astype("f8")), rtol=3e-7)
    far = exponential.sigmoid(np.full(100_000, -np.inf, "f4"))
    assert 0 <= far.min() <= far.max() < 1e-37


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sigmoid"])
def test_large_and_small_tensors_agree(name: str) -> None:
    x = tensorlib.from_numpy(numbers(300, 300))
    function = getattr(tensorlib, name)
    options = () if name == "sigmoid" else (1,)
    assert exponential.suits(x.numpy())
    small = tensorlib.cat([function(rows, *options) for rows in x.split(10)])
    assert tensorlib.allclose(function(x, *options), small, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(300, 200), (2, 3, 150, 160), (5, 4)])
@pytest.mark.parametrize("dtype", ["f4", "i8", "?", "c16"])
def test_copies_of_views(shape: tuple[int, ...], dtype: str) -> None:
    x = numbers(*shape, dtype="f8").astype(dtype)
    for view in (x, x.swapaxes(-1, -2), x.T, x[..., ::2], x[..., ::-1], np.broadcast_to(x[..., :1], shape)):
        copy = row_major_copy(view)
        np.testing.assert_array_equal(copy, view)
        assert copy.flags.c_contiguous
        assert not np.may_share_memory(copy, x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gathered_rows(dtype):
    x = np.random.default_rng(0).normal(size=(2, 300, 400)).astype(dtype)
    index = np.random.default_rng(1).integers(0, 400, (2, 300, 120))
    np.testing.assert_array_equal(gathered_rows(x, index), np.take_along_axis(x, index, -1))
    ours = tensorlib.gather(tensorlib.from_numpy(x), 2, tensorlib.from_numpy(index))
    np.testing.assert_array_equal(ours.numpy(), np.take_along_axis(x, index, -1))
    for others in ((x[:, ::2], index[:, ::2]), (x, index.astype("i4")), (x, index[:, :10]), (x.astype("i8"), index)):
        assert gathered_rows(*others) is None
    for wrong in (-1, 400):
        index[1, 7, 9] = wrong
        with pytest.raises(IndexError, match=f"gather: index {wrong} is out of range for a dimension of length 400"):
            tensorlib.gather(tensorlib.from_numpy(x), 2, tensorlib.from_numpy(index))


def test_gather_by_an_expanded_index():
    x = np.random.default_rng(0).normal(size=(600, 400)).astype("f4")
    index = np.broadcast_to(np.arange(0, 400, 2)[::-1], (600, 200))
    assert not index.flags.writeable
    np.testing.assert_array_equal(gathered_rows(x, index), x[:, ::2][:, ::-1])
    places = tensorlib.arange(0, 800, 2).expand(600, 400)
    with pytest.raises(IndexError, match="gather: index 798 is out of range for a dimension of length 400"):
        tensorlib.gather(tensorlib.from_numpy(x), 1, places)


def test_read_only_memory_is_added_up():
    x = numbers(1024, 1024)
    x.flags.writeable = False
    np.testing.assert_allclose(sum_along(x, None, False), x.sum(dtype="f8"), rtol=1e-4)
    np.testing.assert_allclose(sum_along(x, (1,), False), x.sum(1, dtype="f8"), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("number", [2, 0.5])
def test_a_large_view_with_gaps_plus_a_number(number):
    x = numbers(300, 400)
    view = x[::2, ::2].T
    total = tensorlib.from_numpy(x)[::2, ::2].t() + number
    np.testing.assert_array_equal(total.numpy(), view + number)
    assert total.numpy().strides == (view + number).strides
    np.testing.assert_array_equal(x, numbers(300, 400))
