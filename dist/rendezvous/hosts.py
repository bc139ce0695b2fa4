"""Which of this machine's addresses to listen at, and which to tell others."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Iterable

from dist.errors import RendezvousError, StoreError
from dist.store.socket_thread import resolve
from dist.timeouts import attempts

logger = logging.getLogger(__name__)

ALL_INTERFACES = "*"
LOOPBACK = "127.0.0.1"
_ASK_AGAIN_SECONDS = 1.0
# Nothing is sent there (RFC 5737, RFC 3849): asking for the route tells which of this machine's addresses faces others.
ELSEWHERE = ("192.0.2.1", "2001:db8::1")


def process_name() -> str:
    """Name this process, as in "host h, pid 71"."""
    return f"host {socket.gethostname()}, pid {os.getpid()}"


def machine_name() -> str:
    """Name what shares a loopback address: the machine as it was booted, and the network as processes here see it."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        return f"{file.read().strip()} {os.readlink('/proc/self/ns/net')}"
    return socket.gethostname()


def address_among(machines: Iterable[str]) -> str:
    """Find the address of this machine by which ranks on the machines named, its own among them, reach it."""
    return LOOPBACK if len(set(machines)) == 1 else own_address(ALL_INTERFACES)


def wait_for_address(host: str, deadline: float) -> None:
    """Wait until the name of a host has an address: in Kubernetes, names are known when what they name has started.

    Raises:
        StoreError: it had none until `deadline`, of `time.monotonic()`.
    """
    problem = StoreError("")
    for _ in attempts(deadline, longest=_ASK_AGAIN_SECONDS):
        try:
            resolve(host)
            return
        except StoreError as error:
            if not problem.args[0]:
                logger.warning("rendezvous waits for an address of host %r", host)
            problem = error
    raise problem


def has_address(host: str) -> bool:
    """Tell whether a host's name is known."""
    with contextlib.suppress(StoreError):
        return bool(resolve(host))
    return False


def listening_host(host: str) -> str:
    """Choose what rank 0 listens at: `host` where it is this machine's own and not misleading, else all interfaces."""
    if host == ALL_INTERFACES or _is_loopback_by_accident(host) or not _is_own(resolve(host)):
        return ALL_INTERFACES
    return host


def own_address(host_of_rank_0: str) -> str:
    """Find the address of this machine by which those reach it that reach rank 0 at the host given."""
    if host_of_rank_0 == ALL_INTERFACES or _is_loopback_by_accident(host_of_rank_0):
        return address_facing(*ELSEWHERE)
    return address_facing(resolve(host_of_rank_0))


def _is_loopback_by_accident(host: str) -> bool:
    """Some systems set up their own name as a loopback address, which means something else on other machines."""
    address = resolve(host)
    return host not in ("localhost", address) and ipaddress.ip_address(address).is_loopback


def _is_own(address: str) -> bool:
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def chosen_address() -> str:
    """Read TENSORLIB_ADDRESS: where the other ranks reach this one, on a machine with several networks; "" if not set.

    Raises:
        RendezvousError: it is not an address of this machine.
    """
    address = os.environ.get("TENSORLIB_ADDRESS", "")
    if address and not (has_address(address) and _is_own(resolve(address))):
        raise RendezvousError(
            f"the environment variable TENSORLIB_ADDRESS must be an address of this machine, got {address!r}"
        )
    return resolve(address) if address else ""


def address_facing(*destinations: str) -> str:
    """Find the address that this machine would send from, to the first destination that it has a route to.

    TENSORLIB_ADDRESS counts more.
    """
    if chosen := chosen_address():
        return chosen
    for destination in destinations:
        with socket.socket(_family(destination), socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((destination, 9))
            return str(probe.getsockname()[0])
    return LOOPBACK


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
