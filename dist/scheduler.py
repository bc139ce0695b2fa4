"""One thread at a time: who is next is drawn from a seeded generator, so that equal seeds give equal runs.

A thread that the scheduler started, a *task*, has the turn until it waits for something through the scheduler, pauses
or ends. Nothing else is needed for a program to run the same way every time, as long as its threads wait for each other
in no other way. Where one does - it sleeps, or takes a lock - the others go on after a moment, and from there on the
order is no longer that of the seed alone. The same holds once a wait ends by its own deadline.

Other threads may use a scheduler as well: they need no turn.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from dist.threads import Lock, Queue

# Only what is touched takes memory; hundreds of the system's usual 8 MB would meet limits of address space.
STACK_BYTES: Final = 4 << 20
# How often a task hands the turn on where it need not wait, so that seeds differ in more than who begins.
_HAND_ON: Final = 1 / 8
_LOOK: Final = 0.01  # seconds between looks at the task that has the turn
_LOOKS_ASLEEP: Final = 2

_stack_size = threading.Lock()


class _Waiter:
    """Where a thread waits: a task's own, or that of any other thread."""

    __slots__ = ("deadline", "gate", "task", "thing")

    def __init__(self, task: Task | None = None) -> None:
        self.task = task
        self.gate = threading.Lock()  # opened each time that the thread may go on
        self.gate.acquire()
        self.thing: object = None
        self.deadline = 0.0


class Task(threading.Thread):
    """A thread that takes turns.

    Attributes:
        scheduler: gives the turns.
        owner: the rank that the thread works for.
        state: ready (waits for its turn), running (has it), waiting (for something to happen), free (runs without
            having the turn), or finished.
    """

    def __init__(self, scheduler: Scheduler, work: Callable[[], None], name: str, owner: int) -> None:
        super().__init__(name=name, daemon=True)
        self.scheduler = scheduler
        self.owner = owner
        self.state: Literal["ready", "running", "waiting", "free", "finished"] = "ready"
        self.waiter = _Waiter(self)
        self._work = work

    @property
    def waits_for(self) -> object:
        """What it waits for, while its state is waiting."""
        return self.waiter.thing

    @property
    def waits_until(self) -> float:
        """When it stops to wait, in seconds of `time.monotonic()`."""
        return self.waiter.deadline

    def run(self) -> None:
        """Wait for the first turn, and do the work."""
        self.waiter.gate.acquire()
        try:
            self._work()
        finally:
            self.scheduler.finish(self)

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end; a task waits as it always does."""
        if timeout is not None and isinstance(threading.current_thread(), Task):
            self.scheduler.wait(self, lambda: self.state == "finished", time.monotonic() + timeout)
        else:
            super().join(timeout)


class Scheduler:
    """Lets tasks run one at a time; implements `dist.threads.Threads`.

    Args:
        seed: of the generator that draws who is next.

    >>> said = []
    >>> scheduler = Scheduler(seed=1)
    >>> for rank in range(4):
    ...     task = scheduler.start(lambda rank=rank: said.append(rank), f"rank {rank}")
    >>> scheduler.run(time.monotonic() + 10.0)
    >>> said
    [1, 2, 0, 3]
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._tasks: list[Task] = []
        self._ready: list[Task] = []
        self._idle: list[Task] = []
        self._waiting: dict[object, list[_Waiter]] = {}
        self._turn: Task | None = None
        self._turns = 0
        self._held = True  # nobody is given a turn
        self._ended = False  # everybody runs, without turns

    def start(self, run: Callable[[], None], name: str, owner: int | None = None) -> Task:
        """Start a task, by default for the rank that the calling task works for."""
        caller = threading.current_thread()
        task = Task(self, run, name, getattr(caller, "owner", -1) if owner is None else owner)
        with _stack_size:
            before = threading.stack_size(STACK_BYTES)
            try:
                task.start()
            finally:
                threading.stack_size(before)
        with self._lock:
            self._tasks.append(task)
            if self._ended:
                self._free(task)
            else:
                self._ready.append(task)
        return task

    def run(self, deadline: float, on_quiet: Callable[[list[Task]], None] = lambda waiting: None) -> None:
        """Let the tasks run, until those that are there now have finished, or until `deadline`.

        Args:
            deadline: in seconds of `time.monotonic()`.
            on_quiet: called when all tasks wait, with those; nobody gets a turn meanwhile.
        """
        tasks = list(self._tasks)
        watch = _SleepWatch()
        heard = -1  # the number of turns at which `on_quiet` was called last
        self._hold(False)
        while any(task.state != "finished" for task in tasks) and time.monotonic() < deadline:
            with self._changed:
                if not (quiet := self._quiet() and heard != self._turns):
                    self._changed.wait(min(_LOOK, max(0.0, deadline - time.monotonic())))
                if self._turn is not None and watch.asleep(self._turn.native_id, self._turns):
                    self._turn.state = "free"
                    self._pass_turn()
            if quiet:
                waiting = [task for task in self._tasks if task.state == "waiting"]
                heard = self._turns
                self._hold(True)
                on_quiet(waiting)
                self._hold(False)

    def end(self) -> None:
        """Let everybody run who waits for a turn, and from now on without turns."""
        with self._lock:
            self._ended = True
            self._held = False
            for task in self._ready + self._idle:
                self._free(task)
            self._ready, self._idle, self._turn = [], [], None

    def wait(self, thing: object, done: Callable[[], bool], deadline: float) -> bool:
        """Block until `done()`, and return True, or until `deadline`, and return False.

        Args:
            thing: what is waited for: whoever changes it calls `wake(thing)`.
            done: called under a lock, so that it may take what it finds; must not block.
            deadline: in seconds of `time.monotonic()`.
        """
        waiter = self._waiter()
        while True:
            with self._lock:
                if done():
                    return True
                if time.monotonic() >= deadline:
                    return False
                waiter.thing, waiter.deadline = thing, deadline
                self._waiting.setdefault(thing, []).append(waiter)
                if waiter.task:
                    self._leave(waiter.task, "waiting")
            if not waiter.gate.acquire(timeout=max(0.0, deadline - time.monotonic())):
                self._stop_waiting(waiter)

    def wake(self, thing: object) -> None:
        """Have all who wait for `thing` look again, each when it is its turn."""
        with self._lock:
            for waiter in self._waiting.pop(thing, ()):
                if waiter.task is None or self._ended:
                    waiter.gate.release()
                else:
                    waiter.task.state = "ready"
                    self._ready.append(waiter.task)
            self._give_turn()

    def pause(self) -> None:
        """Let other tasks have their turns, in any order."""
        self._step_back(self._ready)

    def let_others_run(self) -> None:
        """Return when no other task can do anything, except those that called this too."""
        self._step_back(self._idle)

    def sleep(self, seconds: float) -> None:
        """See `Threads.sleep`: the others get as far as they can, and it is this task's turn some time after that."""
        self.let_others_run()
        time.sleep(seconds)
        self.pause()

    def hand_on(self) -> None:
        """Pause, now and then."""
        if threading.current_thread() is self._turn and self._random.random() < _HAND_ON:
            self.pause()

    def finish(self, task: Task) -> None:
        """End a task's last turn."""
        with self._lock:
            self._leave(task, "finished")
        self.wake(task)

    def lock(self) -> Lock:
        """See `Threads.lock`."""
        return _Lock(self)

    def queue(self) -> Queue:
        """See `Threads.queue`."""
        return _Queue(self)

    def _waiter(self) -> _Waiter:
        thread = threading.current_thread()
        if isinstance(thread, Task) and thread.scheduler is self and not self._ended:
            return thread.waiter
        return _Waiter()

    def _stop_waiting(self, waiter: _Waiter) -> None:
        """After its deadline a thread runs at once, whoever has the turn: others may be late for that very reason."""
        with self._lock:
            if waiter.gate.acquire(blocking=False):
                return
            if waiter.task in self._ready:
                self._ready.remove(waiter.task)
            else:
                others = [other for other in self._waiting.pop(waiter.thing) if other is not waiter]
                if others:
                    self._waiting[waiter.thing] = others
            if waiter.task:
                waiter.task.state = "free"

    def _step_back(self, line: list[Task]) -> None:
        task = self._waiter().task
        if task is None:
            return
        with self._lock:
            if self._ended:
                return
            line.append(task)
            self._leave(task, "ready")
        task.waiter.gate.acquire()

    def _leave(self, task: Task, state: Literal["ready", "waiting", "finished"]) -> None:
        task.state = state
        if self._turn is task:
            self._pass_turn()
        else:
            self._give_turn()

    def _pass_turn(self) -> None:
        self._turn = None
        self._give_turn()

    def _give_turn(self) -> None:
        """Draw who is next, if nobody has the turn."""
        if self._turn is not None or self._held:
            return
        line = self._ready or self._idle
        if not line:
            self._changed.notify()
            return
        place = self._random.randrange(len(line))
        line[place], line[-1] = line[-1], line[place]
        self._turn = line.pop()
        self._turn.state = "running"
        self._turn.waiter.gate.release()
        self._turns += 1

    def _free(self, task: Task) -> None:
        task.state = "free"
        task.waiter.gate.release()

    def _hold(self, held: bool) -> None:
        with self._lock:
            self._held = held
            self._give_turn()

    def _quiet(self) -> bool:
        return self._turn is None and all(task.state in ("waiting", "finished") for task in self._tasks)


