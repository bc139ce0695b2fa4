"""What schedulers and other launchers tell the processes that they start: which rank of how many, and where rank 0 is.

Everything here is computed from the environment that is passed in.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dist.errors import RendezvousError
from dist.rendezvous.host_list import expand_host_list
from dist.rendezvous.hosts import LOOPBACK

# Where ports for the ranks to meet at are taken from: above those for which one must be root, below those that systems
# give to outgoing connections.
FIRST_PORT, PORTS = 10_000, 20_000
KUBERNETES_PORT = 29_500

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Start:
    """How this process was started.

    Attributes:
        by: the scheduler.
        rank: this process's number.
        size: the number of processes, or None where that is not told.
        variables: where rank and size were read.
        address: the host of rank 0, or "" where that is not told.
        port: one that all processes derive alike, or None where there is nothing to derive it from.
        job: a name that other jobs do not have, or "".
        is_outer: this is about what surrounds the processes that another launcher started.
        has_mpi: whether the processes can talk by MPI.
    """

    by: str
    rank: int
    size: int | None
    variables: str
    address: str = ""
    port: int | None = None
    job: str = ""
    is_outer: bool = False
    has_mpi: bool = False

    def __str__(self) -> str:
        of = "" if self.size is None else f" of {self.size}"
        return f"{self.by} says rank {self.rank}{of} ({self.variables})"


@dataclass(frozen=True)
class Scheduler:
    """The variables that a scheduler sets; of several names, the first that is set counts.

    Attributes:
        name: how messages call it.
        rank, size: this process's number, and the number of processes.
        on_host: the number of processes on this host: where that is all of them, rank 0 is here.
        hosts: a list of the hosts in the order of the ranks, or the address of the first.
        job: what tells its jobs apart.
        step: what tells apart what runs one after the other, or at once, in a job.
        is_outer: mpirun starts its helpers with it, so that it may speak of those: MPI's own variables count more.
        has_mpi: whether the processes that it starts can talk by MPI.
    """

    name: str
    rank: Sequence[str]
    size: Sequence[str]
    on_host: Sequence[str] = ()
    hosts: Sequence[str] = ()
    job: Sequence[str] = ()
    step: Sequence[str] = ()
    is_outer: bool = False
    has_mpi: bool = True


SCHEDULERS = (
    Scheduler(
        "Open MPI",
        rank=["OMPI_COMM_WORLD_RANK"],
        size=["OMPI_COMM_WORLD_SIZE"],
        on_host=["OMPI_COMM_WORLD_LOCAL_SIZE"],
        job=["PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"],
    ),
    Scheduler(
        "MVAPICH",
        rank=["MV2_COMM_WORLD_RANK"],
        size=["MV2_COMM_WORLD_SIZE"],
        on_host=["MV2_COMM_WORLD_LOCAL_SIZE"],
    ),
    Scheduler(
        "MPICH or Intel MPI",
        rank=["PMI_RANK"],
        size=["PMI_SIZE"],
        on_host=["MPI_LOCALNRANKS"],
        job=["PMI_JOBID"],
    ),
    Scheduler(
        "SLURM",
        rank=["SLURM_PROCID"],
        size=["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS", "SLURM_NPROCS"],
        hosts=["SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST", "SLURM_LAUNCH_NODE_IPADDR"],
        job=["SLURM_JOB_ID", "SLURM_JOBID"],
        step=["SLURM_STEP_ID", "SLURM_STEPID"],
        is_outer=True,
        has_mpi=False,
    ),
)
"""Who is recognised; further ones are a row each."""


def find_start(environment: Environment, host: str) -> Start | None:
    """Find out how this process was started; None where no variable of a scheduler is set.

    Args:
        environment: all variables.
        host: this machine's name, with its domain if it has one.

    Raises:
        RendezvousError: a scheduler's variables are not complete, or are no numbers, or two of them disagree.
    """
    found, problems = [], []
    for scheduler in SCHEDULERS:
        start, problem = _read(scheduler, environment)
        found += [start] if start else []
        problems += [problem] if problem else []
    found += _pmix(environment) + _kubernetes(environment, host)
    if found:
        return _agreed(found)
    if problems:
        raise RendezvousError(problems[0])
    return None


def _agreed(found: list[Start]) -> Start:
    """Take the first; others that say the same may know more."""
    first, *others = found
    for other in others:
        if first.rank == other.rank and other.size in (None, first.size):
            if not (first.address and first.port):
                first = replace(first, address=other.address, port=other.port, job=other.job or first.job)
        elif not other.is_outer:
            raise RendezvousError(f"{first}, but {other}: set RANK and WORLD_SIZE to what is right")
    return first


def _read(scheduler: Scheduler, environment: Environment) -> tuple[Start | None, str]:
    """Return what a scheduler says, or what is wrong with it."""
    rank, size = _first_set(environment, scheduler.rank), _first_set(environment, scheduler.size)
    if not rank or not size:
        known, missing = (rank or size), (scheduler.size if rank else scheduler.rank)
        problem = f"{known} is set, as by {scheduler.name}, but {' or '.join(missing)} is not" if known else ""
        return None, f"{problem}: set RANK and WORLD_SIZE, or start the processes with its launcher" * bool(problem)
    job = [environment[name] for names in (scheduler.job, scheduler.step) if (name := _first_set(environment, names))]
    start = Start(
        by=scheduler.name,
        rank=_integer(environment, rank),
        size=_integer(environment, size),
        variables=f"{rank}, {size}",
        port=_port_of(" ".join(job)) if job else None,
        job=" ".join([scheduler.name, *job]) if job else "",
        is_outer=scheduler.is_outer,
        has_mpi=scheduler.has_mpi,
    )
    return replace(start, address=_first_host(scheduler, environment, start)), ""


def _first_host(scheduler: Scheduler, environment: Environment, start: Start) -> str:
    on_host = _first_set(environment, scheduler.on_host)
    if on_host and _integer(environment, on_host) == start.size:
        return LOOPBACK
    hosts = _first_set(environment, scheduler.hosts)
    return expand_host_list(environment[hosts])[0] if hosts else ""


def _pmix(environment: Environment) -> list[Start]:
    """Read what PMIx tells, with prterun or `srun --mpi=pmix`: a rank, and not of how many."""
    if not environment.get("PMIX_RANK"):
        return []
    rank, job = _integer(environment, "PMIX_RANK"), environment.get("PMIX_NAMESPACE", "")
    port = _port_of(job) if job else None
    return [Start("PMIx", rank, None, "PMIX_RANK", port=port, job=job, is_outer=True, has_mpi=True)]


def _kubernetes(environment: Environment, host: str) -> list[Start]:
    """Read the number of a pod: of an indexed job, or of a stateful set, whose pods are called name-0, name-1, ..."""
    name, _, domain = host.partition(".")
    numbered = re.fullmatch(r"(.*)-(\d+)", name)
    if environment.get("JOB_COMPLETION_INDEX"):
        variable, rank = "JOB_COMPLETION_INDEX", _integer(environment, "JOB_COMPLETION_INDEX")
    elif environment.get("KUBERNETES_SERVICE_HOST") and numbered:
        variable, rank = f"the pod's name {name}", int(numbered[2])
    else:
        return []
    # Pods find each other by names of a headless service, whose domain is part of their own names.
    address = f"{numbered[1]}-0.{domain}" if numbered and domain else ""
    return [Start("Kubernetes", rank, None, variable, address, KUBERNETES_PORT, is_outer=True)]


def _port_of(job: str) -> int:
    return FIRST_PORT + zlib.crc32(job.encode()) % PORTS


def _first_set(environment: Environment, names: Sequence[str]) -> str:
    return next((name for name in names if environment.get(name)), "")


def _integer(environment: Environment, name: str) -> int:
    try:
        return int(environment[name])
    except ValueError:
        raise RendezvousError(
            f"the environment variable {name} must be an integer, got {environment[name]!r}"
        ) from None
