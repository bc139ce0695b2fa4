"""The contract of an operation: forward and gradients side by side, on raw arrays.

    @op(promotion="common")
    def mul(xp, x, other):
        '''Product, elementwise, with broadcasting.'''
        return x * other, (x, other)

    mul.grads(
        lambda xp, g, x, other: g * other,
        lambda xp, g, x, other: g * x,
    )

A forward takes the array module `xp`, then its tensors as positional parameters, then everything else as keyword-only
parameters. It returns its value (an array, or a tuple of them) and what the gradients need. One pullback per tensor
turns the gradient of the value into that of the tensor. An ordinary backward runs the pullbacks on raw arrays; with
`create_graph=True` the same text runs on tensors: `xp` is then `tensor_namespace`, inputs and results that were saved
are the tensors themselves, and so double backward exists for every operation. Other saved values are constants there.

The engine sums over broadcast axes, adds up repeated uses, skips inputs that need no gradient and casts to their type.
"""

from __future__ import annotations

import dis
import inspect
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy

from tensorlib._xp import array_module, elsewhere, is_array
from tensorlib.autograd.fast import Plan, quick_function
from tensorlib.autograd.out import write_into
from tensorlib.autograd.recording import link_view, record, record_tuple
from tensorlib.autograd.signature import OpSignature
from tensorlib.dtypes import DIFFERENTIABLE, HALVES, default_float, fitted_number, result_type
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.layouts import call_sparse, holds_sparse
from tensorlib.tensor import Tensor, wrap

Forward = Callable[..., tuple[Any, tuple[Any, ...]]]
Pullback = Callable[..., Any]
Promotion = Literal["common", "float"]

OPS: dict[str, Op] = {}

# NumPy's names, as pullbacks write them, where the operation has PyTorch's.
NUMPY_NAMES = {
    "absolute": "abs",
    "ascontiguousarray": "clone",
    "broadcast_to": "expand",
    "concatenate": "cat",
    "multiply": "mul",
    "negative": "neg",
    "power": "pow",
    "subtract": "sub",
    "sign": "sgn",
    "swapaxes": "transpose",
}


class TensorNamespace:
    """What pullbacks see as `xp` when gradients are recorded: NumPy's function names, on tensors."""

    def __getattr__(self, name: str) -> Any:
        found = OPS.get(NUMPY_NAMES.get(name, name))
        if found is None:
            raise AttributeError(f"no operation on tensors is called {name!r}; pullbacks may use {sorted(OPS)}")
        return partial(found.via, self)


tensor_namespace = TensorNamespace()


