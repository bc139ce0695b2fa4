"""A stand-in for CuPy and its NCCL in host memory: ranks are threads, and a pointer is an address in host memory.

Its arrays are no NumPy arrays, and become them only by `get()`. As with CuPy, NumPy's functions work on them, and they
must be on the current device. A communicator checks what NCCL would check or fail on, and waits for its peers.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from types import ModuleType, SimpleNamespace

import numpy

TYPES = {"UINT8": 1, "INT8": 0, "INT32": 2, "UINT32": 3, "INT64": 4, "UINT64": 5, "FLOAT32": 7, "FLOAT64": 8}
OPERATIONS = {"SUM": 0, "PROD": 1, "MAX": 2, "MIN": 3}
_UFUNCS = {0: numpy.add, 1: numpy.multiply, 2: numpy.maximum, 3: numpy.minimum}
_DTYPES = {number: numpy.dtype(name.lower()) for name, number in TYPES.items()}
_current = threading.local()


class Device:
    """A device by its number."""

    def __init__(self, number):
        self.id = number

    def __enter__(self):
        self._before = getattr(_current, "device", 0)
        _current.device = self.id

    def __exit__(self, *_):
        _current.device = self._before


class ndarray(numpy.lib.mixins.NDArrayOperatorsMixin):  # noqa: N801 - its name there
    """An array of CuPy."""

    def __init__(self, host, number=0):
        self._host = host
        self._number = number

    __cuda_array_interface__ = property(lambda self: {"version": 3})
    device = property(lambda self: Device(self._number))
    data = property(lambda self: SimpleNamespace(ptr=self._host.__array_interface__["data"][0]))
    flags = property(lambda self: SimpleNamespace(c_contiguous=self._host.flags.c_contiguous))

    def get(self):
        return self._host.copy()

    def set(self, array):
        self._host[...] = array

    def __getattr__(self, name):
        if name in ("shape", "dtype", "ndim", "size", "strides", "itemsize", "nbytes"):
            return getattr(self._host, name)
        if name not in ("reshape", "flatten", "astype", "copy"):
            raise AttributeError(f"cupy.ndarray has no attribute {name!r}")
        method = getattr(self._host, name)

        def call(*args, **options):
            result = method(*args, **options)
            return self if result is self._host else ndarray(result, self._number)

        return call

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        options |= {"out": tuple(map(on_host, out))} if out else {}
        result = getattr(ufunc, method)(*map(on_host, inputs), **options)
        return out[0] if out else ndarray(result, self._number)

    def __array_function__(self, function, types, args, options):
        args = [[on_host(item) for item in arg] if isinstance(arg, list) else on_host(arg) for arg in args]
        result = function(*args, **options)
        return ndarray(result, self._number) if isinstance(result, numpy.ndarray) else result

    def __getitem__(self, index):
        return ndarray(numpy.asarray(self._host[index]), self._number)

    def __setitem__(self, index, value):
        self._host[index] = on_host(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[k] for k in range(len(self)))


def on_host(value):
    if isinstance(value, ndarray):
        assert value._number == getattr(_current, "device", 0), "the array is not on the current device"
        return value._host
    assert not isinstance(value, numpy.ndarray), "host and device met"
    return value


class NcclError(RuntimeError):
    """What NCCL refuses."""


class Clique:
    """What the ranks of one communicator share."""

    def __init__(self, size):
        self.lock = threading.Lock()
        self.calls = [[] for _ in range(size)]  # that a rank has started, and not all others
        self.transfers = {}  # of which one half is there, by sender and receiver
        self.aborted = False


CLIQUES = {}
_numbers = itertools.count(1)
_lock = threading.Lock()


class NcclCommunicator:
    """One rank's end; a collective runs when all ranks have started it, a transfer when both have."""

    def __init__(self, size, identity, rank):
        if not isinstance(identity, bytes) or len(identity) != 128:
            raise TypeError("commId")
        with _lock:
            self.clique = CLIQUES.setdefault(identity, Clique(size))
        self.rank = rank
        self.pending = 0

    def broadcast(self, source, target, count, datatype, root, stream):
        def run(calls):
            for call in calls:
                read(call.target, count, datatype)[:] = read(calls[root].source, count, datatype)

        self._start(("broadcast", count, datatype, root), run, source, target, stream)

    def allReduce(self, source, target, count, datatype, op, stream):  # noqa: N802 - its name there
        def run(calls):
            result = reduced(calls, count, datatype, op)
            for call in calls:
                read(call.target, count, datatype)[:] = result

        self._start(("allReduce", count, datatype, op), run, source, target, stream)

    def reduce(self, source, target, count, datatype, op, root, stream):
        def run(calls):
            read(calls[root].target, count, datatype)[:] = reduced(calls, count, datatype, op)

        self._start(("reduce", count, datatype, op, root), run, source, target, stream)

    def send(self, address, count, datatype, peer, stream):
        _current.group.append((self, (self.rank, peer), SimpleNamespace(sends=True, data=(address, count, datatype))))

    def recv(self, address, count, datatype, peer, stream):
        _current.group.append((self, (peer, self.rank), SimpleNamespace(sends=False, data=(address, count, datatype))))

    def _start(self, what, run, source, target, stream):
        assert stream == Stream.null.ptr
        call = SimpleNamespace(what=what, source=source, target=target, communicator=self)
        with self.clique.lock:
            self._begin()
            self.clique.calls[self.rank].append(call)
            if all(self.clique.calls):
                calls = [waiting.pop(0) for waiting in self.clique.calls]
                assert len({call.what for call in calls}) == 1, "ranks make different calls"
                run(calls)
                for each in calls:
                    each.communicator.pending -= 1

    def transfer(self, pair, half):
        half.communicator = self
        with self.clique.lock:
            self._begin()
            waiting = self.clique.transfers.setdefault(pair, [])
            if not waiting or waiting[0].sends == half.sends:
                waiting.append(half)
                return
            other = waiting.pop(0)
            sent, received = (half, other) if half.sends else (other, half)
            assert sent.data[1:] == received.data[1:], "lengths differ"
            read(*received.data)[:] = read(*sent.data)
            for each in (sent, received):
                each.communicator.pending -= 1

    def _begin(self):
        self.check_async_error()
        self.pending += 1
        _current.communicator = self

    def check_async_error(self):
        if self.clique.aborted:
            raise NcclError("NCCL_ERROR_UNHANDLED_CUDA_ERROR")

    def abort(self):
        self.clique.aborted = True

    def destroy(self):
        with _lock:
            for identity in [key for key, clique in CLIQUES.items() if clique is self.clique]:
                del CLIQUES[identity]


