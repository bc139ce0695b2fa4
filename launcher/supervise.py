"""Runs a job: starts the store and the ranks, watches them, and stops the rest when one fails or a signal comes.

One thread waits for whatever happens next: a rank starts or ends, a signal comes, or a step of the agenda is due. The
agenda is empty until the job is to be stopped; it then holds what is still to be sent to the ranks, and when.
"""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Protocol

from launcher.commands import command
from launcher.environment import Job, environment
from launcher.exit_codes import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_PEER_FAILED, EXIT_TIMEOUT
from launcher.flight_records import FlightRecords
from launcher.guardian import adopt_orphans, children, end_children
from launcher.output import Relay
from launcher.rank_process import Ending, RankProcess
from launcher.signals import STOPPING, SignalReader, suspend
from launcher.spec import LaunchSpec
from launcher.verdict import (
    RankEnd,
    exit_code,
    failure_message,
    first_failure,
    how,
    is_explained,
    signal_name,
    were_stopped,
)

HOST = "127.0.0.1"
# When the time is over, the ranks get this long to write down where they are.
SAY_WHERE_SECONDS = 1.0
# Ranks that learn of the failure of another end by themselves, with their own clean-up, if they are let.
END_BY_THEMSELVES_SECONDS = 2.0
# Of ranks that all refuse the same input only one says why, and it may be a slow one.
SAY_WHY_SECONDS = 5.0
# After SIGKILL, a guardian has this long to end what its rank has started.
GUARDIAN_SECONDS = 3.0
TICK_SECONDS = 0.5
# In the agenda: kill the guardians that are still there.
KILL_GUARDIANS = 0


class Store(Protocol):
    """What the supervisor needs of `dist.store.StoreServer`."""

    port: int

    def report(self, rank: int, message: str) -> None:
        """Tell all ranks that one failed."""

    def give_up(self, message: str) -> None:
        """Tell all ranks that the job is ended."""

    def finished(self, rank: int, message: str = ...) -> None:
        """Tell that a rank ended in order."""


def run(spec: LaunchSpec) -> int:
    """Run a job to its end and return the exit code of `tlrun`; see `launcher.main.main`."""
    _open_standard_streams()
    spared = frozenset(children())
    adopt_orphans(True)
    try:
        with ExitStack() as stack:
            signals = stack.enter_context(SignalReader())
            relay = Relay(spec.prefix)
            stack.callback(relay.close)
            secret = secrets.token_bytes(32)
            supervisor = Supervisor(spec, relay, signals, stack.enter_context(_store(secret)))
            stack.callback(supervisor.close)
            supervisor.run(secret)
            end_children(spared)
            return supervisor.conclude()
    finally:
        end_children(spared)
        adopt_orphans(False)


def _open_standard_streams() -> None:
    """Where the launcher was started without them: the next file opened would pass for one of them."""
    for file in (0, 1, 2):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@contextmanager
def _store(secret: bytes) -> Iterator[Store]:
    """The store at which the ranks of one job meet, at a free port of this machine."""
    # ZeroMQ takes a while to load, and `tlrun --help` needs none of it.
    from dist.store import StoreServer

    try:
        server = StoreServer(HOST, 0, secret)
    except RuntimeError as error:
        raise SystemExit(f"tlrun: error: {error}") from None
    try:
        yield server
    finally:
        server.close()


