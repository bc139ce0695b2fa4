"""Which code is the user's own, and how places in it are written down."""

from __future__ import annotations

import os
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[1]
OWN_PACKAGES = ("dist", "tensorlib", "launcher")
SHOWN_FRAMES = 20


class Place(NamedTuple):
    """A line of a program, and the function it stands in."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@lru_cache(maxsize=4096)
def is_user_code(filename: str) -> bool:
    """Tell whether a file belongs neither to Python, nor to what is installed, nor to this project."""
    paths = sysconfig.get_paths()
    foreign = [Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    foreign += [_ROOT / package for package in OWN_PACKAGES]
    path = Path(filename)
    return path.exists() and not any(path.is_relative_to(folder) for folder in foreign)


def shown_path(filename: str) -> str:
    """Write a path below the working directory relative to it."""
    try:
        return filename.removeprefix(os.getcwd() + os.sep)
    except OSError:  # it was removed
        return filename


def user_places(frame: FrameType | None) -> list[Place]:
    """Return where in the user's code a thread is, innermost first; `frame` is its innermost frame."""
    places: list[Place] = []
    while frame is not None and len(places) < SHOWN_FRAMES:
        code = frame.f_code
        if is_user_code(code.co_filename):
            places.append(Place(shown_path(code.co_filename), frame.f_lineno or code.co_firstlineno, code.co_qualname))
        frame = frame.f_back
    return places
