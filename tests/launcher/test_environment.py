"""The environment of a rank: by tables."""

from __future__ import annotations

import pytest

from launcher.environment import THREAD_VARIABLES, Job, environment
from launcher.spec import LaunchSpec

JOB = Job("127.0.0.1", 4567, "ab" * 32, "/tmp/records")


def of(rank: int = 0, inherited: dict[str, str] | None = None, cores: int = 8, **values: object) -> dict[str, str]:
    return environment(LaunchSpec(script="sh", **values), rank, JOB, inherited or {}, cores)  # type: ignore[arg-type]


def test_what_every_rank_is_told() -> None:
    assert of(rank=2, nproc_per_node=4, threads=1) == {
        "RANK": "2",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "2",
        "LOCAL_WORLD_SIZE": "4",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "4567",
        "TENSORLIB_JOB_SECRET": "ab" * 32,
        "TENSORLIB_STORE": "external",
        "TENSORLIB_LAUNCHER": "1",
        "TENSORLIB_FLIGHT_RECORD": "/tmp/records",
        **dict.fromkeys(THREAD_VARIABLES, "1"),
    }


@pytest.mark.parametrize(("cores", "ranks", "threads"), [(8, 1, 8), (8, 3, 2), (8, 8, 1), (2, 4, 1), (1, 1, 1)])
def test_cores_are_divided_among_the_ranks(cores: int, ranks: int, threads: int) -> None:
    variables = of(cores=cores, nproc_per_node=ranks)
    assert {variables[name] for name in THREAD_VARIABLES} == {str(threads)}


@pytest.mark.parametrize(
    ("inherited", "values", "expected"),
    [
        ({}, {}, "8"),
        ({"OMP_NUM_THREADS": "5"}, {}, "5"),
        ({"OMP_NUM_THREADS": "5"}, {"threads": 3}, "3"),
        ({"OMP_NUM_THREADS": "5"}, {"env": {"OMP_NUM_THREADS": "2"}}, "2"),
        ({"OMP_NUM_THREADS": "5"}, {"threads": 3, "env": {"OMP_NUM_THREADS": "2"}}, "2"),
    ],
)
def test_the_nearest_word_on_threads_counts(
    inherited: dict[str, str], values: dict[str, object], expected: str
) -> None:
    variables = of(inherited=inherited, **values)
    assert variables["OMP_NUM_THREADS"] == expected
    assert variables["NUMBA_NUM_THREADS"] == ("3" if "threads" in values else "8")


def test_what_is_inherited_and_what_is_added() -> None:
    variables = of(inherited={"HOME": "/home/a", "RANK": "7", "X": "1"}, env={"X": "2", "Y": "3"})
    assert (variables["HOME"], variables["RANK"], variables["X"], variables["Y"]) == ("/home/a", "0", "2", "3")
