"""A stand-in for `cupy.cuda`: two devices, streams that are done at once, events, and what it refuses of them."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

COUNT = 2
BLOCKING, NO_TIMING, INTERPROCESS = 1, 2, 4  # flags of events, as in CUDA


State = SimpleNamespace(
    device=0,  # the current one
    streams={},  # the current stream of each device
    events={},  # by their address
    hooks=[],  # for allocations
    log=[],  # what was called that leaves no trace otherwise
    addresses=itertools.count(0x1000, 16),
)


class CUDARuntimeError(RuntimeError):
    """What a function of the CUDA runtime refuses."""


def refuse(name, text):
    raise CUDARuntimeError(f"cudaError{name}: {text}")


class Device:
    """A device by its index; a wrong one is noticed when it is used."""

    def __init__(self, device=None):
        self.id = State.device if device is None else int(device)
        self.before = []

    def use(self):
        if not 0 <= self.id < COUNT:
            refuse("InvalidDevice", "invalid device ordinal")
        State.device = self.id

    def __enter__(self):
        self.before.append(State.device)
        self.use()
        return self

    def __exit__(self, *_):
        State.device = self.before.pop()

    def synchronize(self):
        State.log.append(("synchronize", self.id))

    mem_info = (1000, 2000)

    @property
    def cublas_handle(self):
        return 0xB1A5 + self.id


# -- streams and events --------------------------------------------------------------------------------------------


class Stream:
    """A queue of work that is done when it is put there."""

    null: Stream

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else next(State.addresses)
        self.device_id = -1 if null else State.device
        self.priority = priority
        self.before = []

    @property
    def done(self):
        return True

    def synchronize(self):
        State.log.append(("synchronize stream", self.ptr))

    def use(self):
        if self.device_id not in (-1, State.device):
            raise RuntimeError(f"This stream was not created on device {State.device}")
        State.streams[State.device] = self

    def __enter__(self):
        before = get_current_stream()
        self.use()
        self.before.append((State.device, before))
        return self

    def __exit__(self, *_):
        device, stream = self.before.pop()
        State.streams[device] = stream


Stream.null = Stream(null=True)


def get_current_stream(device_id=-1):
    return State.streams.get(State.device if device_id == -1 else device_id, Stream.null)


class Mark:
    """What an event is to CUDA."""

    def __init__(self, flags):
        self.flags, self.device, self.time = flags, State.device, None


def event_create(flags):
    if flags & INTERPROCESS and not flags & NO_TIMING:
        refuse("InvalidValue", "invalid argument")
    address = next(State.addresses)
    State.events[address] = Mark(flags)
    return address


def event_record(event, stream):
    if State.events[event].device != State.device:
        refuse("InvalidResourceHandle", "invalid resource handle")
    State.events[event].time = time.perf_counter()
    State.log.append(("record", event, stream))


def event_elapsed_time(start, end):
    marks = State.events[start], State.events[end]
    if any(mark.flags & NO_TIMING or mark.time is None for mark in marks):
        refuse("InvalidResourceHandle", "invalid resource handle")
    return (marks[1].time - marks[0].time) * 1000


def event_handle(event):
    if not State.events[event].flags & INTERPROCESS:
        refuse("InvalidResourceHandle", "invalid resource handle")
    return event.to_bytes(64, "little")


def open_event(handle):
    """Return another address for the same event."""
    address = next(State.addresses)
    State.events[address] = State.events[int.from_bytes(handle, "little")]
    return address


# -- memory --------------------------------------------------------------------------------------------------------


class MemoryHook:
    """Told of allocations, once it is entered."""

    def __enter__(self):
        State.hooks.append(self)
        return self

    def __exit__(self, *_):
        State.hooks.remove(self)


class MemoryPool:
    """Counts the bytes of the arrays of a device; how is for the module of arrays to say."""

    def __init__(self, count_bytes):
        self.count_bytes = count_bytes
        self.kept = {}
        self.limits = {}

    def used_bytes(self):
        return self.count_bytes(State.device)

    def total_bytes(self):
        self.kept[State.device] = max(self.used_bytes(), self.kept.get(State.device, 0))
        return self.kept[State.device]

    def free_all_blocks(self):
        self.kept[State.device] = 0

    def set_limit(self, size=None, fraction=None):
        self.limits[State.device] = fraction


def allocated(size):
    """Tell the hooks of an allocation."""
    for hook in State.hooks:
        hook.malloc_postprocess(device_id=State.device, size=size, mem_size=size, mem_ptr=0, pmem_id=0)


# -- the module ----------------------------------------------------------------------------------------------------


def properties(device):
    if not 0 <= device < COUNT:
        refuse("InvalidDevice", "invalid device ordinal")
    found = {"name": f"Stand-in {device}".encode(), "major": 9, "minor": 0}
    return found | {"totalGlobalMem": 2000, "multiProcessorCount": 4}


def logged(name, result=None):
    def call(*args):
        State.log.append((name, *args))
        return result

    return call


def make_module():
    runtime = SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        deviceCanAccessPeer=lambda device, peer: int(device != peer),
        eventBlockingSync=BLOCKING,
        eventCreateWithFlags=event_create,
        eventDefault=0,
        eventDestroy=lambda event: State.events.pop(event),
        eventDisableTiming=NO_TIMING,
        eventElapsedTime=event_elapsed_time,
        eventInterprocess=INTERPROCESS,
        eventQuery=lambda event: 0 if State.events[event] else 600,
        eventRecord=event_record,
        eventSynchronize=logged("eventSynchronize"),
        getDevice=lambda: State.device,
        getDeviceCount=lambda: COUNT,
        getDeviceProperties=properties,
        ipcGetEventHandle=event_handle,
        ipcOpenEventHandle=open_event,
        profilerStart=logged("profilerStart"),
        profilerStop=logged("profilerStop"),
        streamWaitEvent=logged("streamWaitEvent"),
    )
    nvtx = SimpleNamespace(
        available=1,
        Mark=logged("Mark"),
        RangePush=logged("RangePush"),
        RangePop=logged("RangePop"),
        RangeStart=logged("RangeStart", 7),
        RangeEnd=logged("RangeEnd"),
    )
    return SimpleNamespace(
        Device=Device,
        MemoryHook=MemoryHook,
        Stream=Stream,
        get_current_stream=get_current_stream,
        nvtx=nvtx,
        runtime=runtime,
    )


def reset():
    """Forget what a test did."""
    State.device = 0
    State.streams.clear()
    State.log.clear()
    State.hooks.clear()


cuda = make_module()
