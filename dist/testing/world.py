"""`run_world`: a function on every rank of a world of real processes, with nothing left behind."""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any, TypeVar

from dist.arguments import integer
from dist.faults import VARIABLE, FaultPlan
from dist.store import StoreServer
from dist.testing.ranks import STATUS, Job, call_initialized
from dist.timeouts import timeout_seconds

ResultT = TypeVar("ResultT")
# To load what the ranks need, and for them to end when the time is over.
_START_AND_END = 60.0  # seconds
# As long as `epoll` can wait: it counts milliseconds in 31 bits.
_LONGEST_WAIT = 2e6  # seconds
# By rank: the exit code, or None if it had to be ended, and when.
Ended = dict[int, tuple[int | None, float]]


class RankError(RuntimeError):
    """A rank of `run_world` failed; the message holds its traceback."""


@dataclass(frozen=True)
class Outcome:
    """What came of one rank.

    Attributes:
        rank: its number.
        value: what the function returned.
        error: the traceback of what it raised, or "".
        code: the process's exit code, negative for the signal that killed it; None if it had to be ended.
        ended: when, in seconds of `time.monotonic()`.
        trace: where all its threads were when the time was over, or "".
    """

    rank: int
    value: Any
    error: str
    code: int | None
    ended: float
    trace: str

    @property
    def failed(self) -> bool:
        """Tell whether the function did not return, or the process did not end well."""
        return bool(self.error) or self.code != 0

    @property
    def late(self) -> bool:
        """Tell whether the rank was ended because it took too long."""
        return self.code is None or bool(self.trace)

    def __str__(self) -> str:
        if self.code is None or self.trace:
            return f"rank {self.rank} was not done in time:\n{self.trace or 'it does not say where it was'}"
        if self.error and self.code >= 0:
            return f"rank {self.rank} failed:\n{self.error}"
        return f"rank {self.rank} {_how(self.code)}"


def run_world(
    n: int,
    fn: Callable[..., ResultT],
    *args: Any,
    timeout: float | timedelta = 60.0,
    backend: str | None = None,
    faults: FaultPlan | None = None,
) -> list[ResultT]:
    """Run `fn(*args)` on `n` ranks that are processes of their own, and return their results in rank order.

    The process group is initialised before and destroyed after: `dist.get_rank()` and the collectives work in `fn`. The
    function, its arguments and results are pickled; the function is found by name, at the top level of its module.

    Args:
        n: number of ranks.
        fn: what each rank runs.
        args: its arguments, the same for all ranks.
        timeout: seconds or timedelta, from when everything is loaded; a rank that takes longer is killed, and where it
            was is shown.
        backend: see `dist.init_process_group`.
        faults: what is to go wrong, see `FaultPlan`.

    Raises:
        RankError: a rank raised, died or took too long; the message holds the traceback of the first that did.

    Example:
        >>> from dist.testing import run_world
        >>> import dist
        >>> run_world(2, dist.get_rank)
        [0, 1]
    """
    seconds = timeout_seconds("run_world", timeout)
    outcomes = run_ranks(n, call_initialized, backend, seconds, fn, *args, timeout=seconds, faults=faults)
    failed = [outcome for outcome in outcomes if outcome.failed]
    if failed:
        raise RankError(_message(failed))
    return [outcome.value for outcome in outcomes]


def _message(failed: list[Outcome]) -> str:
    """Show the first failure, and rather one that is not about another rank; where time was over, every rank."""
    late = [outcome for outcome in failed if outcome.late]
    if late:
        return "\n".join(map(str, late))
    return str(
        min(failed, key=lambda outcome: ("PeerError" in outcome.error.rstrip().rpartition("\n")[2], outcome.ended))
    )


