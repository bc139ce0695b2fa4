"""The environment of each rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from launcher.spec import LaunchSpec

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """Where the ranks of a job meet, and what proves that they belong to it.

    Attributes:
        address: the host of the store.
        port: the port of the store.
        secret: 32 random bytes in hexadecimal.
        records: the folder for flight records.
    """

    address: str
    port: int
    secret: str
    records: str


def environment(spec: LaunchSpec, rank: int, job: Job, inherited: Mapping[str, str], cores: int) -> dict[str, str]:
    """The environment variables of one rank.

    Args:
        spec: what is launched.
        rank: from 0 to `spec.nproc_per_node` - 1.
        job: where the ranks meet.
        inherited: the environment of the launcher. Numbers of threads set there are kept, unless `--threads` is given.
        cores: the processors that the job may use, shared by its ranks.
    """
    threads = str(spec.threads or max(1, cores // spec.nproc_per_node))
    limits = dict.fromkeys(THREAD_VARIABLES, threads)
    return {
        **({**inherited, **limits} if spec.threads else {**limits, **inherited}),
        **spec.env,
        "RANK": str(rank),
        "WORLD_SIZE": str(spec.nproc_per_node),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(spec.nproc_per_node),
        "MASTER_ADDR": job.address,
        "MASTER_PORT": str(job.port),
        "TENSORLIB_JOB_SECRET": job.secret,
        "TENSORLIB_STORE": "external",
        "TENSORLIB_LAUNCHER": "1",
        "TENSORLIB_FLIGHT_RECORD": job.records,
    }
