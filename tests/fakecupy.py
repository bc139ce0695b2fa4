"""A stand-in for CuPy in host memory: refuses what CuPy refuses, so that mistakes with devices show without a GPU.

Its arrays are no NumPy arrays. They do not mix with them, do not become them unless asked with `get()`, and never hold
objects or strings. Reductions give 0-d arrays, not scalars. Only functions that CuPy has are there. What is computed
must lie on the current device, where the result comes to lie too; views lie where the array does.
"""

from __future__ import annotations

import gc
import sys
from types import ModuleType, SimpleNamespace

import numpy
import scipy.linalg
import scipy.special

from tensorlib import _xp
from tests import fakecuda
from tests.fakecuda import Device, State

# Functions of NumPy that CuPy offers under the same name and that work on arrays. Look a name up in CuPy's reference
# before adding it.
FUNCTIONS_TEXT = """
    abs absolute add all allclose amax amin angle any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax
    argmin argpartition argsort around array array_equal asarray ascontiguousarray bincount bitwise_and bitwise_not
    bitwise_or bitwise_xor broadcast_to cbrt ceil clip concatenate conj copysign cos cosh count_nonzero cumprod
    cumsum deg2rad diag diagonal divide dot einsum empty empty_like equal exp exp2 expand_dims expm1 eye fabs flip
    floor floor_divide fmax fmin fmod frexp full full_like gcd greater greater_equal hypot imag invert isclose
    isfinite isinf isnan lcm left_shift less less_equal linspace log log10 log1p log2 logaddexp logaddexp2
    logical_and logical_not logical_or logical_xor matmul max maximum may_share_memory mean median min minimum mod
    moveaxis multiply nan_to_num negative nextafter nonzero not_equal ones ones_like pad partition power prod ravel
    real reciprocal remainder repeat reshape right_shift roll round searchsorted shares_memory sign signbit sin sinc
    sinh sort sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot tile trace
    transpose tril triu true_divide trunc unique var where zeros zeros_like
"""
FUNCTIONS = frozenset(FUNCTIONS_TEXT.split())
SPECIAL_FUNCTIONS_TEXT = """
    digamma entr erf erfc erfcx erfinv expit gammainc gammaincc gammaln i0 i0e i1 i1e j0 j1 k0 k0e k1 k1e log_ndtr
    log_softmax logit ndtr ndtri psi xlog1py xlogy y0 y1 zeta
"""
LINEAR_ALGEBRA = ("cholesky", "det", "eigh", "eigvalsh", "inv", "pinv", "qr", "slogdet", "solve", "svd")
FOURIER = ("fftn", "ifftn", "irfft", "rfft")
CONSTANTS_TEXT = """
    inf nan pi e newaxis finfo iinfo dtype errstate int8 int16 int32 int64 uint8 float16 float32 float64 bool_
    complex64 complex128
"""
CONSTANTS = frozenset(CONSTANTS_TEXT.split())
METHODS_TEXT = """
    all any argmax argmin argsort astype clip conj copy cumprod cumsum diagonal dot fill flatten max mean min
    nonzero prod ravel repeat reshape round squeeze std sum swapaxes take trace transpose var view
"""
METHODS = frozenset(METHODS_TEXT.split())
OPERATORS_TEXT = """
    add sub mul truediv floordiv mod pow matmul and or xor lshift rshift lt le gt ge eq ne
"""
OPERATORS = frozenset(OPERATORS_TEXT.split())


