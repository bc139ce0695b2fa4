"""Other processes for tests: started, talked with, and ended in any case."""

from __future__ import annotations

import os
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

from tensorlib import multiprocessing

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20  # after which a test gives up waiting


def named_by(pids):
    """Return the files in /dev/shm that processes made."""
    return [name for name in os.listdir("/dev/shm") if name.startswith(tuple(f"tensorlib-{pid}-" for pid in pids))]


def received(source):
    assert source.poll(SECONDS), "nothing came"
    return source.recv()


def sent(tensor):
    """Return a tensor as the receiver gets it, here in the same process."""
    return ForkingPickler.loads(ForkingPickler.dumps(tensor))


class Running:
    """A process and a pipe to it; it is killed if it does not end."""

    def __init__(self, method, target, *args):
        context = multiprocessing.get_context(method)
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=target, args=(other, *args))
        self.process.start()
        other.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        assert self.process.exitcode == 0
