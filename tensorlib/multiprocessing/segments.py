"""Segments of memory that processes share, and the two strategies by which one process tells another of a segment.

`file_descriptor`: the segment has no name; its file descriptor is passed through a socket (SCM_RIGHTS). The system
frees it with the last process that has it, however that process ends.

`file_system`: the segment is a file in /dev/shm, and its name is passed. Its last eight bytes count who holds it:
processes, and messages on their way. Who brings the count to zero removes the file. What killed processes held is
removed by the standard library's resource tracker, a process that outlives all that were started from one.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import secrets
import threading
import weakref
from contextlib import suppress
from multiprocessing import process, reduction, resource_tracker, util
from typing import Any

import numpy

from tensorlib.errors import ArgumentError

DIRECTORY = "/dev/shm"
COUNT_BYTES = 8
# Held by a thread that makes segments and moves tensors there, and while the process forks: a child must find nothing
# half made.
making = threading.RLock()
AFTER_QUEUES = -100  # the exit priority of multiprocessing.util; queues send what is left at -5

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Segment:
    """Shared memory as this process sees it, unmapped when the last array in it is gone.

    The mapping is made by hand because Python's `mmap` keeps a file descriptor for each.

    Attributes:
        address: where it starts.
        version: the version counter of the tensors in it.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        access = mmap.PROT_READ | mmap.PROT_WRITE
        address = _libc.mmap(None, size, access, mmap.MAP_SHARED, descriptor, 0)
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.address: int = address
        self.size = size
        self.version = [0]
        self.__array_interface__ = {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}
        weakref.finalize(self, _libc.munmap, address, size).atexit = False

    def array(self, kind: Any, shape: Any, offset: int, strides: Any) -> Any:
        """Return an array in the segment, which keeps it mapped; offset and strides are in bytes."""
        return numpy.ndarray(shape, kind, numpy.asarray(self), offset, strides)


# -- file descriptors ----------------------------------------------------------------------------------------------


class DescriptorSegment(Segment):
    """A segment without a name. It is pickled as its file descriptor."""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__(descriptor, size)
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor).atexit = False
        _described[identity(descriptor)] = self

    @classmethod
    def create(cls, size: int) -> DescriptorSegment:
        """Make a new one."""
        descriptor = os.memfd_create("tensorlib")
        try:
            os.ftruncate(descriptor, size)
            return cls(descriptor, size)
        except OSError:
            os.close(descriptor)
            raise

    def __reduce__(self) -> Any:
        return received_descriptor, (reduction.DupFd(self.descriptor), self.size)


_described: weakref.WeakValueDictionary[tuple[int, int], DescriptorSegment] = weakref.WeakValueDictionary()


