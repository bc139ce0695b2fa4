"""Reading the memory of another process: one copy instead of two, where the kernel permits it."""

from __future__ import annotations

import ctypes
import os
from typing import Final

import numpy as np


class _Span(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("length", ctypes.c_size_t))


_read: Final = getattr(ctypes.CDLL(None, use_errno=True), "process_vm_readv", None)


def address_of(view: memoryview) -> int:
    """Return where the bytes of a contiguous memoryview are in the memory of this process."""
    address: int = np.frombuffer(view, np.uint8).__array_interface__["data"][0]
    return address


def read_memory(pid: int, address: int, view: memoryview) -> None:
    """Fill `view` with what is at an address of another process.

    Raises:
        OSError: that process is gone, its memory is not there, or the kernel does not permit it.

    >>> data, copy = memoryview(b"hello"), bytearray(5)
    >>> read_memory(os.getpid(), address_of(data), memoryview(copy))
    >>> copy
    bytearray(b'hello')
    """
    if _read is None:
        raise OSError("process_vm_readv: the C library does not have it")
    done, length, start = 0, len(view), address_of(view)
    while done < length:
        here, there = _Span(start + done, length - done), _Span(address + done, length - done)
        count = _read(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
        if count <= 0:
            error = ctypes.get_errno()
            raise OSError(error, f"process_vm_readv: {os.strerror(error)}")
        done += count
