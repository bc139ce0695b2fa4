"""From the bytes of a rank to the bytes shown: pure, so every way to cut the bytes can be tried."""

from __future__ import annotations

import random

import pytest

from launcher.streams import LONGEST_LINE, LineStream, TerminalStream
from launcher.tracebacks import HEADER, Editor, Policy

ERROR = HEADER + b'\n  File "train.py", line 1, in <module>\nValueError: bad\n'
INTERRUPT = ERROR.replace(b"ValueError: bad", b"KeyboardInterrupt")


def pieces(data: bytes, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, len(data)), chance.randrange(min(len(data), 12)))) if len(data) > 1 else []
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"", b""),
        (b"one\n", b"[1] one\n"),
        (b"one\ntwo\n", b"[1] one\n[1] two\n"),
        (b"no end", b"[1] no end\n"),
        (b"\n\n", b"[1] \n[1] \n"),
        (b"windows\r\n", b"[1] windows\r\n"),
        (b"1%\r2%\r3%\n", b"[1] 1%\r[1] 2%\r[1] 3%\n"),
        (b"\r1%\r2%", b"[1] \r[1] 1%\r[1] 2%\n"),
        (b"\0\xff\xfe\x80 \x1b[31m\n\x85\n", b"[1] \0\xff\xfe\x80 \x1b[31m\n[1] \x85\n"),
        (b"x" * 100_000 + b"\ny\n", b"[1] " + b"x" * 100_000 + b"\n[1] y\n"),
        (b"a\n" + ERROR, b"[1] a\n" + b"".join(b"[1] " + line for line in ERROR.splitlines(keepends=True))),
    ],
)
def test_lines(written: bytes, shown: bytes) -> None:
    for seed in range(50):
        stream = LineStream(b"[1] ", Editor(1, Policy()))
        assert b"".join(map(stream.feed, pieces(written, seed))) + stream.finish() == shown


def test_without_prefix_nothing_is_changed() -> None:
    stream = LineStream(b"")
    assert stream.feed(b"1%\r2%\n\0") + stream.finish() == b"1%\r2%\n\0\n"


def test_a_line_without_end_is_shown_in_parts() -> None:
    stream = LineStream(b"[1] ")
    data = b"x" * (LONGEST_LINE // 4)
    shown = b"".join(stream.feed(data) for _ in range(9)) + stream.finish()
    assert shown.count(b"\n") == 3
    assert shown.replace(b"[1] ", b"").replace(b"\n", b"") == data * 9


def test_a_terminal_shows_everything_at_once() -> None:
    stream = TerminalStream(Editor(0, Policy()))
    for data in (b"10%", b"\r20%", b"\r100%\n", b"name? ", b"\0\xff", b"\r\n", b"T", b"rue\n", b"\x1b[2K"):
        expected = b"" if data == b"T" else b"True\n" if data == b"rue\n" else data
        assert stream.feed(data) == expected


def test_what_may_become_a_traceback_waits_only_for_a_moment() -> None:
    stream = TerminalStream(Editor(0, Policy()))
    assert stream.feed(b"T") == b""
    assert stream.holds
    assert stream.flush() == b"T"
    assert not stream.holds
    assert stream.feed(b"raceback (most recent call last):\nx") == b"raceback (most recent call last):\nx"


@pytest.mark.parametrize("written", [b"a\n" + ERROR + b"b\n", b"a" + ERROR, ERROR + b"\n\n" + ERROR + b"? "])
def test_a_terminal_loses_nothing(written: bytes) -> None:
    for seed in range(50):
        stream = TerminalStream(Editor(0, Policy()))
        assert b"".join(map(stream.feed, pieces(written, seed))) + stream.finish() == written


def test_a_terminal_does_not_show_an_expected_interrupt() -> None:
    policy = Policy()
    policy.interrupted = True
    for seed in range(50):
        stream = TerminalStream(Editor(0, policy))
        assert b"".join(map(stream.feed, pieces(b"50%\n" + INTERRUPT, seed))) + stream.finish() == b"50%\n"


def test_stdout_on_a_terminal_is_left_alone() -> None:
    stream = TerminalStream(None)
    assert stream.feed(ERROR) == ERROR
    assert (stream.holds, stream.flush(), stream.finish()) == (False, b"", b"")