class _SleepWatch:
    """Notices that the thread that has the turn sleeps: looks at it again and again."""

    def __init__(self) -> None:
        self._seen: tuple[object, ...] = ()
        self._times = 0

    def asleep(self, thread: int | None, turn: int) -> bool:
        """Tell whether a thread has slept in one and the same system call at the last looks.

        Not so a thread that computes: it sleeps at most until Python's lock or a page is there.
        """
        state, switches = _sleep(thread)
        now = (turn, state, switches)
        self._times = self._times + 1 if now == self._seen and state == "S" else 0
        self._seen = now
        return self._times >= _LOOKS_ASLEEP


def _sleep(thread: int | None) -> tuple[str, str]:
    """Return the state of a thread of this process ("S": it sleeps), and how often it has gone to sleep."""
    try:
        lines = Path(f"/proc/self/task/{thread}/status").read_text().splitlines()
    except OSError:
        return "", ""
    values = {name: value for name, _, value in (line.partition(":\t") for line in lines)}
    return values.get("State", "")[:1], values.get("voluntary_ctxt_switches", "")


class _Lock:
    """A lock that tasks take in turns."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See `Lock.acquire`."""
        allowed = threading.TIMEOUT_MAX if timeout < 0 else timeout
        return self._scheduler.wait(self, self._take, time.monotonic() + (allowed if blocking else 0.0))

    def release(self) -> None:
        """See `Lock.release`."""
        self._held = False
        self._scheduler.wake(self)

    def _take(self) -> bool:
        taken = not self._held
        self._held = True
        return taken


class _Queue:
    """A queue that tasks take from in turns."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        """See `Queue.put`."""
        self._items.append(item)
        self._scheduler.wake(self)

    def get(self) -> Any:
        """See `Queue.get`."""
        found: list[Any] = []

        def take() -> bool:
            if self._items:
                found.append(self._items.popleft())
            return bool(found)

        self._scheduler.wait(self, take, time.monotonic() + threading.TIMEOUT_MAX / 2)
        return found[0]
