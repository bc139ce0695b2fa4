"""Layouts: how the elements of a tensor are stored, and how operations on strided tensors meet sparse ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any


class layout:  # noqa: N801 - the field's name
    """How elements are stored. There is one object per layout: `tensorlib.strided` and `tensorlib.sparse_coo`.

    Attributes:
        name: PyTorch's name, "strided".

    Example:
        >>> tensorlib.ones(2).layout, tensorlib.ones(2).to_sparse().layout
        (tensorlib.strided, tensorlib.sparse_coo)
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"tensorlib.{self.name}"

    def __reduce__(self) -> str:
        return self.name  # pickled by name, so that there stays one object per layout


strided = layout("strided")
sparse_coo = layout("sparse_coo")


class memory_format(layout):  # noqa: N801 - the field's name
    """An order of elements in memory, as programs for PyTorch ask for; accepted where they do, and not used.

    Example:
        >>> tensorlib.ones(2, 3).contiguous(memory_format=tensorlib.contiguous_format).stride()
        (3, 1)
    """

    __slots__ = ()


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")


class Sparse:
    """What all sparse tensors are; here, so that the rest can tell them without importing how they work."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


# What operations do where sparse tensors are among their arguments, by the operations' names. Filled by
# tensorlib.sparse, without which there are no sparse tensors.
SPARSE_FORMS: dict[str, Callable[..., Any]] = {}


def holds_sparse(values: Iterable[Any]) -> bool:
    """Tell whether there are sparse tensors among values, or in the sequences among them."""
    return any(
        isinstance(value, Sparse) or (isinstance(value, (list, tuple)) and holds_sparse(value)) for value in values
    )


def call_sparse(name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call what an operation does with sparse tensors.

    Raises:
        TypeError: it does nothing with them.
    """
    form = SPARSE_FORMS.get(name)
    if form is None:
        raise TypeError(f"{name}: needs strided tensors, a sparse one was given; use to_dense()")
    return form(*args, **options)
