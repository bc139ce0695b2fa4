"""What is found in a rank's stderr, and what is shown of it: on tracebacks that Python itself wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from launcher.tracebacks import HEADER, RECENT, Editor, Policy, Traceback, TracebackReader

SIMPLE = "def bad():\n    raise ValueError('bad batch')\nbad()\n"
CAUSE = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('two') from error\n"
CONTEXT = "try:\n    {}['a']\nexcept KeyError:\n    raise KeyboardInterrupt\n"
THREAD = "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()\n"
PEER = "from dist.errors import PeerError\nraise PeerError('rank 2 was killed')\n"
WRAPPED = f"{PEER.splitlines()[0]}\ntry:\n    raise PeerError('x')\nexcept PeerError:\n    raise RuntimeError('no')\n"
LIBRARY = "import json\njson.loads('nonsense')\n"

WRITTEN: list[tuple[str, str, str]] = [
    ("simple", SIMPLE, "ValueError: bad batch (train.py:2)"),
    ("no message", "raise ValueError", "ValueError (train.py:1)"),
    ("cause", CAUSE, "ValueError: two (train.py:4)"),
    ("context", CONTEXT, "KeyboardInterrupt (train.py:4)"),
    ("in a thread", THREAD, "ZeroDivisionError: division by zero (train.py:2)"),
    ("does not compile", "x = (\n", "SyntaxError: '(' was never closed (train.py:1)"),
    ("of a library", LIBRARY, "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) (train.py:2)"),
    ("of a peer", PEER, "dist.errors.PeerError: rank 2 was killed (train.py:2)"),
]


@pytest.fixture
def stderr_of(tmp_path: Path) -> object:
    root = Path(__file__).resolve().parents[2]

    def run(code: str) -> list[bytes]:
        (tmp_path / "train.py").write_text(code)
        command = [sys.executable, "train.py"]
        environment = {"PYTHONPATH": str(root)}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=20, check=False, env=environment)
        return done.stderr.splitlines(keepends=True)

    return run


def read(lines: list[bytes]) -> list[bytes | Traceback]:
    reader = TracebackReader()
    return [part for line in lines for part in reader.feed(line)] + reader.flush()


@pytest.mark.parametrize(("code", "summary"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_what_python_writes_is_one_traceback(stderr_of: object, code: str, summary: str) -> None:
    lines = stderr_of(code)  # type: ignore[operator]
    (traceback,) = read(lines)
    assert isinstance(traceback, Traceback)
    assert traceback.lines == tuple(lines)
    assert traceback.summary == summary


def test_kinds(stderr_of: object) -> None:
    def kinds(code: str) -> tuple[bool, bool]:
        (traceback,) = read(stderr_of(code))  # type: ignore[operator]
        assert isinstance(traceback, Traceback)
        return traceback.is_interrupt, traceback.is_consequence

    assert kinds(SIMPLE) == (False, False)
    assert kinds("raise KeyboardInterrupt") == (True, False)
    assert kinds(CONTEXT) == (True, False)
    assert kinds(PEER) == (False, True)
    assert kinds(WRAPPED) == (False, True)


FRAMES = [HEADER + b"\n", b'  File "train.py", line 1, in <module>\n']
ERROR = [*FRAMES, b"ValueError: bad\n"]


@pytest.mark.parametrize(
    ("lines", "tracebacks"),
    [
        ([b"one\n", b"  two\n", b"\n"], 0),
        ([*ERROR, b"after\n"], 1),
        ([b"before\n", *ERROR, b"\n", b"\n"], 1),
        ([*ERROR, *ERROR], 2),
        ([*ERROR, b"second line of the message\n", *ERROR], 2),
        ([*ERROR, b"\n", b"The above exception was the direct cause of the following exception:\n", b"x\n"], 1),
        ([*ERROR, b"\n", b"During handling of the above exception, another exception occurred:\n", b"\n", *ERROR], 1),
        (FRAMES, 0),
        ([HEADER + b"\n"] * 3, 0),
        ([b"Exception ignored in: <function f>\n", *ERROR], 1),
        ([b"Exception ignored in: <function f>\n", b"x\n"], 0),
        ([b"Fatal Python error: init_import_site: x\n", b"Python runtime state: initialized\n", *ERROR], 1),
        ([b"Fatal Python error: Aborted\n", b"\n", b"Current thread 0x1:\n", b'  File "a.py", line 1 in f\n'], 0),
        ([b"Process SpawnProcess-1:\n", *ERROR], 1),
        ([HEADER + b"\r\n", b'  File "train.py", line 1\r\n', b"ValueError\r\n"], 1),
        ([HEADER + b"\n", *[b"  x\n"] * 20000, b"end\n"], 0),
    ],
)
def test_nothing_is_lost_and_order_is_kept(lines: list[bytes], tracebacks: int) -> None:
    parts = read(lines)
    found = [part for part in parts if isinstance(part, Traceback)]
    assert [line for part in parts for line in (part.lines if isinstance(part, Traceback) else [part])] == lines
    assert len(found) == tracebacks


def test_a_header_does_not_hold_for_ever() -> None:
    reader = TracebackReader()
    shown = [part for line in [*FRAMES, *[b"  x\n"] * 20000] for part in reader.feed(line)]
    assert len(shown) > 10000


def test_colours_do_not_hide_a_traceback() -> None:
    lines = [
        HEADER + b"\n",
        b'  File \x1b[35m"/a/train.py"\x1b[0m, line \x1b[35m41\x1b[0m, in \x1b[35mstep\x1b[0m\n',
        b"\x1b[1;35mValueError\x1b[0m: \x1b[35mbad batch\x1b[0m\n",
    ]
    (traceback,) = read(lines)
    assert isinstance(traceback, Traceback)
    assert traceback.summary == "ValueError: bad batch (train.py:41)"


def show(editor: Editor, *lines: bytes) -> list[bytes]:
    return [shown for line in lines for shown in editor.feed(line)] + editor.flush()


def test_the_same_traceback_of_another_rank_is_shortened() -> None:
    policy = Policy()
    ranks = [Editor(rank, policy) for rank in range(3)]
    assert show(ranks[1], *ERROR) == ERROR
    assert show(ranks[0], *ERROR) == ERROR[-1:]
    assert show(ranks[1], *ERROR) == ERROR
    other = [*FRAMES, b"ValueError: another\n"]
    assert show(ranks[2], *other) == other


def test_once_a_rank_has_failed_the_others_are_shortened() -> None:
    policy = Policy()
    policy.failed_rank = 1
    assert show(Editor(0, policy), b"note\n", *ERROR) == [b"note\n", ERROR[-1]]
    assert show(Editor(1, policy), *ERROR) == ERROR


def test_that_a_peer_failed_is_no_news_once_it_is_known() -> None:
    policy = Policy()
    peer_error = [*FRAMES, b"dist.errors.PeerError: rank 1 was killed\n"]
    assert show(Editor(0, policy), *peer_error) == peer_error[-1:]
    policy.failed_rank = 1
    assert show(Editor(2, policy), b"note\n", *peer_error) == [b"note\n"]
    assert show(Editor(0, policy), b"note\n", b"PeerError: rank 1 was killed\n") == [b"note\n"]


def test_interrupts_are_shown_unless_expected() -> None:
    policy = Policy()
    interrupt = [*FRAMES, b"KeyboardInterrupt\n"]
    assert show(Editor(0, policy), *interrupt) == interrupt
    policy.interrupted = True
    assert show(Editor(1, policy), b"saving\n", *interrupt, b"PeerError: rank 0 was interrupted\n") == [b"saving\n"]
    assert show(Editor(1, policy), *ERROR) == ERROR


def test_what_a_rank_ended_with() -> None:
    editor = Editor(0, Policy())
    assert editor.last_traceback is None
    show(editor, *ERROR, b"leaked semaphore\n", b"\n")
    assert editor.last_traceback is not None
    assert editor.last_line == "leaked semaphore"
    show(editor, *[b"going on\n"] * RECENT)
    assert editor.last_traceback is None
