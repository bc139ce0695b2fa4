"""Namespaces of operations: `tensorlib.special.erfcx` is the operation `special_erfcx`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tensorlib.attach import FUNCTIONS
from tensorlib.autograd.op import OPS


def members(prefix: str, aliases: Mapping[str, str]) -> dict[str, Callable[..., Any]]:
    """Return the functions of a namespace by their names there.

    Args:
        prefix: what the names of its operations and functions begin with, before an underscore.
        aliases: names of operations and functions outside the namespace, by their names in it.

    Example:
        >>> from tensorlib.namespace import members
        >>> members("special", {"expit": "sigmoid"})["expit"] is tensorlib.sigmoid
        True
    """
    everything: dict[str, Callable[..., Any]] = {**FUNCTIONS, **OPS}
    own = {name.removeprefix(f"{prefix}_"): f for name, f in everything.items() if name.startswith(f"{prefix}_")}
    return own | {name: everything[target] for name, target in aliases.items()}
