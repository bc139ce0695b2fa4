"""The command that each rank runs."""

from __future__ import annotations

import sys

from launcher.spec import LaunchSpec


def command(spec: LaunchSpec) -> tuple[str, ...]:
    """The command of every rank: Python, unbuffered, for a module or a `.py` file; an executable as it is."""
    if spec.module:
        return (sys.executable, "-u", "-m", spec.script, *spec.args)
    if spec.script.endswith(".py"):
        return (sys.executable, "-u", spec.script, *spec.args)
    return (spec.script, *spec.args)
