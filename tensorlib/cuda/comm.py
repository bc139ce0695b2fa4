"""Moving tensors between the CUDA devices of one process. Nothing here is recorded for gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tensorlib.attach import require_tensor
from tensorlib.autograd.modes import no_grad
from tensorlib.cuda.devices import index_of, on
from tensorlib.cuda.streams import Stream, current_stream, stream
from tensorlib.device import device as Device
from tensorlib.dims import as_dim
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.joining import cat
from tensorlib.tensor import Tensor


def _devices(name: str, devices: Iterable[Any]) -> list[Device]:
    """Return the devices, all of which there are.

    Raises:
        ArgumentError: none is given.
        DeviceError: CuPy is not installed, or there is no such device.
    """
    found = [Device("cuda", on(each)[1].id) for each in devices]
    if not found:
        raise ArgumentError(f"{name}: needs at least one device")
    return found


def _destination(destination: Any) -> Device:
    """Return where results go: the CPU for -1, the current device for None."""
    if destination in (-1, "cpu"):
        return Device("cpu")
    return Device("cuda", on(index_of(destination))[1].id)


@no_grad()
def broadcast(tensor: Tensor, devices: Iterable[Any]) -> tuple[Tensor, ...]:
    """Return copies of a tensor on devices.

    Args:
        tensor: on the first of the devices, or on the CPU.
        devices: the source, then those that get copies.

    Returns:
        One tensor per device; on the source the tensor itself.

    Raises:
        ArgumentError: the tensor is on another device than the first.
        DeviceError: CuPy is not installed, or there is no such device.
    """
    require_tensor("broadcast", tensor)
    places = _devices("broadcast", devices)
    if tensor.is_cuda and tensor.device != places[0]:
        raise ArgumentError(f"broadcast: the tensor is on {tensor.device}, the first device is {places[0]}")
    first = tensor.detach().to(places[0])
    return first, *[first.to(place, copy=True) for place in places[1:]]


def broadcast_coalesced(
    tensors: Sequence[Tensor], devices: Iterable[Any], buffer_size: int = 10485760
) -> tuple[tuple[Tensor, ...], ...]:
    """Return for each device copies of all tensors; arguments as of `broadcast`, `buffer_size` is not used."""
    places = list(devices)
    copies = [broadcast(tensor, places) for tensor in tensors]
    return tuple(tuple(each[k] for each in copies) for k in range(len(places)))


@no_grad()
def reduce_add(inputs: Sequence[Tensor], destination: Any = None) -> Tensor:
    """Return the sum of tensors of several devices on one.

    Args:
        inputs: tensors of one shape.
        destination: the device of the result, the current one unless given.

    Raises:
        ArgumentError: there are no inputs.
        DeviceError: CuPy is not installed, or there is no such device.
        ShapeError: the shapes differ.
    """
    place = _destination(destination)
    if not inputs:
        raise ArgumentError("reduce_add: needs at least one tensor")
    for k, tensor in enumerate(inputs):
        require_tensor("reduce_add", tensor)
        if tensor.shape != inputs[0].shape:
            raise ShapeError(
                f"reduce_add: input {k} has shape {tuple(tensor.shape)}, the first {tuple(inputs[0].shape)}"
            )
    result = inputs[0].detach().to(place, copy=True)
    for tensor in inputs[1:]:
        result += tensor.detach().to(place)
    return result


def reduce_add_coalesced(
    inputs: Sequence[Sequence[Tensor]], destination: Any = None, buffer_size: int = 10485760
) -> tuple[Tensor, ...]:
    """Return the sums of the first, second, ... tensors of several devices on one; `buffer_size` is not used."""
    return tuple(reduce_add(each, destination) for each in zip(*inputs, strict=True))


@no_grad()
def scatter(
    tensor: Tensor,
    devices: Iterable[Any],
    chunk_sizes: Iterable[int] | None = None,
    dim: int = 0,
    streams: Sequence[Stream | None] | None = None,
) -> tuple[Tensor, ...]:
    """Divide a tensor among devices.

    Args:
        tensor: on any device.
        devices: which get a part each; fewer do where the tensor is too short.
        chunk_sizes: the lengths of the parts; equal ones, but for the last, unless given.
        dim: the dimension to cut.
        streams: one per device that its copy is put into; the current one for None.

    Raises:
        ArgumentError: there are not as many lengths, or streams, as devices.
        DeviceError: CuPy is not installed, or there is no such device.
        DimensionError: the dimension is out of range.
        ShapeError: the lengths do not add up to that of the tensor.
    """
    require_tensor("scatter", tensor)
    places = _devices("scatter", devices)
    parts = _parts(tensor.detach(), len(places), None if chunk_sizes is None else list(chunk_sizes), dim)
    if streams is None:
        return tuple(part.to(place, copy=True) for part, place in zip(parts, places, strict=False))
    if len(streams) != len(places):
        raise ArgumentError(f"scatter: {len(streams)} streams for {len(places)} devices")
    return tuple(_copied_in(part, *each) for part, each in zip(parts, zip(places, streams, strict=True), strict=False))


def _parts(tensor: Tensor, count: int, sizes: list[int] | None, dim: int) -> Any:
    if sizes is None:
        return tensor.chunk(count, dim)
    length = tensor.shape[as_dim("scatter", dim, tensor.ndim)]
    if len(sizes) != count:
        raise ArgumentError(f"scatter: {len(sizes)} chunk sizes for {count} devices")
    if sum(sizes) != length or min(sizes) < 0:
        raise ShapeError(f"scatter: chunk sizes {sizes} do not add up to {length}, the length of dimension {dim}")
    return tensor.split(sizes, dim)


def _copied_in(part: Tensor, place: Device, queue: Stream | None) -> Tensor:
    """Copy to a device in a stream, after what was put into the current one, which in turn waits for the copy."""
    if queue is None:
        return part.to(place, copy=True)
    before = current_stream(place)
    queue.wait_stream(before)
    with stream(queue):
        copied = part.to(place, copy=True)
    before.wait_stream(queue)
    return copied


@no_grad()
def gather(tensors: Iterable[Tensor], dim: int = 0, destination: Any = None) -> Tensor:
    """Join tensors of several devices on one.

    Args:
        tensors: of one shape but for the dimension.
        dim: the dimension along which they are joined.
        destination: the device of the result: -1 for the CPU, the current one unless given.

    Raises:
        ArgumentError: there are no tensors.
        DeviceError: CuPy is not installed, or there is no such device.
        DimensionError: the dimension is out of range.
        ShapeError: the shapes differ elsewhere.
    """
    place = _destination(destination)
    parts = list(tensors)
    if not parts:
        raise ArgumentError("gather: needs at least one tensor")
    for part in parts:
        require_tensor("gather", part)
    result: Tensor = cat([part.detach().to(place) for part in parts], dim=dim)
    return result
