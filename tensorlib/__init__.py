"""Tensors, automatic differentiation and neural networks on NumPy and CuPy, with PyTorch's names."""

from __future__ import annotations

import warnings
from importlib import import_module as _import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from os import environ as _environ
from typing import Any

from tensorlib import autograd as autograd
from tensorlib import conversion as conversion
from tensorlib import distributed as distributed
from tensorlib import history as _history  # noqa: F401 - gives Tensor properties
from tensorlib import layout_methods as _layout_methods  # noqa: F401 - gives Tensor methods, as some of the next
from tensorlib import nn as nn
from tensorlib import older_methods as _older_methods  # noqa: F401 - gives Tensor its methods, as the next
from tensorlib import ops as ops
from tensorlib import optim as optim
from tensorlib import sampling as sampling
from tensorlib import storage_methods as _storage_methods  # noqa: F401
from tensorlib import utils as utils
from tensorlib import windows as windows
from tensorlib.attach import FUNCTIONS as _FUNCTIONS
from tensorlib.autograd.modes import enable_grad as enable_grad
from tensorlib.autograd.modes import inference_mode as inference_mode
from tensorlib.autograd.modes import is_grad_enabled as is_grad_enabled
from tensorlib.autograd.modes import is_inference_mode_enabled as is_inference_mode_enabled
from tensorlib.autograd.modes import no_grad as no_grad
from tensorlib.autograd.modes import set_grad_enabled as set_grad_enabled
from tensorlib.autograd.op import OPS as _OPS
from tensorlib.creation import as_tensor as as_tensor
from tensorlib.creation import empty as empty
from tensorlib.creation import empty_like as empty_like
from tensorlib.creation import eye as eye
from tensorlib.creation import from_numpy as from_numpy
from tensorlib.creation import full as full
from tensorlib.creation import full_like as full_like
from tensorlib.creation import is_floating_point as is_floating_point
from tensorlib.creation import is_tensor as is_tensor
from tensorlib.creation import numel as numel
from tensorlib.creation import ones as ones
from tensorlib.creation import ones_like as ones_like
from tensorlib.creation import tensor as tensor
from tensorlib.creation import zeros as zeros
from tensorlib.creation import zeros_like as zeros_like
from tensorlib.device import device as device
from tensorlib.dtypes import bfloat16 as bfloat16
from tensorlib.dtypes import bool_ as bool  # noqa: F401 - PyTorch's names
from tensorlib.dtypes import complex64 as cfloat  # noqa: F401
from tensorlib.dtypes import complex64 as complex64
from tensorlib.dtypes import complex128 as cdouble  # noqa: F401
from tensorlib.dtypes import complex128 as complex128
from tensorlib.dtypes import dtype as dtype
from tensorlib.dtypes import float16 as float16
from tensorlib.dtypes import float16 as half  # noqa: F401
from tensorlib.dtypes import float32 as float  # noqa: F401
from tensorlib.dtypes import float32 as float32
from tensorlib.dtypes import float64 as double  # noqa: F401
from tensorlib.dtypes import float64 as float64
from tensorlib.dtypes import get_default_dtype as get_default_dtype
from tensorlib.dtypes import int8 as int8
from tensorlib.dtypes import int16 as int16
from tensorlib.dtypes import int16 as short  # noqa: F401
from tensorlib.dtypes import int32 as int  # noqa: F401
from tensorlib.dtypes import int32 as int32
from tensorlib.dtypes import int64 as int64
from tensorlib.dtypes import int64 as long  # noqa: F401
from tensorlib.dtypes import set_default_dtype as set_default_dtype
from tensorlib.dtypes import uint8 as uint8
from tensorlib.exchange import asarray as asarray
from tensorlib.exchange import empty_permuted as empty_permuted
from tensorlib.exchange import empty_strided as empty_strided
from tensorlib.exchange import from_dlpack as from_dlpack
from tensorlib.exchange import from_file as from_file
from tensorlib.exchange import frombuffer as frombuffer
from tensorlib.exchange import scalar_tensor as scalar_tensor
from tensorlib.exchange import to_dlpack as to_dlpack
from tensorlib.history import get_device as get_device
from tensorlib.kernels.memory import keep_freed_memory as _keep_freed_memory
from tensorlib.layouts import channels_last as channels_last
from tensorlib.layouts import channels_last_3d as channels_last_3d
from tensorlib.layouts import contiguous_format as contiguous_format
from tensorlib.layouts import layout as layout
from tensorlib.layouts import memory_format as memory_format
from tensorlib.layouts import preserve_format as preserve_format
from tensorlib.layouts import sparse_coo as sparse_coo
from tensorlib.layouts import strided as strided
from tensorlib.methods import attach_methods as _attach_methods
from tensorlib.placement import get_default_device as get_default_device
from tensorlib.placement import set_default_device as set_default_device
from tensorlib.printing import set_printoptions as set_printoptions
from tensorlib.random import Generator as Generator
from tensorlib.random import default_generator as default_generator
from tensorlib.random import get_rng_state as get_rng_state
from tensorlib.random import initial_seed as initial_seed
from tensorlib.random import manual_seed as manual_seed
from tensorlib.random import rand as rand
from tensorlib.random import rand_like as rand_like
from tensorlib.random import randint as randint
from tensorlib.random import randint_like as randint_like
from tensorlib.random import randn as randn
from tensorlib.random import randn_like as randn_like
from tensorlib.random import randperm as randperm
from tensorlib.random import seed as seed
from tensorlib.random import set_rng_state as set_rng_state
from tensorlib.serialization import load as load
from tensorlib.serialization import save as save
from tensorlib.size import Size as Size
from tensorlib.spacing import arange as arange
from tensorlib.spacing import linspace as linspace
from tensorlib.spacing import logspace as logspace
from tensorlib.spacing import range as range
from tensorlib.storage import STORAGES as _STORAGES
from tensorlib.storage import Storage as Storage
from tensorlib.storage import is_storage as is_storage
from tensorlib.tensor import Tensor as Tensor
from tensorlib.threads import get_num_threads as get_num_threads
from tensorlib.threads import set_num_threads as set_num_threads
from tensorlib.type_info import can_cast as can_cast
from tensorlib.type_info import finfo as finfo
from tensorlib.type_info import iinfo as iinfo
from tensorlib.type_info import promote_types as promote_types
from tensorlib.type_info import result_type as result_type
from tensorlib.typed import TYPES as _TYPES
from tensorlib.typed import set_default_tensor_type as set_default_tensor_type
from tensorlib.utils.safetensors import load_safetensors as load_safetensors
from tensorlib.utils.safetensors import save_safetensors as save_safetensors
from tensorlib.version import __version__ as __version__

