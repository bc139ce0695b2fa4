"""The backend `nccl`: NCCL runs the collectives of tensors on devices; messages take the way of the default backend.

A message from one rank to another is copied to host memory and back, since NCCL knows neither tags nor "from any rank".
"""

from __future__ import annotations

from functools import partial
from importlib import import_module

from dist.backends import Backend
from dist.nccl.collectives import NcclCollectives
from dist.transport.shared_memory.backend import connect


def backend() -> Backend:
    """Return the backend.

    Raises:
        ImportError: CuPy, or CuPy's support for NCCL, is not there.
    """
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise ImportError(f"backend nccl needs CuPy with NCCL: pip install 'tensorlib[cuda12]': {error}") from None
    if not cupy.cuda.nccl.available:
        raise ImportError("backend nccl needs CuPy with NCCL: this CuPy was built without it")
    return Backend(connect, partial(NcclCollectives, cupy))