class Event:
    """Done when the communicator that this thread used last has nothing to do."""

    def __init__(self):
        self._communicator = getattr(_current, "communicator", None)

    @property
    def done(self):
        return self._communicator is None or not self._communicator.pending


class Stream:
    """The default stream."""

    ptr = 0
    null: Stream

    def record(self):
        return Event()


Stream.null = Stream()


def get_unique_id():
    return next(_numbers).to_bytes(2, "little") + bytes([200] * 126)


def group_start():
    _current.group = []


def group_end():
    transfers, _current.group = _current.group, None
    for communicator, pair, half in transfers:
        communicator.transfer(pair, half)


def read(address, count, datatype):
    dtype = _DTYPES[datatype]
    return numpy.ctypeslib.as_array((ctypes.c_byte * (count * dtype.itemsize)).from_address(address)).view(dtype)


def reduced(calls, count, datatype, op):
    return _UFUNCS[op].reduce([read(call.source, count, datatype) for call in calls], axis=0, dtype=_DTYPES[datatype])


def make_module():
    """Return the module `cupy`, and `cupy.cuda.nccl`."""
    nccl = ModuleType("cupy.cuda.nccl")
    nccl.available = True
    nccl.NcclCommunicator, nccl.NcclError, nccl.get_unique_id = NcclCommunicator, NcclError, get_unique_id
    nccl.groupStart, nccl.groupEnd = group_start, group_end
    for name, number in {**TYPES, **OPERATIONS}.items():
        setattr(nccl, f"NCCL_{name}", number)
    cupy = ModuleType("cupy")
    cupy.ndarray = ndarray
    cupy.shares_memory = lambda one, other: numpy.shares_memory(one._host, other._host)
    cupy.from_dlpack = lambda array: array
    cupy.asarray = lambda other: other.array
    cupy.cuda = SimpleNamespace(nccl=nccl, Stream=Stream)
    return cupy, nccl