class ndarray:  # noqa: N801 - its name there
    """An array on the device that is none."""

    __hash__ = None
    __array_ufunc__ = None  # NumPy's functions and operators refuse it

    def __init__(self, array, index=None):
        if array.dtype.kind not in "biufc":
            raise TypeError(f"Unsupported dtype {array.dtype}")
        self._host = array
        self._index = State.device if index is None else index
        if State.hooks and array.base is None:
            fakecuda.allocated(array.nbytes)

    def get(self):
        """Copy to the host."""
        return self._host.copy()

    def set(self, array):
        """Copy from the host, into memory without gaps."""
        if type(array) is not numpy.ndarray or (array.dtype, array.shape) != (self.dtype, self.shape):
            raise TypeError("Array must be a NumPy array of this dtype and shape")
        if not (self._host.flags.c_contiguous or self._host.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        check_device([self])
        self._host[...] = array

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    @property
    def flags(self):
        flags = self._host.flags
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata)

    @property
    def device(self):
        return Device(self._index)

    @property
    def data(self):
        return SimpleNamespace(ptr=self._host.__array_interface__["data"][0])

    def __getattr__(self, name):
        if name in ("shape", "dtype", "ndim", "size", "strides", "itemsize", "nbytes"):
            return getattr(self._host, name)
        if name in ("T", "real", "imag", "base"):
            return on_device(getattr(self._host, name), self._index)
        if name not in METHODS:
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        if name == "copy":  # which may cross from one device to another
            return lambda *args, **options: on_device(self._host.copy(*args, **options))
        return guarded(getattr(self._host, name), self)

    def diagonal(self, *args):
        found = self._host.diagonal(*args)
        found.flags.writeable = True  # as it is in CuPy
        return ndarray(found, self._index)

    def item(self, *args):
        return self._host.item(*args)

    def tolist(self):
        return self._host.tolist()

    def __getitem__(self, index):
        return placed(self._host[on_host(index)], [self, *arrays_in(index)])

    def __setitem__(self, index, value):
        check_device([self, *arrays_in((index, value))])
        self._host[on_host(index)] = on_host(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __bool__(self):
        return bool(self._host)

    def __int__(self):
        return int(self._host)

    def __float__(self):
        return float(self._host)

    def __index__(self):
        return self._host.__index__()

    def __neg__(self):
        return placed(-self._host, [self])

    def __invert__(self):
        return placed(~self._host, [self])

    def __abs__(self):
        return placed(abs(self._host), [self])


def attach_operators():
    for name in OPERATORS:
        for full in (f"__{name}__", f"__r{name}__", f"__i{name}__"):
            if hasattr(numpy.ndarray, full):
                setattr(ndarray, full, operator_method(full))


def operator_method(name):
    def method(self, other):
        check_device([self, *arrays_in(other)])
        with numpy.errstate(all="ignore"):
            result = getattr(self._host, name)(on_host(other))
        return self if result is self._host else on_device(result)

    return method


def on_host(value):
    """Return a value with host arrays for arrays; NumPy's arrays are refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(on_host(item) for item in value)
    return value


def on_device(value, index=None):
    """Return a value with arrays for host arrays and for NumPy's scalars, on the current device unless told."""
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return ndarray(numpy.asarray(value), index)
    if isinstance(value, tuple):
        return tuple([on_device(item, index) for item in value])
    return [on_device(item, index) for item in value] if isinstance(value, list) else value


def arrays_in(value):
    """Return the arrays on devices in an argument."""
    if isinstance(value, ndarray):
        return [value]
    return [array for item in value for array in arrays_in(item)] if isinstance(value, (list, tuple)) else []


def check_device(arrays):
    """Refuse to compute with arrays that are not on the current device."""
    for array in arrays:
        if array._index != State.device:
            raise ValueError(
                f"The device where the array resides ({array._index}) is different from the current device "
                f"({State.device}). Peer access is unavailable between these devices."
            )


def placed(result, sources):
    """Return a result of arrays: a view is on the array's device, what is computed on the current one."""
    if all(array._index == State.device for array in sources):
        return on_device(result)
    views = result if isinstance(result, (list, tuple)) else [result]
    hosts = [array._host for array in sources]
    if not all(isinstance(view, numpy.ndarray) and view.base is not None for view in views) or not any(
        numpy.may_share_memory(view, host) for view in views for host in hosts
    ):
        check_device(sources)
    return on_device(result, sources[0]._index)


def guarded(function, owner=None):
    """Return a function of arrays on the device; `owner` is the array whose method it is."""

    def call(*args, **kwargs):
        options = {name: on_host(value) for name, value in kwargs.items()}
        sources = arrays_in([owner, *args, *kwargs.values()])
        with numpy.errstate(all="ignore"):  # a device does not warn
            return placed(function(*on_host(args), **options), sources)

    call.__name__ = function.__name__
    if isinstance(function, numpy.ufunc):
        call.accumulate = guarded(function.accumulate)
        call.at = lambda target, index, values: function.at(target._host, on_host(index), on_host(values))
    return call


def array(value, dtype=None, **_):
    """Copy to the device; this is where NumPy's arrays are welcome."""
    return ndarray(numpy.array(value._host if isinstance(value, ndarray) else value, dtype))


def asarray(value, dtype=None, **_):
    """Do as `array`; what is on the current device and of the type already stays as it is."""
    there = isinstance(value, ndarray) and value._index == State.device and dtype in (None, value.dtype)
    return value if there else array(value, dtype)


def make_module():
    """Return the module."""
    module = ModuleType("cupy", __doc__)
    for name in FUNCTIONS:
        setattr(module, name, guarded(getattr(numpy, name)))
    for name in CONSTANTS:
        setattr(module, name, getattr(numpy, name))
    module.ndarray, module.asarray, module.array = ndarray, asarray, array
    module.asnumpy = lambda array: array.get()
    module.cuda = fakecuda.cuda
    pools = fakecuda.MemoryPool(bytes_on), fakecuda.MemoryPool(lambda index: 0)
    module.get_default_memory_pool, module.get_default_pinned_memory_pool = (lambda: pools[0]), (lambda: pools[1])
    module.linalg = SimpleNamespace(**{name: guarded(getattr(numpy.linalg, name)) for name in LINEAR_ALGEBRA})
    tricks = SimpleNamespace(as_strided=guarded(numpy.lib.stride_tricks.as_strided))
    module.lib = SimpleNamespace(stride_tricks=tricks)
    module.fft = SimpleNamespace(**{name: guarded(getattr(numpy.fft, name)) for name in FOURIER})
    return module


def bytes_on(index):
    """Return how many bytes the arrays on a device take."""
    arrays = [each for each in gc.get_objects() if type(each) is ndarray and "_index" in vars(each)]
    return sum(array._host.nbytes for array in arrays if array._index == index and array._host.base is None)


def linear_algebra_module():
    """Return the module of SciPy's functions of matrices."""
    module = ModuleType("cupyx.scipy.linalg")
    module.lu_factor = guarded(scipy.linalg.lu_factor)
    return module


def special_module():
    """Return the module of special functions."""
    module = ModuleType("cupyx.scipy.special")
    for name in SPECIAL_FUNCTIONS_TEXT.split():
        setattr(module, name, guarded(getattr(scipy.special, name)))
    return module


def install(monkeypatch):
    """Let tensorlib take the stand-in for CuPy, for the time of a test."""
    fakecuda.reset()
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx.scipy.special", SPECIAL)
    monkeypatch.setitem(sys.modules, "cupyx.scipy.linalg", LINALG)
    _xp.register_array_type(ndarray, cupy)


attach_operators()
cupy = make_module()
SPECIAL = special_module()
LINALG = linear_algebra_module()
