"""Random numbers for CUDA devices.

They are drawn by the default generator, as those for the CPU, so that they do not depend on the device. What is set
here is therefore set for all devices and the CPU; where there is no CUDA device, seeds are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorlib import random as _random
from tensorlib.cuda.devices import device_count, is_available, on
from tensorlib.tensor import Tensor


def manual_seed(seed: int) -> None:
    """Start the random numbers anew from a seed; does nothing without a CUDA device.

    Raises:
        ArgumentError: the seed does not fit in 64 bits.

    Example:
        >>> tensorlib.cuda.manual_seed(0)
    """
    if is_available():
        _random.manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Do as `manual_seed`: all devices draw from one generator."""
    manual_seed(seed)


def seed() -> None:
    """Start the random numbers anew from a seed of the operating system; does nothing without a CUDA device."""
    if is_available():
        _random.seed()


def seed_all() -> None:
    """Do as `seed`: all devices draw from one generator."""
    seed()


def initial_seed() -> int:
    """Return the seed that the random numbers started from.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    on(None)
    return _random.initial_seed()


def _check(device: Any) -> None:
    on(None if device == -1 else device)


def get_rng_state(device: Any = -1) -> Tensor:
    """Return the state of the random numbers as a tensor of bytes, on the CPU; the current device's for -1.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    _check(device)
    return _random.get_rng_state()


def get_rng_state_all() -> list[Tensor]:
    """Return the state for each device.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    on(None)
    return [get_rng_state(index) for index in range(device_count())]


def set_rng_state(new_state: Tensor, device: Any = -1) -> None:
    """Go on from a state that `get_rng_state` returned.

    Raises:
        ArgumentError: it is no such state.
        DeviceError: CuPy is not installed, or there is no such device.
    """
    _check(device)
    _random.set_rng_state(new_state)


def set_rng_state_all(new_states: Sequence[Tensor]) -> None:
    """Go on from the states that `get_rng_state_all` returned.

    Raises:
        ArgumentError: one is no such state.
        DeviceError: CuPy is not installed, or there are fewer devices.
    """
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
