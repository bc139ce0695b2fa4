"""How the arguments of a call become the tensors and the options of an operation."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

# Spellings accepted beside a parameter's own name: NumPy's for options, PyTorch's for tensors.
OPTION_ALIASES = {
    "axis": "dim",
    "axis0": "dim0",
    "axis1": "dim1",
    "dims": "dim",
    "keepdims": "keepdim",
    "size": "shape",
    "sizes": "shape",
    "split_size": "split_size_or_sections",
}
INPUT_ALIASES = {"x": "input", "src": "value"}
FACTORS = ("beta", "alpha", "value")  # options that PyTorch 0.3 took by position, before the tensors they multiply


def factors_as_options(
    args: tuple[Any, ...], kwargs: dict[str, Any], count: int, names: Sequence[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Find the numbers that PyTorch 0.3 had between tensors: its `add(x, 2, y)` is `add(x, y, alpha=2)` today.

    Args:
        args: the arguments by position.
        kwargs: those by name.
        count: how many of `args` are tensors in today's form.
        names: of the options that the numbers are for, in their order.
    """
    numbers = [value for value in args if isinstance(value, (int, float, complex))]
    if not 0 < len(numbers) <= len(names) or len(args) != count + len(numbers) or args[-1] is numbers[-1]:
        return args, kwargs
    tensors = tuple([value for value in args if not isinstance(value, (int, float, complex))])
    return tensors, {**dict(zip(names, numbers, strict=False)), **kwargs}


def with_older_form(function: Function) -> Function:
    """Let a function of three tensors, with options `beta` and `alpha`, be called as in PyTorch 0.3 too."""

    @functools.wraps(function)
    def flexible(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 3:
            args, kwargs = factors_as_options(args, kwargs, 3, ("beta", "alpha"))
        return function(*args, **kwargs)

    return cast(Function, flexible)


class OpSignature:
    """The public signature of a forward `f(xp, tensors..., *, options...)`.

    Attributes:
        inputs: names of the tensors.
        options: names of the options, in the order in which they may be given by position.
        variadic: whether the tensors come as one sequence.
        public: the signature that users see.
    """

    def __init__(self, name: str, forward: Callable[..., Any], packs: str | None) -> None:
        self.name = name
        self.packs = packs
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        tensors = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        options = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in tensors)
        self.inputs = tuple(p.name for p in tensors)
        self.required_inputs = sum(p.default is p.empty for p in tensors)
        self.options = tuple(p.name for p in options)
        self.factors = tuple(name for name in FACTORS if name in self.options)
        self.required_options = tuple(p.name for p in options if p.default is p.empty)
        # So many options by position are all that a call needs.
        self._required_first = max((k + 1 for k, p in enumerate(options) if p.default is p.empty), default=0)
        public = [p.replace(kind=p.POSITIONAL_OR_KEYWORD, annotation=p.empty) for p in tensors + options]
        self.public = inspect.Signature(sorted(public, key=lambda p: p.default is not p.empty))

    def __str__(self) -> str:
        return f"{self.name}{self.public}"

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split the arguments of a call into tensors and options.

        Raises:
            TypeError: an argument is missing, given twice or unknown.
        """
        count = len(self.inputs)
        if self.factors and len(args) > count:
            args, kwargs = factors_as_options(args, kwargs, count, self.factors)
        if not kwargs and not self.variadic and len(args) >= count:
            return args[:count], self._bind_options(args[count:], kwargs)
        kwargs = dict(kwargs)
        if self.variadic:
            sequence = args[0] if args else kwargs.pop(self.inputs[0], None)
            if not isinstance(sequence, (tuple, list)):
                raise TypeError(
                    f"{self}: {self.inputs[0]} must be a sequence of tensors, not {type(sequence).__name__}"
                )
            return tuple(sequence), self._bind_options(args[1:], kwargs)
        return self._bind_inputs(args[:count], kwargs), self._bind_options(args[count:], kwargs)

    def _bind_inputs(self, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        found = list(inputs)
        for k in range(len(inputs), len(self.inputs)):
            own = self.inputs[k]
            name = own if own in kwargs else INPUT_ALIASES.get(own)
            if name in kwargs:
                found.append(kwargs.pop(name))
            elif k < self.required_inputs:
                raise TypeError(f"{self}: argument {own!r} is missing")
            else:
                found.append(None)
        return tuple(found)

    def _bind_options(self, rest: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if self.packs and rest and not isinstance(rest[0], (tuple, list)):
            rest = (rest,)  # x.reshape(2, 3) means x.reshape((2, 3))
        if not kwargs and self._required_first <= len(rest) <= len(self.options):
            return dict(zip(self.options, rest, strict=False))
        options = {name if name in self.options else OPTION_ALIASES.get(name, name): kwargs[name] for name in kwargs}
        if len(rest) > len(self.options):
            raise TypeError(f"{self}: {len(rest) - len(self.options)} arguments too many")
        for name, value in zip(self.options, rest, strict=False):
            if name in options:
                raise TypeError(f"{self}: argument {name!r} given twice")
            options[name] = value
        self._check_names(options)
        return options

    def _check_names(self, options: dict[str, Any]) -> None:
        for name in options:
            if name not in self.options:
                raise TypeError(f"{self}: unknown argument {name!r}")
        for name in self.required_options:
            if name not in options:
                raise TypeError(f"{self}: argument {name!r} is missing")
