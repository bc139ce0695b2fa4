"""What is said at the end of a job, and the exit code: which rank failed first, and what became of the others."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from launcher.exit_codes import EXIT_BAD_INPUT
from launcher.tracebacks import PEER_ERROR


@dataclass(frozen=True)
class RankEnd:
    """How one rank ended.

    Attributes:
        rank: its number.
        pid: its process id.
        code: the exit code, or minus the number of the signal that killed it.
        at: when, in seconds of any one clock.
        stopped: whether it had been told to end.
        consequence: whether it ended because another rank had failed.
        words: what it said at the end, such as `ValueError: bad batch (train.py:41)`; or nothing.
    """

    rank: int
    pid: int
    code: int
    at: float = 0.0
    stopped: bool = False
    consequence: bool = False
    words: str = ""

    @property
    def ended_by_others(self) -> bool:
        """Whether it was told to end, or ended because another rank, or the whole job, had failed."""
        return self.stopped or (self.code != 0 and self.consequence)

    @property
    def failed(self) -> bool:
        """Whether it ended badly without being told to end."""
        return self.code != 0 and not self.stopped


def first_failure(ends: Sequence[RankEnd]) -> RankEnd | None:
    """The rank to blame: the first that failed, and not because of another one, if there is such a rank."""
    failed = [end for end in ends if end.failed]
    causes = [end for end in failed if not end.consequence] or failed
    return min(causes, key=lambda end: end.at, default=None)


def is_explained(culprit: RankEnd, ends: Sequence[RankEnd]) -> bool:
    """Whether the ranks have refused their input, and one of them has said why in a line of its own."""
    return culprit.code == EXIT_BAD_INPUT and any(end.code == EXIT_BAD_INPUT and end.words for end in ends)


def failure_message(culprit: RankEnd, ends: Sequence[RankEnd]) -> str:
    """One line: who failed, how, and what became of the others."""
    others = [end for end in ends if end is not culprit]
    also = [end.rank for end in others if end.failed and not end.consequence]
    stopped = [end.rank for end in others if end.ended_by_others]
    if culprit.consequence and culprit.words.startswith(PEER_ERROR):
        # The rank at fault has not ended by itself; the others know best: "rank 1 is silent for 3 s".
        return culprit.words.removeprefix(PEER_ERROR) + were_stopped([culprit.rank, *stopped])
    message = f"rank {culprit.rank} (pid {culprit.pid}) {how(culprit.code)}"
    if culprit.words and culprit.code > 0:
        message += f": {culprit.words}"
    if also:
        message += f"; {ranks(also)} failed too"
    return message + were_stopped(stopped)


def were_stopped(stopped: Sequence[int]) -> str:
    """`; ranks 0 and 2-3 were stopped`, or nothing where there are none."""
    return f"; {ranks(stopped)} {'was' if len(stopped) == 1 else 'were'} stopped" if stopped else ""


def how(code: int) -> str:
    """`exited with code 3` or `was killed by SIGKILL`."""
    return f"was killed by {signal_name(-code)}" if code < 0 else f"exited with code {code}"


def exit_code(code: int) -> int:
    """As a shell has it: 128 + the number of the signal for a process that was killed."""
    return 128 - code if code < 0 else code


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; real-time signals have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ranks(numbers: Sequence[int]) -> str:
    """`rank 2`, or `ranks 0, 2-4` for more than one."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    listed = ", ".join(f"{span[0]}-{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans)
    return f"rank{'s' if len(numbers) > 1 else ''} {listed}"
