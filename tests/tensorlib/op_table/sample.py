"""One call of an operation, and the ways to say which arguments it gets.

A family of operations has a module beside this one that lists its calls in `SAMPLES`. From each the tests take values,
gradients and second gradients, and compare them with NumPy and PyTorch.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

import tensorlib
from tensorlib.autograd.op import OPS

Array = Any
COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
Make = Callable[..., Array]


@dataclass(frozen=True)
class Sample:
    """One call: `op(*args, **options)`.

    Attributes:
        op: name of the operation in the table, or of a function in `tensorlib` that is made of several.
        args: NumPy arrays, also within lists and tuples, become tensors; everything else is given as it is.
        options: given by keyword; arrays are made tensors there too.
        torch: what does the same on PyTorch's tensors: a name below `torch`, "nn.functional.relu" say, or a function of
            the same arguments and options; the operation's own name unless given, None where PyTorch has nothing.
        numpy: what does the same on NumPy arrays; None leaves the values to other tests.
        differentiable: False where no gradients are to be computed.
        kink: True where differences say nothing about the gradients; they are compared with PyTorch's only.
        second: False where second gradients are not to be checked.
        constants: names of options whose tensors never need a gradient.
        arrays: names of options that take arrays, not tensors; these are steps of gradients.
        cuda: False where CuPy does not have what the operation needs, and it says so.
        tolerance: how far values and gradients may be from PyTorch's, relative to float32's and float64's precision.
    """

    op: str
    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    torch: str | Callable[..., Any] | None = ""
    numpy: Callable[..., Any] | None = None
    differentiable: bool = True
    kink: bool = False
    second: bool = True
    constants: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()
    cuda: bool = True
    tolerance: float = 32.0

    def __str__(self) -> str:
        """Name of the call for reports: `add(2x3, 2.5, alpha=2)`."""
        args = [_brief(value) for value in self.args]
        return f"{self.op}({', '.join(args + [f'{k}={_brief(v)}' for k, v in self.options.items()])})"

    def tensors(
        self, dtype: Any = None, requires_grad: bool = False, wrap: Callable[[Array], Any] = tensorlib.Tensor
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return fresh arguments and options, with tensors for arrays and floats of type `dtype`, if one is given."""

        def convert(value: Any, requires_grad: bool) -> Any:
            if isinstance(value, (list, tuple)):
                return type(value)(convert(item, requires_grad) for item in value)
            if not isinstance(value, numpy.ndarray):
                return value
            is_float = value.dtype.kind in "fc"
            wanted = COMPLEX_OF.get(str(dtype)) if value.dtype.kind == "c" else dtype
            tensor = wrap(fresh(value, wanted if is_float else None))
            return tensor.requires_grad_() if requires_grad and is_float else tensor

        options = {
            name: value if name in self.arrays else convert(value, requires_grad and name not in self.constants)
            for name, value in self.options.items()
        }
        return convert(self.args, requires_grad), options

    def has_floats(self) -> bool:
        """Tell whether there are floating point tensors among the arguments."""
        return bool(leaves(self.tensors(requires_grad=True)))

    def has_gradients(self) -> bool:
        """Tell whether there are gradients to check against differences."""
        return self.differentiable and not self.kink and self.has_floats()

    def call(self, args: Sequence[Any], options: dict[str, Any]) -> Any:
        """Call the operation, or a function made of several."""
        return (OPS.get(self.op) or getattr(tensorlib, self.op))(*args, **options)


def leaves(value: Any) -> list[Any]:
    """Return the tensors among arguments that need a gradient, in order; of tensorlib or PyTorch."""
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, dict):
        return leaves(list(value.values()))
    return [value] if getattr(value, "requires_grad", False) else []


def fresh(array: Array, dtype: Any = None) -> Array:
    """Return a copy, with gaps between the elements where the given array is not contiguous."""
    if array.flags.c_contiguous:
        return array.astype(dtype or array.dtype)
    wider = numpy.zeros([2 * length for length in array.shape], dtype or array.dtype)
    copied = wider[(slice(None, None, 2),) * array.ndim]
    copied[...] = array
    return copied


def normal(*shape: int, seed: int = 0) -> Array:
    """Return float64 values around 0, none nearer to it or to one another than a gradient check's steps."""
    generator = numpy.random.default_rng([seed, *shape])
    count = int(numpy.prod(shape))
    values = (numpy.arange(count) - count / 2 + 0.25 + 0.1 * generator.random(count)) / max(count / 4, 1)
    return generator.permutation(values).reshape(shape)


def positive(*shape: int, seed: int = 0) -> Array:
    """Return float64 values between 0.5 and 2.5."""
    return numpy.asarray(numpy.abs(normal(*shape, seed=seed)) + 0.5)


def fraction(*shape: int, seed: int = 0) -> Array:
    """Return float64 values between -0.9 and 0.9."""
    return numpy.asarray(normal(*shape, seed=seed) * 0.4)


def integers(*shape: int, low: int = -5, high: int = 6, seed: int = 0, dtype: Any = numpy.int64) -> Array:
    """Return integers from `low` up to but not including `high`."""
    return numpy.random.default_rng([seed, *shape]).integers(low, high, shape).astype(dtype)


def bools(*shape: int, seed: int = 0) -> Array:
    """Return truth values."""
    return integers(*shape, low=0, high=2, seed=seed).astype(bool)


def spaced(array: Array) -> Array:
    """Return the same elements with gaps between them: a non-contiguous array."""
    return fresh(numpy.asfortranarray(array)) if array.ndim > 1 else numpy.repeat(array, 2)[::2]


def unary(op: str, make: Make = normal, **fields: Any) -> list[Sample]:
    """Return calls with one tensor: 0-d, empty, with dimensions, not contiguous."""
    arrays = [make(), make(0, 3), make(2, 3), spaced(make(3, 2))]
    return [Sample(op, (array,), **fields) for array in arrays]


def binary(op: str, left: Make = normal, right: Make = normal, **fields: Any) -> list[Sample]:
    """Return calls with two tensors: 0-d, empty, one shape, broadcast in all ways, not contiguous."""
    pairs = [
        (left(), right(seed=1)),
        (left(0, 3), right(3, seed=1)),
        (left(2, 3), right(2, 3, seed=1)),
        (left(2, 1, 3), right(4, 1, seed=1)),
        (left(), right(2, seed=1)),
        (spaced(left(2, 3)), right(seed=1)),
        (spaced(left(2, 3)), spaced(right(2, 3, seed=1))),
    ]
    return [Sample(op, pair, **fields) for pair in pairs]


def quiet(name: str) -> Callable[..., Any]:
    """Return the function of PyTorch, without its warnings of what is old or unfinished."""

    def call(*args: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(importlib.import_module("torch"), name)(*args, **options)

    return call


def _brief(value: Any) -> str:
    if isinstance(value, numpy.ndarray):
        gaps = "" if value.flags.c_contiguous else " spaced"
        return f"{'x'.join(map(str, value.shape)) or '0-d'} {value.dtype}{gaps}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_brief, value))}]"
    return getattr(value, "__name__", None) or str(value)
