"""Loops that Numba compiles when they are first needed.

Importing Numba and loading a loop from its cache takes 0.4 s, compiling it as much again, so nothing of that happens
before a caller has enough work for it to pay. A compiled loop and its NumPy form give the same bits (no fused, no
reordered arithmetic), so it never matters which of the two ran; where a loop does not, the array alone decides.

The machine code is kept on disk: beside the source or, where that is read-only, in the user's cache directory
(`NUMBA_CACHE_DIR` overrides both). Where nothing can be written, each process compiles for itself. A loop is always
compiled for all its types, in one order, so processes that fill the cache at the same moment write the same files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy

# Elements that a loop is loaded for: over a smaller array, NumPy's passes take less than 0.1 ms.
ENOUGH_ELEMENTS = 1 << 16


class CompiledLoop:
    """A function over arrays and numbers of one floating type that is compiled when it is first called.

    Args:
        function: The loop, in the part of Python that Numba compiles. It returns nothing: it writes into its arrays.
        signature: Types of its arguments in Numba's notation, with `{0}` for the floating type.
        fast_math: Liberties with the arithmetic, by LLVM's names: "contract" rounds a product and a sum once, "reassoc"
            and "nsz" add up in several registers.
    """

    loaded = False

    def __init__(self, function: Callable[..., None], signature: str, fast_math: frozenset[str] = frozenset()) -> None:
        self.function = function
        self.signatures = sorted({signature.format(name) for name in ("float32", "float64")})
        self.fast_math = set(fast_math)

    def __call__(self, *arguments: Any) -> None:
        """Run the loop, compiled."""
        self.machine_code(*arguments)

    def suits(self, *arrays: Any) -> bool:
        """Tell whether the loop can take these arrays, and is worth it: for large ones, or once Numba is loaded.

        Args:
            arrays: What the loop would be called with, of one size.
        """
        first = arrays[0]
        if first.size < ENOUGH_ELEMENTS and not CompiledLoop.loaded:
            return False
        return first.dtype.char in "fd" and all(
            isinstance(array, numpy.ndarray) and array.dtype == first.dtype and array.flags.carray for array in arrays
        )

    @functools.cached_property
    def machine_code(self) -> Callable[..., None]:
        """The compiled function."""
        import numba

        jit = functools.partial(numba.njit, self.signatures, nogil=True, error_model="numpy", fastmath=self.fast_math)
        try:
            machine_code = jit(cache=True)(self.function)
        except (RuntimeError, OSError):  # there is no directory, or no room, for the cache
            machine_code = jit(cache=False)(self.function)
        CompiledLoop.loaded = True
        return machine_code


def compiled(signature: str, fast_math: frozenset[str] = frozenset()) -> Callable[[Callable[..., None]], CompiledLoop]:
    """Turn a function into a `CompiledLoop`.

    Args:
        signature: Types of its arguments in Numba's notation, with `{0}` for the floating type.
        fast_math: Liberties with the arithmetic, by LLVM's names: "contract" rounds a product and a sum once, "reassoc"
            and "nsz" add up in several registers.
    """
    return lambda function: CompiledLoop(function, signature, fast_math)
