"""Devices: `device("cpu")`, `device("cuda", 1)`."""

from __future__ import annotations

import threading
from typing import Any

from tensorlib.errors import DeviceError


class device:  # noqa: N801 - the field's name
    """Where a tensor's memory is: the CPU, or a CUDA device by its index.

    In a `with` it is the default device of new tensors.

    Args:
        type: "cpu", "cuda", "cuda:1", an index of a CUDA device, or another device.
        index: the CUDA device's index where `type` does not hold it.

    Raises:
        DeviceError: there is no such kind of device.

    Example:
        >>> device("cuda:1"), device("cuda", 1).index, device("cpu") == "cpu"
        (device(type='cuda', index=1), 1, True)
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        text = f"cuda:{type}" if isinstance(type, int) else str(type)
        name, _, suffix = text.partition(":")
        if name not in ("cpu", "cuda") or (suffix and not suffix.isdigit()) or (suffix and index is not None):
            raise DeviceError(f"device: {type!r} is not known; needs 'cpu', 'cuda' or 'cuda:INDEX'")
        self.type = name
        self.index = int(suffix) if suffix else index

    def __enter__(self) -> device:
        from tensorlib.placement import get_default_device, set_default_device  # which knows devices

        _entered.stack.append(get_default_device())
        set_default_device(self)
        return self

    def __exit__(self, *_: object) -> None:
        from tensorlib.placement import set_default_device

        set_default_device(_entered.stack.pop())

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (")" if self.index is None else f", index={self.index})")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: Any) -> bool:
        return str(self) == str(other) if isinstance(other, (device, str)) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))


class _Entered(threading.local):
    def __init__(self) -> None:
        self.stack: list[device] = []


_entered = _Entered()