def run_ranks(
    n: int,
    fn: Callable[..., Any],
    *args: Any,
    timeout: float | timedelta = 60.0,
    faults: FaultPlan | None = None,
) -> list[Outcome]:
    """Run `fn(*args)` on `n` ranks and return what came of each; the process group is for `fn` to initialise.

    The environment has what `tlrun` sets, so that `dist.init_process_group()` needs no arguments.
    """
    seconds = timeout_seconds("run_world", timeout)
    if integer("run_world", "n", n) < 1:
        raise ValueError(f"run_world: n is {n}: need at least 1 rank")
    if faults:
        faults.check("run_world", n)
    work = _pickled(fn, args)
    planned = {VARIABLE: str(faults)} if faults else {}
    with contextlib.ExitStack() as stack:
        secret = secrets.token_bytes(32)
        server = StoreServer(secret=secret, world_size=n)
        stack.callback(server.close)
        results, traces = ([stack.enter_context(tempfile.TemporaryFile()) for _ in range(n)] for _ in range(2))
        ends = os.pipe()
        statuses = stack.enter_context(os.fdopen(ends[0], "rb", 0))
        writer = stack.enter_context(os.fdopen(ends[1], "wb", 0))
        job = Job(
            parent=os.getpid(),
            main=_main_script(work),
            work=work,
            timeout=seconds,
            environments=[_environment(rank, n, server.port, secret) | planned for rank in range(n)],
            results=[file.fileno() for file in results],
            traces=[file.fileno() for file in traces],
            statuses=writer.fileno(),
        )
        with _started(job):
            writer.close()  # so that the other end is at its end once nobody is left
            ended = _follow(statuses, server, time.monotonic() + seconds + _START_AND_END)
        return _outcomes(results, traces, ended)


def _pickled(fn: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((fn, args))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        problem = f"run_world: cannot pickle the function or its arguments: {error}"
        raise TypeError(f"{problem}: need a function at the top level of a module") from None


def _main_script(work: bytes) -> str:
    """Return the path of this process's script, where the function or its arguments are defined there."""
    return str(getattr(sys.modules["__main__"], "__file__", "")) if b"__main__" in work else ""


def _environment(rank: int, size: int, port: int, secret: bytes) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TENSORLIB_JOB_SECRET": secret.hex(),
        "TENSORLIB_STORE": "external",
    }


@contextlib.contextmanager
def _started(job: Job) -> Iterator[None]:
    """Run the job while this is entered; no process of it is left afterwards."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("TENSORLIB_LAUNCHER", None)
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        environment.setdefault(f"{library}_NUM_THREADS", "1")
    with tempfile.TemporaryFile() as stdin:
        stdin.write(pickle.dumps(job))
        stdin.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-c", "from dist.testing.ranks import main; main()"],
            stdin=stdin,
            pass_fds=[*job.results, *job.traces, job.statuses],
            env=environment,
            start_new_session=True,
        )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _follow(statuses: IO[bytes], server: StoreServer, deadline: float) -> Ended:
    """Note how each rank ends, until all have or the deadline, and let those know who wait for it to come."""
    ended: Ended = {}
    with selectors.DefaultSelector() as selector:
        selector.register(statuses, selectors.EVENT_READ)
        while selector.select(min(max(0.0, deadline - time.monotonic()), _LONGEST_WAIT)):
            status = statuses.read(STATUS.size)
            if not status:
                break
            rank, overdue, code, at = STATUS.unpack(status)
            ended[rank] = None if overdue else code, at
            if not overdue:
                server.will_not_come(rank, _how(code))
    return ended


def _how(code: int) -> str:
    """Say how a process has ended."""
    if code >= 0:
        return f"exited with code {code}"
    return f"was killed by {signal.Signals(-code).name if -code in set(signal.Signals) else f'signal {-code}'}"


def _outcomes(results: Sequence[IO[bytes]], traces: Sequence[IO[bytes]], ended: Ended) -> list[Outcome]:
    outcomes = []
    for rank, (result, trace) in enumerate(zip(results, traces, strict=True)):
        value, error = _read(result)
        code, at = ended.get(rank, (None, float("inf")))
        trace.seek(0)
        outcomes.append(Outcome(rank, value, error, code, at, trace.read().decode(errors="replace")))
    return outcomes


def _read(file: IO[bytes]) -> tuple[Any, str]:
    """Read what a rank wrote into its file; one that was killed may have written a part, or nothing."""
    file.seek(0)
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        value, error = pickle.load(file)
        return value, error
    return None, ""