class Supervisor:
    """The ranks of one job, from start to end."""

    def __init__(self, spec: LaunchSpec, relay: Relay, signals: SignalReader, store: Store) -> None:
        self._spec = spec
        self._relay = relay
        self._signals = signals
        self._store = store
        self._records = FlightRecords(os.environ | spec.env)
        self._processes: list[RankProcess] = []
        self._running: set[int] = set()
        self._agenda: list[tuple[float, int]] = []
        self._stopping = False
        self._reason = ""
        self._exit_code = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(signals, selectors.EVENT_READ)

    def run(self, secret: bytes) -> None:
        """Start the ranks, and wait until all of them and all that they started have ended."""
        job = Job(HOST, self._store.port, secret.hex(), self._records.folder)
        deadline = time.monotonic() + self._spec.timeout if self._spec.timeout else None
        self._start(job)
        self._relay.start()
        while self._running:
            for key, _ in self._selector.select(self._seconds_to_wait(deadline)):
                if isinstance(key.fileobj, RankProcess):
                    self._on_news(key.fileobj)
                else:
                    self._on_signals(self._signals.read())
            self._on_time(deadline)

    def conclude(self) -> int:
        """Write what is left of the output, say what went wrong, and return the exit code."""
        self._relay.finish()
        # Who looks at the output in a pager may take any time; a signal ends that, too.
        while not self._relay.wait(TICK_SECONDS) and not set(STOPPING).intersection(self._signals.read()):
            continue
        ends = self._ends()
        if any(end.rank == 0 and end.code < 0 for end in ends):
            self._relay.show_cursor()
        culprit = first_failure(ends)
        self._tell_of_records(failed=culprit is not None or self._exit_code == EXIT_TIMEOUT)
        if self._reason:
            self._relay.say(f"tlrun: {self._reason}{were_stopped([end.rank for end in ends if end.ended_by_others])}")
        elif culprit is not None:
            if not is_explained(culprit, ends):
                self._relay.say(f"tlrun: {failure_message(culprit, ends)}")
            return exit_code(culprit.code)
        return self._exit_code

    def _tell_of_records(self, failed: bool) -> None:
        """Of a job that was only interrupted nobody wants to know who waited for whom."""
        summary = self._records.summary()
        if summary and failed:
            self._relay.say(f"tlrun: {summary}")
        else:
            self._records.discard()

    def close(self) -> None:
        """Let go of all ranks, which ends those that still run."""
        for process in self._processes:
            process.close()
        self._selector.close()

    def _start(self, job: Job) -> None:
        cores = len(os.sched_getaffinity(0))
        for rank in range(self._spec.nproc_per_node):
            try:
                process = self._start_rank(rank, environment(self._spec, rank, job, os.environ, cores))
            except OSError as error:
                self._stop(f"cannot start rank {rank}: {error.strerror}", EXIT_FAILED, signal.SIGTERM)
                return
            self._processes.append(process)
            self._running.add(rank)
            self._selector.register(process, selectors.EVENT_READ)

    def _start_rank(self, rank: int, variables: Mapping[str, str]) -> RankProcess:
        """Only rank 0 reads what comes to the launcher's stdin."""
        with ExitStack() as stack:
            stdout, stderr = self._relay.open(rank)
            stack.callback(os.close, stdout)
            stack.callback(os.close, stderr)
            stdin = 0
            if rank != 0:
                stdin = os.open(os.devnull, os.O_RDONLY)
                stack.callback(os.close, stdin)
            self._relay.resize()
            return RankProcess(rank, command(self._spec), variables, stdin, stdout, stderr)

    def _seconds_to_wait(self, deadline: float | None) -> float:
        due = [at for at, _ in self._agenda[:1]] + ([deadline] if deadline is not None else [])
        return max(0.0, min([at - time.monotonic() for at in due] + [TICK_SECONDS]))

    def _on_news(self, process: RankProcess) -> None:
        was_running = process.ending is None
        alive = process.read_news()
        if was_running and process.ending is not None:
            self._on_end(process.rank, process.ending.code)
        if not alive:
            self._selector.unregister(process)
            self._running.discard(process.rank)

    def _on_end(self, rank: int, code: int) -> None:
        if code == 0:
            self._store.finished(rank)
            return
        if code != EXIT_PEER_FAILED and self._relay.policy.failed_rank is None:
            self._relay.policy.failed_rank = rank
            self._store.report(rank, how(code))
        if not self._stopping:  # in the meantime the others hear of it, and end by themselves
            patience = SAY_WHY_SECONDS if code == EXIT_BAD_INPUT else END_BY_THEMSELVES_SECONDS
            self._plan(time.monotonic() + patience, signal.SIGTERM)

    def _on_signals(self, numbers: list[int]) -> None:
        for number in numbers:
            if number == signal.SIGWINCH:
                self._relay.resize()
            elif number == signal.SIGTSTP:
                self._suspend()
            elif number in STOPPING and not self._stopping:
                self._relay.policy.interrupted = number == signal.SIGINT
                self._stop(f"stopped by {signal_name(number)}", 128 + number, number)
            elif number == signal.SIGINT:  # who presses Ctrl-C again does not want to wait
                self._plan(time.monotonic(), signal.SIGKILL)

    def _suspend(self) -> None:
        """Ctrl-Z stops the ranks, too, until the shell lets the job go on."""
        self._send(signal.SIGSTOP)
        suspend()
        self._send(signal.SIGCONT)

    def _on_time(self, deadline: float | None) -> None:
        now = time.monotonic()
        if not self._stopping:
            if deadline is not None and now >= deadline:
                self._give_up(f"the job took longer than {self._spec.timeout:g} s")
            elif isinstance(self._relay.error, BrokenPipeError):  # as of any program: who reads has had enough
                self._stop("nobody reads the output", 128 + signal.SIGPIPE, signal.SIGTERM)
            elif self._relay.error is not None:
                self._stop(f"cannot write the output: {self._relay.error.strerror}", EXIT_FAILED, signal.SIGTERM)
        while self._agenda and self._agenda[0][0] <= now:
            self._send(self._agenda.pop(0)[1])

    def _give_up(self, reason: str) -> None:
        self._store.give_up(reason)
        self._reason, self._exit_code = reason, EXIT_TIMEOUT
        self._plan(time.monotonic() + SAY_WHERE_SECONDS, signal.SIGTERM)

    def _stop(self, reason: str, code: int, number: int) -> None:
        """Stop the job for a reason other than a failed rank."""
        self._reason, self._exit_code = reason, code
        self._plan(time.monotonic(), number)

    def _plan(self, at: float, number: int) -> None:
        """Send the ranks a signal at a time; kill those that then still run after the time of grace."""
        self._stopping = True
        kill_at = at if number == signal.SIGKILL else at + self._spec.grace
        self._agenda = [(at, number), (kill_at, signal.SIGKILL), (kill_at + GUARDIAN_SECONDS, KILL_GUARDIANS)]

    def _send(self, number: int) -> None:
        for process in self._processes:
            if process.rank not in self._running:
                continue
            if number == KILL_GUARDIANS:
                process.kill_guardian()
            else:
                process.signal(number)

    def _ends(self) -> list[RankEnd]:
        return [self._end(process, process.ending) for process in self._processes if process.ending is not None]

    def _end(self, process: RankProcess, ending: Ending) -> RankEnd:
        editor = self._relay.editor(process.rank)
        traceback, peer_failed = editor.last_traceback, ending.code == EXIT_PEER_FAILED
        quotable = ending.code in (EXIT_PEER_FAILED, EXIT_BAD_INPUT)
        return RankEnd(
            process.rank,
            process.pid,
            ending.code,
            ending.at,
            stopped=process.stopped_at is not None and process.stopped_at < ending.at,
            consequence=peer_failed or (traceback is not None and traceback.is_consequence),
            words=traceback.summary if traceback else editor.last_line if quotable else "",
        )