def identity(descriptor: int) -> tuple[int, int]:
    """Return what tells the file behind a descriptor from all others."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def received_descriptor(sent: Any, size: int) -> DescriptorSegment:
    """Return the segment behind a descriptor that was sent, the same one each time.

    Raises:
        ConnectionError: the sender, which holds it until it is fetched, has ended.
    """
    try:
        descriptor: int = sent.detach()
    except (ConnectionError, EOFError, FileNotFoundError) as error:
        raise ConnectionError(
            "receiving a tensor: the process that sent it has ended; it must live until then, "
            "or use set_sharing_strategy('file_system')"
        ) from error
    known = _described.get(identity(descriptor))
    if known is None:
        return DescriptorSegment(descriptor, size)
    os.close(descriptor)
    return known


# -- names ---------------------------------------------------------------------------------------------------------


class NamedSegment(Segment):
    """A segment that is a file in /dev/shm. It is pickled as its name."""

    def __init__(self, name: str, descriptor: int) -> None:
        super().__init__(descriptor, os.fstat(descriptor).st_size - COUNT_BYTES)
        self.name = name
        self.holding = weakref.finalize(self, give_up, name)
        self.holding.atexit = False  # queues may have to send it even later, see _release_at_exit
        _named[name] = self

    @classmethod
    def create(cls, size: int) -> NamedSegment:
        """Make a new one."""
        name = f"tensorlib-{os.getpid()}-{secrets.token_hex(8)}"
        with making:
            resource_tracker.register(f"/{name}", "shared_memory")
            descriptor = os.open(f"{DIRECTORY}/{name}", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size + COUNT_BYTES)  # a full /dev/shm says so now, not by SIGBUS
                os.pwrite(descriptor, (1).to_bytes(COUNT_BYTES, "little"), size)
                return cls(name, descriptor)
            except OSError:
                remove(name)
                raise
            finally:
                os.close(descriptor)

    def __reduce__(self) -> Any:
        change_count(self.name, +1)  # for the message
        return received_name, (self.name,)


_named: weakref.WeakValueDictionary[str, NamedSegment] = weakref.WeakValueDictionary()


def received_name(name: str) -> NamedSegment:
    """Return the segment of a name that was sent, the same one each time; it takes over what the message held.

    Raises:
        FileNotFoundError: the file was removed meanwhile.
    """
    with making:
        known = _named.get(name)
        if known is None:
            descriptor = os.open(f"{DIRECTORY}/{name}", os.O_RDWR | os.O_CLOEXEC)
            try:
                return NamedSegment(name, descriptor)
            finally:
                os.close(descriptor)
    change_count(name, -1)
    return known


def change_count(name: str, change: int) -> None:
    """Change how many hold a segment; remove it where none is left."""
    descriptor = os.open(f"{DIRECTORY}/{name}", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        position = os.fstat(descriptor).st_size - COUNT_BYTES
        count = int.from_bytes(os.pread(descriptor, COUNT_BYTES, position), "little") + change
        os.pwrite(descriptor, count.to_bytes(COUNT_BYTES, "little"), position)
        if not count:
            remove(name)
    finally:
        os.close(descriptor)


def give_up(name: str) -> None:
    """Hold a segment no longer. That somebody else has cleaned up in /dev/shm does not matter any more."""
    with suppress(FileNotFoundError):
        change_count(name, -1)


def remove(name: str) -> None:
    """Remove the file of a segment; who has it mapped keeps its memory."""
    os.unlink(f"{DIRECTORY}/{name}")
    resource_tracker.unregister(f"/{name}", "shared_memory")


# -- processes that are forked, and the end of processes -----------------------------------------------------------


def _before_fork() -> None:
    """Let the child hold what the parent holds."""
    making.acquire()
    for name in list(_named):
        with suppress(FileNotFoundError):
            change_count(name, +1)


def _in_child() -> None:
    making.release()
    _release_at_exit()


def _release_at_exit(_: object = None) -> None:
    """Have this process give up its named segments when it ends, after its queues have sent what they hold."""
    util.Finalize(None, _release_all, exitpriority=AFTER_QUEUES)


def _release_all() -> None:
    for segment in list(_named.values()):
        if segment.holding.detach():  # finalizers themselves may no longer run
            give_up(segment.name)


_release_at_exit()
os.register_at_fork(before=_before_fork, after_in_parent=making.release, after_in_child=_in_child)
util.register_after_fork(making, _release_at_exit)  # processes of multiprocessing forget what is to be done at exit

# -- strategies ----------------------------------------------------------------------------------------------------

STRATEGIES: dict[str, type[DescriptorSegment | NamedSegment]] = {
    "file_descriptor": DescriptorSegment,
    "file_system": NamedSegment,
}


class _Current:
    strategy = "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """Return the names of the ways to share memory.

    Example:
        >>> sorted(tensorlib.multiprocessing.get_all_sharing_strategies())
        ['file_descriptor', 'file_system']
    """
    return set(STRATEGIES)


def get_sharing_strategy() -> str:
    """Return the name of the way in which tensors are moved to shared memory from now on.

    Example:
        >>> tensorlib.multiprocessing.get_sharing_strategy()
        'file_descriptor'
    """
    return _Current.strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Choose how tensors are moved to shared memory from now on, in this process and in those forked from it.

    With `file_descriptor` every shared tensor takes a file descriptor of every process (`ulimit -n`), and the sender
    must live until the receiver has its message. Nothing is ever left behind.

    With `file_system` shared tensors are files in /dev/shm, and need no descriptors. What killed processes leave there
    is removed when the last process of the family, those started from one, has ended. It has to be chosen before
    processes are forked.

    Args:
        new_strategy: one of `get_all_sharing_strategies()`.

    Raises:
        ArgumentError: there is no such strategy, or `file_system` is chosen in a forked process first.

    Example:
        >>> tensorlib.multiprocessing.set_sharing_strategy("file_descriptor")
    """
    if new_strategy not in STRATEGIES:
        raise ArgumentError(f"set_sharing_strategy: {new_strategy!r} is not known; needs one of {sorted(STRATEGIES)}")
    if new_strategy == "file_system":
        _have_one_tracker()
    _Current.strategy = new_strategy


def _have_one_tracker() -> None:
    """Start the resource tracker, which processes inherit: one of this process alone would clean up too early.

    Raises:
        ArgumentError: this process was forked from one that has none.
    """
    inherited = getattr(resource_tracker, "_resource_tracker")._fd is not None  # noqa: B009 - not in type stubs
    if not inherited and process.parent_process() is not None:
        raise ArgumentError(
            "set_sharing_strategy: 'file_system' must be chosen before processes are forked; "
            "call it in the parent process first"
        )
    resource_tracker.ensure_running()


def allocate(size: int) -> DescriptorSegment | NamedSegment:
    """Make a segment of a size in bytes by the current strategy.

    Raises:
        OSError: there is not so much memory, or there are too many open files.
    """
    try:
        return STRATEGIES[_Current.strategy].create(size)
    except OSError as error:
        text = f"shared memory of {size} bytes: {error.strerror}"
        if error.errno == errno.EMFILE:
            text += "; raise `ulimit -n`, or use set_sharing_strategy('file_system')"
        raise OSError(error.errno, text) from None
