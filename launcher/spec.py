"""What to launch: the command line and the configuration file become one checked, frozen `LaunchSpec`."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

# Every rank has these from tlrun itself; a value of the user's would only break the job.
SET_BY_LAUNCHER = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "TENSORLIB_JOB_SECRET",
    "TENSORLIB_STORE",
    "TENSORLIB_LAUNCHER",
)


class SpecError(ValueError):
    """What was asked for cannot be launched: says what was given and what is needed, in one line."""


@dataclass(frozen=True)
class LaunchSpec:
    """One job on this machine. A configuration file has the same names.

    Attributes:
        script: a `.py` file, an executable, or with `module` the name of a module.
        args: what the script gets as its arguments.
        nproc_per_node: ranks to start, at least 1.
        module: whether `script` names a module, run as by `python -m`.
        threads: threads per rank; None: the cores, divided among the ranks.
        prefix: whether output is marked with the rank it comes from.
        timeout: seconds that the whole job may take; None: no limit.
        grace: seconds between asking a rank to end and killing it.
        env: more environment variables for the ranks.

    Raises:
        SpecError: where a value has the wrong kind or is out of range, or the script cannot be run.
    """

    script: str
    args: tuple[str, ...] = ()
    nproc_per_node: int = 1
    module: bool = False
    threads: int | None = None
    prefix: bool = True
    timeout: float | None = None
    grace: float = 2.0
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_kinds(self)
        _check_ranges(self)
        _check_environment(self.env)
        if self.module:
            _check_module(self.script, self.env.get("PYTHONPATH", ""))
        else:
            object.__setattr__(self, "script", _runnable(self.script))


def parse(argv: Sequence[str]) -> LaunchSpec:
    """Turn the arguments of `tlrun` into a `LaunchSpec`; what they leave open comes from the file given by `--config`.

    Raises:
        SpecError: for an unknown option or key, a bad value, or a script that cannot be run.
        SystemExit: after printing the help or the version, with code 0.
    """
    options, unknown = _parser().parse_known_args(argv)
    given = vars(options)
    if unknown:
        raise SpecError(
            f"unknown option {unknown[0]}; the nearest known one is {_nearest(unknown[0], _option_names())}"
        )
    if given.pop("version", False):
        print(f"tlrun {_version()}")
        raise SystemExit(0)
    config = given.pop("config", None)
    values = _from_command_line(given)
    if config is not None:
        values = _merge(_from_file(config), values)
    if "script" not in values:
        raise SpecError("no script given; usage: tlrun -n N script.py [arguments]")
    return LaunchSpec(**values)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SpecError(" ".join(message.split()))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tlrun",
        usage="tlrun [-n N] [options] [-m] script [arguments of the script]",
        description="Start a script once per rank, watch the ranks, and say which one failed first.",
        epilog="A .py file runs with this Python; anything else runs as it is.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add("-n", "-np", "--nproc-per-node", type=int, metavar="N", help="ranks to start (default 1)")
    add("-m", "--module", action="store_true", help="the script is a module's name, as for python -m")
    add("--threads", type=int, metavar="N", help="threads per rank (default: cores / ranks)")
    add("--no-prefix", dest="prefix", action="store_false", help="do not mark output with its rank")
    add("--timeout", type=float, metavar="SECONDS", help="stop the job after this time (exit code 124)")
    add("--grace", type=float, metavar="SECONDS", help="from asking ranks to end to killing them (default 2)")
    add("--env", action="append", metavar="NAME=VALUE", help="set a variable for the ranks; may be repeated")
    add("--config", metavar="FILE.toml", help="take what the command line leaves open from a file")
    add("--version", action="store_true", help="print the version and exit")
    add("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _option_names() -> list[str]:
    return [name for action in _parser()._actions for name in action.option_strings]


def _version() -> str:
    # Importing tensorlib for its version would load NumPy.
    import runpy

    path = Path(__file__).resolve().parents[1] / "tensorlib" / "version.py"
    return str(runpy.run_path(str(path))["__version__"])


def _from_command_line(given: dict[str, Any]) -> dict[str, Any]:
    """Values of a `LaunchSpec` from those that argparse found."""
    values = dict(given)
    command = values.pop("command", [])
    if command and command[0] == "--":
        command = command[1:]
    if command:
        values.update(script=command[0], args=tuple(command[1:]))
    if "env" in values:
        values["env"] = dict(_assignment(text) for text in values["env"])
    return values


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise SpecError(f"--env needs NAME=VALUE, not {text!r}")
    return name, value


def _from_file(path: str) -> dict[str, Any]:
    """Values of a `LaunchSpec` from a TOML file."""
    import tomllib

    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise SpecError(f"{path} is not a TOML file: {error}") from None
    known = [entry.name for entry in fields(LaunchSpec)]
    for key in values:
        if key not in known:
            raise SpecError(f"{path}: unknown key {key!r}; the nearest known one is {_nearest(key, known)!r}")
    if isinstance(values.get("args"), list):
        values["args"] = tuple(values["args"])
    return values


def _merge(file: dict[str, Any], command_line: dict[str, Any]) -> dict[str, Any]:
    """The command line beats the file; a script on the command line comes with its own arguments."""
    merged = file | command_line
    if isinstance(file.get("env"), dict):
        merged["env"] = file["env"] | command_line.get("env", {})
    if "script" in command_line and "module" not in command_line:
        merged.pop("module", None)
    return merged


def _nearest(name: str, known: Sequence[str]) -> str:
    import difflib

    return difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]


def _check_kinds(spec: LaunchSpec) -> None:
    kinds: dict[str, tuple[tuple[type, ...], str]] = {
        "script": ((str,), "text"),
        "args": ((tuple,), "a list of texts"),
        "nproc_per_node": ((int,), "a whole number"),
        "module": ((bool,), "true or false"),
        "threads": ((int, type(None)), "a whole number"),
        "prefix": ((bool,), "true or false"),
        "timeout": ((int, float, type(None)), "a number of seconds"),
        "grace": ((int, float), "a number of seconds"),
        "env": ((Mapping,), "a table of texts"),
    }
    for name, (allowed, wanted) in kinds.items():
        value = getattr(spec, name)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise SpecError(f"{name} must be {wanted}, not {value!r}")
    for value in (*spec.args, *spec.env.values()):
        if not isinstance(value, str) or "\0" in value:
            raise SpecError(
                f"arguments and environment variables must be texts without a null character, not {value!r}"
            )


def _check_ranges(spec: LaunchSpec) -> None:
    if spec.nproc_per_node < 1:
        raise SpecError(f"-n (nproc_per_node) must be at least 1, not {spec.nproc_per_node}")
    if spec.threads is not None and spec.threads < 1:
        raise SpecError(f"--threads must be at least 1, not {spec.threads}")
    if spec.timeout is not None and not (spec.timeout > 0 and math.isfinite(spec.timeout)):
        raise SpecError(f"--timeout must be a positive number of seconds, not {spec.timeout}")
    if not (spec.grace >= 0 and math.isfinite(spec.grace)):
        raise SpecError(f"--grace must be a number of seconds, 0 or more, not {spec.grace}")


def _check_environment(variables: Mapping[str, str]) -> None:
    for name in variables:
        if name in SET_BY_LAUNCHER:
            raise SpecError(f"--env: {name} is set by tlrun itself")
        if not name or "=" in name or "\0" in name:
            raise SpecError(f"--env: {name!r} cannot be the name of an environment variable")


def _runnable(script: str) -> str:
    """The script, or where it is an executable its full path."""
    path = Path(script)
    if "/" not in script and not path.exists() and (found := shutil.which(script)):
        return found
    if not path.exists():
        raise SpecError(f"no such file: {script}")
    if not path.is_file():
        raise SpecError(f"{script} is a directory: need a .py file or an executable")
    if not os.access(path, os.R_OK):
        raise SpecError(f"cannot read {script}: permission denied")
    if path.suffix == ".py":
        return script
    if not os.access(path, os.X_OK):
        raise SpecError(f"{script} is neither a .py file nor executable")
    return str(path.absolute())


def _check_module(name: str, python_path: str) -> None:
    """Look for the module where `python -m` will, without importing the packages it lies in."""
    places: list[str] | None = [os.getcwd(), *filter(None, python_path.split(os.pathsep)), *sys.path]
    for depth, part in enumerate(name.split(".")):
        found = _find(part, places, top_level=depth == 0) if places else None
        if found is None:
            raise SpecError(f"no module named {name!r}")
        places = found.submodule_search_locations
    if places and _find("__main__", places, top_level=False) is None:
        raise SpecError(f"{name!r} is a package without __main__: name a module in it")


def _find(part: str, places: list[str], top_level: bool) -> ModuleSpec | None:
    """Find one part of a module's name: given the whole name, Python would ask for the package to be imported."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    if not part:
        return None
    # The second way asks the finders of editable installs, too.
    return PathFinder.find_spec(part, places) or (find_spec(part) if top_level and part != "__main__" else None)
