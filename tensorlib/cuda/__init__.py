"""CUDA devices, through CuPy: which there are, their streams, events and memory, and moving tensors between them.

This can be imported anywhere. CuPy is looked for when it is first needed; without it, or without a device,
`is_available()` is False, seeds are ignored, and everything else says what is missing.
"""

from __future__ import annotations

from typing import Any

from tensorlib.cuda import comm as comm
from tensorlib.cuda import nvtx as nvtx
from tensorlib.cuda import profiler as profiler
from tensorlib.cuda.devices import DeviceProperties as DeviceProperties
from tensorlib.cuda.devices import can_device_access_peer as can_device_access_peer
from tensorlib.cuda.devices import current_blas_handle as current_blas_handle
from tensorlib.cuda.devices import current_device as current_device
from tensorlib.cuda.devices import device as device
from tensorlib.cuda.devices import device as device_ctx_manager  # noqa: F401 - its older name
from tensorlib.cuda.devices import device_count as device_count
from tensorlib.cuda.devices import device_of as device_of
from tensorlib.cuda.devices import get_device_capability as get_device_capability
from tensorlib.cuda.devices import get_device_name as get_device_name
from tensorlib.cuda.devices import get_device_properties as get_device_properties
from tensorlib.cuda.devices import init as init
from tensorlib.cuda.devices import is_available as is_available
from tensorlib.cuda.devices import is_initialized as is_initialized
from tensorlib.cuda.devices import set_device as set_device
from tensorlib.cuda.devices import synchronize as synchronize
from tensorlib.cuda.memory import empty_cache as empty_cache
from tensorlib.cuda.memory import max_memory_allocated as max_memory_allocated
from tensorlib.cuda.memory import max_memory_cached as max_memory_cached
from tensorlib.cuda.memory import max_memory_reserved as max_memory_reserved
from tensorlib.cuda.memory import mem_get_info as mem_get_info
from tensorlib.cuda.memory import memory_allocated as memory_allocated
from tensorlib.cuda.memory import memory_cached as memory_cached
from tensorlib.cuda.memory import memory_reserved as memory_reserved
from tensorlib.cuda.memory import memory_stats as memory_stats
from tensorlib.cuda.memory import memory_summary as memory_summary
from tensorlib.cuda.memory import reset_max_memory_allocated as reset_max_memory_allocated
from tensorlib.cuda.memory import reset_max_memory_cached as reset_max_memory_cached
from tensorlib.cuda.memory import reset_peak_memory_stats as reset_peak_memory_stats
from tensorlib.cuda.memory import set_per_process_memory_fraction as set_per_process_memory_fraction
from tensorlib.cuda.random import get_rng_state as get_rng_state
from tensorlib.cuda.random import get_rng_state_all as get_rng_state_all
from tensorlib.cuda.random import initial_seed as initial_seed
from tensorlib.cuda.random import manual_seed as manual_seed
from tensorlib.cuda.random import manual_seed_all as manual_seed_all
from tensorlib.cuda.random import seed as seed
from tensorlib.cuda.random import seed_all as seed_all
from tensorlib.cuda.random import set_rng_state as set_rng_state
from tensorlib.cuda.random import set_rng_state_all as set_rng_state_all
from tensorlib.cuda.streams import Event as Event
from tensorlib.cuda.streams import Stream as Stream
from tensorlib.cuda.streams import current_stream as current_stream
from tensorlib.cuda.streams import default_stream as default_stream
from tensorlib.cuda.streams import set_stream as set_stream
from tensorlib.cuda.streams import stream as stream
from tensorlib.typed import types_of as _types_of

_TYPES = _types_of(is_cuda=True)


def __getattr__(name: str) -> Any:
    """Find the types of tensors on CUDA devices: FloatTensor, LongTensor and so on."""
    if name not in _TYPES:
        raise AttributeError(f"module 'tensorlib.cuda' has no attribute {name!r}")
    return _TYPES[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_TYPES})
