"""`Variable`, which a tensor is today, and `volatile`, by which PyTorch 0.3 said that nothing is to be recorded.

A volatile input makes every result volatile, and nothing of it is kept. As nobody else should pay for that, operations
look for volatile tensors only after the first one was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tensorlib._xp import is_array
from tensorlib.autograd.function import Function
from tensorlib.autograd.modes import no_grad
from tensorlib.errors import ArgumentError
from tensorlib.layouts import Sparse
from tensorlib.tensor import Tensor, wrap


class _VariableType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, (Tensor, Sparse))

    def __getattr__(cls, name: str) -> Any:
        """Find the methods of tensors: `Variable.backward` is `Tensor.backward`."""
        if name.startswith("__"):
            raise AttributeError(f"Variable has no attribute {name!r}")
        return getattr(Tensor, name)

    def __call__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        if isinstance(data, Sparse) and not volatile:
            sparse: Tensor = data.detach().requires_grad_(requires_grad)
            return sparse
        if not (isinstance(data, Tensor) or is_array(data)):
            raise TypeError(f"Variable: needs a Tensor, not {type(data).__name__}")
        if volatile and requires_grad:
            raise ArgumentError("Variable: a volatile tensor requires no gradient")
        tensor = data.detach() if isinstance(data, Tensor) else wrap(data)
        if volatile:
            _set_volatile(tensor, True)
        return tensor.requires_grad_(requires_grad)


class Variable(metaclass=_VariableType):
    """A tensor that shares the memory of another and has no history: what a leaf was made with in PyTorch 0.3.

    `Variable(data, requires_grad=False, volatile=False)` returns a Tensor, and every Tensor is a Variable.

    Raises:
        ArgumentError: it is to be volatile and to require a gradient.
        TypeError: the data is no tensor.

    Example:
        >>> x = tensorlib.autograd.Variable(tensorlib.ones(2), volatile=True)
        >>> weight = tensorlib.ones(2, requires_grad=True)
        >>> (x * weight).volatile, (x * weight).requires_grad
        (True, False)
    """


class _State:
    looking = False


def _get_volatile(self: Tensor) -> bool:
    """Whether nothing is recorded of what is computed with the tensor."""
    return "_volatile" in self.__dict__


def _set_volatile(self: Tensor, value: bool) -> None:
    if not value:
        self.__dict__.pop("_volatile", None)
        return
    if not _State.looking:
        _State.looking = True
        _look()
    self._edge = None
    self.__dict__["_volatile"] = True


setattr(Tensor, "volatile", property(_get_volatile, _set_volatile))  # noqa: B010 - not there for type checkers


def _look() -> None:
    """Let operations look for volatile tensors from now on."""
    from tensorlib.methods import interpose

    interpose(lambda op, usual: _spreading(usual))
    usual = vars(Function)["_apply"].__func__
    Function._apply = classmethod(_spreading(usual))  # type: ignore[assignment]


def _spreading(usual: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not any("_volatile" in x.__dict__ for x in _tensors((*args, *kwargs.values()))):
            return usual(*args, **kwargs)
        with no_grad():
            value = usual(*args, **kwargs)
        for result in _tensors((value,)):
            result.__dict__["_volatile"] = True
        return value

    return call


def _tensors(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