class Op:
    """An operation on tensors; call it like a function. Made by `op`, which describes the options.

    Attributes:
        name: the function's name.
        forward: the function on raw arrays.
        pullbacks: one per tensor; for an operation on a sequence of tensors, one for all.
        plans: what calls by the short way save, by which inputs need a gradient.
        quick: a short way for the commonest calls, of exactly the tensors; None where there is none.
    """

    def __init__(self, forward: Forward, **options: Any) -> None:
        self.name = forward.__name__
        self.forward = forward
        self.promotion: Promotion | None = options["promotion"]
        self.view: bool = options["view"]
        self.differentiable: bool = options["differentiable"]
        self.holomorphic: bool = options["holomorphic"]
        self.ordered: bool = options["ordered"]
        self.computes = not (options["view"] or options["moves"])
        self.numbers: bool = options["numbers"]
        self.method: bool = options["method"]
        self.in_place: bool = options["in_place"]
        self.operator: str | None = options["operator"]
        self.aliases: tuple[str, ...] = tuple(options["aliases"])
        self.pullbacks: tuple[Pullback, ...] = ()
        self.signature = OpSignature(self.name, forward, options["packs"])
        self.variadic = self.signature.variadic
        self.__signature__ = self.signature.public
        self.__doc__ = forward.__doc__
        self.__name__ = self.__qualname__ = self.name
        self.__module__ = forward.__module__
        self.plans: dict[int, Plan] = {}
        self._needed: dict[tuple[bool, ...], tuple[bool, ...] | None] = {}
        bare = not self.variadic and not self.signature.required_options
        self._bare_count = len(self.signature.inputs) if bare else -1
        self.quick = quick_function(self)

    def grads(self, *pullbacks: Pullback) -> None:
        """Give the pullbacks: `pullback(xp, g, *saved)`, one per tensor, in the order of the parameters.

        An operation on a sequence of tensors has one, `pullback(xp, g, k, *saved)`, asked for each k-th tensor. An
        operation with several results gets a tuple of gradients as `g`.
        """
        expected = 1 if self.variadic else len(self.signature.inputs)
        if len(pullbacks) != expected:
            raise TypeError(f"{self.name}.grads: {len(pullbacks)} pullbacks given, {expected} needed")
        self.pullbacks = pullbacks

    def needed(self, wanted: tuple[bool, ...]) -> tuple[bool, ...] | None:
        """Tell which saved values the pullbacks of the wanted inputs read; None where it may be all."""
        if wanted not in self._needed:
            self._needed[wanted] = self._find_needed(wanted)
        return self._needed[wanted]

    def _find_needed(self, wanted: tuple[bool, ...]) -> tuple[bool, ...] | None:
        first = 3 if self.variadic else 2
        reads = [saved_values_read(pullback, first) for pullback in self.pullbacks]
        known = [pullback for pullback, found in zip(self.pullbacks, reads, strict=True) if found is not None]
        count = known[0].__code__.co_argcount - first if known else 0
        reads = reads * len(wanted) if self.variadic else reads
        read: set[int] = set()
        for positions, want in zip(reads, wanted, strict=True):
            if want and positions is None:
                return None
            if want and positions is not None:
                read |= positions
        return None if len(read) == count else tuple([k in read for k in range(count)])

    def pullbacks_for(self, count: int) -> tuple[Pullback, ...]:
        """Return one pullback for each of `count` tensors."""
        if not self.variadic:
            return self.pullbacks
        (pullback,) = self.pullbacks
        return tuple([_for_position(pullback, k) for k in range(count)])

    def __repr__(self) -> str:
        return f"<operation {self.signature}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the operation to arguments as its signature says; `out=` names tensors for the results."""
        if not kwargs and len(args) == self._bare_count:  # just the tensors: nothing to bind
            return self.apply(args, {}) if self.quick is None else self.quick(*args)
        out = None if "out" in self.signature.options else kwargs.pop("out", None)
        inputs, options = self.signature.bind(args, kwargs)
        if out is not None:
            return write_into(self.name, out, inputs, lambda: self.apply(inputs, options))
        return self.apply(inputs, options)

    def via(self, xp: Any, *args: Any, **options: Any) -> Any:
        """Call from a pullback: on raw arrays where `xp` is an array module, on tensors where it is the namespace.

        Constants that a forward saved are arrays in both cases; among tensors they become tensors without a gradient.
        """
        if xp is not tensor_namespace:
            inputs = args[0] if self.variadic else args
            return self.forward(xp, *inputs, **options)[0]
        return self(*[_constants_wrapped(x) for x in args], **options)

    def apply(self, inputs: Sequence[Any], options: dict[str, Any]) -> Any:  # noqa: C901 - flat, as calls take time
        """Run the forward on the tensors' arrays, and record it where a gradient is needed."""
        try:
            arrays = [x._array for x in inputs]
        except AttributeError:
            if holds_sparse(inputs):
                return call_sparse(self.name, [inputs] if self.variadic else inputs, options)
            arrays = self._arrays(inputs)
        if (device := elsewhere(arrays)) is not None:
            with device:
                return self.apply(inputs, options)
        if self.computes and holds_halves(arrays) and (half := self._common_half(arrays)) is not None:
            return self._apply_in_float32(inputs, options, half)
        if self.promotion is not None:
            arrays = self._promoted(arrays)
        if self.ordered:
            self._refuse_complex(arrays)
        try:
            value, saved = self.forward(array_module(*arrays), *arrays, **options)
        except ValueError as error:
            if self.promotion is not None:
                check_broadcast(self.name, arrays)
            raise error
        except (AttributeError, OverflowError) as error:
            raise self._refusal(error) from error
        if isinstance(value, tuple):
            return record_tuple(self, inputs, arrays, value, saved)
        result = record(self, inputs, arrays, value, saved)
        if self.view:
            link_view(result, inputs[0], self, options)
        return result

    def _refusal(self, error: Exception) -> Exception:
        """Return the error for a forward that stumbled over what it was given."""
        if isinstance(error, OverflowError):
            return ArgumentError(f"{self.name}: a number is too great: {error}")
        return TypeError(f"{self.name}: an argument is of a kind that it does not take: {error}")

    def _common_half(self, arrays: Sequence[Any]) -> Any:
        """Return the type of half precision that the results are to have; None where it is another type."""
        if self.promotion is not None:
            self._check_operands(arrays)
            common = result_type([array for array in arrays if array is not None])
            return common if common.char in HALVES else None
        kinds = {array.dtype for array in arrays if hasattr(array, "dtype") and array.dtype.kind in DIFFERENTIABLE}
        return kinds.pop() if len(kinds) == 1 else None

    def _apply_in_float32(self, inputs: Sequence[Any], options: dict[str, Any], half: Any) -> Any:
        """Compute with more precision what is stored with less, so that sums and products do not drown in rounding."""
        astype = OPS["astype"]
        wide = [astype(x, numpy.float32) if is_half(x) else x for x in inputs]
        value = self.apply(wide, options)
        if options.get("dtype") is not None:
            return value
        if isinstance(value, Tensor):
            return _narrowed(value, half)
        results = [_narrowed(item, half) for item in value]
        return type(value)(*results) if hasattr(value, "_fields") else tuple(results)

    def _arrays(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the arrays of inputs that are not all tensors."""
        if self.promotion is None:
            self._refuse_others(inputs)
        return [x._array if isinstance(x, Tensor) else x for x in inputs]

    def _refuse_others(self, inputs: Sequence[Any]) -> None:
        names = self.signature.inputs * len(inputs) if self.variadic else self.signature.inputs
        for k, (name, x) in enumerate(zip(names, inputs, strict=False)):
            if isinstance(x, Tensor) or (x is None and k >= self.signature.required_inputs):
                continue
            if not (self.numbers and isinstance(x, (int, float, complex))):
                raise TypeError(f"{self.name}: {name} must be a Tensor, not {type(x).__name__}")

    def _refuse_complex(self, arrays: Sequence[Any]) -> None:
        for array in arrays:
            if getattr(getattr(array, "dtype", None), "kind", "") == "c" or isinstance(array, complex):
                raise TypeError(f"{self.name}: complex numbers have no order; take abs() or view_as_real() first")

    def _promoted(self, arrays: list[Any]) -> list[Any]:
        """Bring arrays to their common type; numbers stay numbers, which the array module fits to the arrays."""
        self._check_operands(arrays)
        common = result_type(arrays)
        if self.promotion == "float" and common.kind in "biu":
            common = default_float()
        xp = array_module(*arrays)
        if not any(hasattr(array, "dtype") for array in arrays):
            arrays[0] = xp.asarray(arrays[0], common)
        return [self._fitted(array, common) for array in arrays]

    def _check_operands(self, arrays: Sequence[Any]) -> None:
        for name, array in zip(self.signature.inputs, arrays, strict=True):
            if not hasattr(array, "dtype") and not isinstance(array, (int, float, complex)):
                raise TypeError(f"{self.name}: {name} must be a Tensor or a number, not {type(array).__name__}")

    def _fitted(self, value: Any, common: Any) -> Any:
        if hasattr(value, "dtype"):
            return value if value.dtype == common else value.astype(common)
        return fitted_number(self.name, value, common)


def check_broadcast(name: str, arrays: Sequence[Any]) -> None:
    """Raise the error that says which dimensions of two arrays do not fit, if they do not.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    shapes = [array.shape for array in arrays if hasattr(array, "shape")]
    for first, second in itertools.combinations(shapes, 2):
        for k in range(1, min(len(first), len(second)) + 1):
            a, b = first[-k], second[-k]
            if a != b and 1 not in (a, b):
                dimension = max(len(first), len(second)) - k
                raise ShapeError(
                    f"{name}: The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton "
                    f"dimension {dimension}: shapes {first} and {second}"
                )


def holds_halves(arrays: Sequence[Any]) -> bool:
    """Tell whether there are arrays of half precision."""
    for array in arrays:
        kind = getattr(array, "dtype", None)
        if kind is not None and kind.char in HALVES:
            return True
    return False


def is_half(value: Any) -> bool:
    """Tell whether a value is a tensor of half precision."""
    return isinstance(value, Tensor) and value._array.dtype.char in HALVES


def _narrowed(tensor: Tensor, half: Any) -> Any:
    return OPS["astype"](tensor, half) if tensor._array.dtype == numpy.float32 else tensor


def _constants_wrapped(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)([_constants_wrapped(item) for item in value])
    return wrap(value) if is_array(value) else value


def _for_position(pullback: Pullback, k: int) -> Pullback:
    return lambda xp, g, *saved: pullback(xp, g, k, *saved)


def saved_values_read(pullback: Pullback, first: int) -> frozenset[int] | None:
    """Return which of its saved values a pullback reads, so that the others need not be kept; None if unknown.

    Args:
        pullback: a function `(xp, g, *saved)`, or `(xp, g, k, *saved)`.
        first: the position of its first saved value.
    """
    code = getattr(pullback, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS:
        return None
    names = code.co_varnames[first : code.co_argcount]
    loaded: set[str] = set()
    for instruction in dis.get_instructions(code):
        if "LOAD" in instruction.opname:  # newer Pythons load two variables at once
            loaded.update(instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,))
    return frozenset(k for k, name in enumerate(names) if name in loaded)


def op(
    *,
    promotion: Promotion | None = None,
    view: bool = False,
    differentiable: bool = True,
    holomorphic: bool = True,
    moves: bool = False,
    ordered: bool = False,
    packs: str | None = None,
    numbers: bool = False,
    method: bool = True,
    in_place: bool = False,
    operator: str | None = None,
    aliases: Sequence[str] = (),
) -> Callable[[Forward], Op]:
    """Make an operation of a forward, and enter it in the table `OPS`.

    Args:
        promotion: "common" brings tensors to their common type and lets Python numbers stand for tensors, "float" also
            makes floats of integers; None takes tensors only, as they are.
        view: the result shares the first tensor's memory where it can; each of several results that of any.
        differentiable: False where the result never has a gradient.
        holomorphic: pullbacks are written as for real numbers; False where they give a complex tensor's gradient as
            it is: the derivative by its real part plus i times that by its imaginary part.
        moves: the elements are only copied or converted; other operations compute half precision in float32.
        ordered: it needs an order of numbers; complex ones, which have none, are refused.
        packs: the option that further positional numbers form: `x.reshape(2, 3)`.
        numbers: Python numbers may stand for tensors; "promotion" implies it.
        method: also a method of Tensor.
        in_place: also a method with a trailing underscore.
        operator: the Python operator, "mul" for `__mul__`, `__rmul__` and `__imul__`.
        aliases: further names.
    """

    def make(forward: Forward) -> Op:
        made = Op(
            forward,
            promotion=promotion,
            view=view,
            differentiable=differentiable,
            holomorphic=holomorphic,
            moves=moves,
            ordered=ordered,
            packs=packs,
            numbers=numbers,
            method=method,
            in_place=in_place,
            operator=operator,
            aliases=aliases,
        )
        for name in (made.name, *made.aliases):
            if name in OPS:
                raise ArgumentError(f"two operations are called {name!r}")
            OPS[name] = made
        return made

    return make