newaxis = None  # of an index

# As in PyTorch, log(0) and overflow give inf and nan silently; the user's own NumPy code keeps NumPy's warnings.
warnings.filterwarnings("ignore", r".* encountered in ", RuntimeWarning, r"tensorlib\.")

# The arrays of one training step have the sizes of the step before: memory that is kept need not be asked for again.
if _environ.get("TENSORLIB_KEEP_MEMORY", "1") != "0":
    _keep_freed_memory()

_attach_methods()

# Subpackages that are imported when they are first used, so that `import tensorlib` is quick.
_SUBPACKAGES = (
    "backends",
    "cuda",
    "distributions",
    "fft",
    "linalg",
    "multiprocessing",
    "return_types",
    "sparse",
    "special",
)
_OF_SPARSE = ("hspmm", "smm", "sparse_coo_tensor", "spmm", "sspaddmm")


def __getattr__(name: str) -> Any:
    """Find operations by their name: `tensorlib.mul` is the operation `mul`, `tensorlib.mul_` its in-place variant."""
    if name in _SUBPACKAGES:
        return _import_module(f"tensorlib.{name}")
    if name in _OF_SPARSE:
        return getattr(_import_module("tensorlib.sparse"), name)
    if name in ("is_anomaly_enabled", "is_anomaly_check_nan_enabled"):
        return getattr(_import_module("tensorlib.autograd.anomaly"), name)
    found = _OPS.get(name) or _FUNCTIONS.get(name) or _TYPES.get(name) or _STORAGES.get(name)
    if found is None and name.endswith("_") and not name.startswith("_"):
        found = vars(Tensor).get(name)
    if found is None:
        hint = ""
        if name in ("complex32", "chalf"):
            hint = ": NumPy has no complex numbers of half precision; use complex64, or two float16 tensors"
        raise AttributeError(f"module 'tensorlib' has no attribute {name!r}{hint}")
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBPACKAGES, *_OF_SPARSE, *_OPS, *_FUNCTIONS, *_TYPES, *_STORAGES})
