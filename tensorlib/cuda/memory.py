"""How much memory of the devices is in use. CuPy keeps freed memory, to be used again without asking the device."""

from __future__ import annotations

from typing import Any

from tensorlib.cuda.devices import device_count, on, working_cupy
from tensorlib.errors import ArgumentError


def empty_cache() -> None:
    """Give memory that is kept but not used back to the devices, so that other programs can have it.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    cupy = working_cupy()
    for index in range(device_count()):
        with cupy.cuda.Device(index):
            cupy.get_default_memory_pool().free_all_blocks()
    cupy.get_default_pinned_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Return how many bytes arrays take on a device, the current one unless given.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy, context = on(device)
    with context:
        return int(cupy.get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Return how many bytes arrays and what is kept for more of them take on a device, the current one unless given.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy, context = on(device)
    with context:
        return int(cupy.get_default_memory_pool().total_bytes())


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Return how many bytes of a device are free, for all programs, and how many there are.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    free, total = on(device)[1].mem_info
    return int(free), int(total)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let this process take no more than a part of a device's memory, between 0 and 1.

    Raises:
        ArgumentError: it is not between 0 and 1.
        DeviceError: CuPy is not installed, or there is no such device.
    """
    if not 0 <= fraction <= 1:
        raise ArgumentError(f"set_per_process_memory_fraction: needs a number from 0 to 1, not {fraction}")
    cupy, context = on(device)
    with context:
        cupy.get_default_memory_pool().set_limit(fraction=fraction)


# -- the most that was in use --------------------------------------------------------------------------------------


class _Peaks:
    """The most bytes seen in use, by device: (allocated, reserved). CuPy does not count them; a hook does."""

    found: dict[int, list[int]]
    hook: Any = None


_Peaks.found = {}


def _peaks(device: Any) -> list[int]:
    """Return the most bytes that were (allocated, reserved) on a device, and see that they go on being counted."""
    cupy, context = on(device)
    if _Peaks.hook is None:
        _Peaks.hook = _make_hook(cupy)
        _Peaks.hook.__enter__()
    return _seen(cupy, context.id)


def _seen(cupy: Any, index: int) -> list[int]:
    peaks = _Peaks.found.setdefault(index, [0, 0])
    peaks[:] = max(peaks[0], memory_allocated(index)), max(peaks[1], memory_reserved(index))
    return peaks


def _make_hook(cupy: Any) -> Any:
    class PeakHook(cupy.cuda.MemoryHook):  # type: ignore[misc]
        """Looks at the memory in use after each allocation of this thread."""

        name = "tensorlib.cuda.memory"

        def malloc_postprocess(self, **kwargs: Any) -> None:
            _seen(cupy, kwargs["device_id"])

    return PeakHook()


def max_memory_allocated(device: Any = None) -> int:
    """Return the most bytes that arrays took at once on a device, the current one unless given.

    It is counted in the thread that first asks, from then on; `reset_peak_memory_stats` at the start makes it begin.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    return _peaks(device)[0]


def max_memory_reserved(device: Any = None) -> int:
    """Return the most bytes that arrays and what is kept for more took at once; counted as `max_memory_allocated`.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    return _peaks(device)[1]


def reset_peak_memory_stats(device: Any = None) -> None:
    """Forget what was in use at once up to now on a device, the current one unless given.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    _peaks(device)[:] = memory_allocated(device), memory_reserved(device)


def memory_stats(device: Any = None) -> dict[str, int]:
    """Return the bytes in use and the most that were in use, by PyTorch's names.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    allocated, reserved = _peaks(device)
    return {
        "allocated_bytes.all.current": memory_allocated(device),
        "allocated_bytes.all.peak": allocated,
        "reserved_bytes.all.current": memory_reserved(device),
        "reserved_bytes.all.peak": reserved,
    }


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """Return `memory_stats` as a table for people.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    return "\n".join(f"{name:28} {value:>16,} bytes" for name, value in memory_stats(device).items())


# Their older names.
memory_cached = memory_reserved
max_memory_cached = max_memory_reserved
reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats
