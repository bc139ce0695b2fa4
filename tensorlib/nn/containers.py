"""Modules that hold modules or parameters."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, cast, overload

from tensorlib.nn.module import Module, indented
from tensorlib.nn.parameter import Parameter
from tensorlib.tensor import Tensor


class _ModuleSequence(Module):
    """What Sequential and ModuleList share: submodules named "0", "1", ... in order."""

    @property
    def _items(self) -> list[Module]:
        return list(cast("dict[str, Module]", self._modules).values())

    def _renumber(self, modules: Iterable[Module]) -> None:
        self.__dict__["_modules"] = {}
        for k, module in enumerate(modules):
            self.add_module(str(k), module)

    def _position(self, index: Any) -> int:
        position = operator.index(index)
        count = len(self._modules)
        if not -count <= position < count:
            raise IndexError(f"{type(self).__name__}: index {position} is out of range for {count} modules")
        return position % count

    def _name_at(self, index: Any) -> str:
        return list(self._modules)[self._position(index)]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def append(self, module: Module) -> Self:
        """Add a module at the end; return this one."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; return this one."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at `index`; return this one.

        Raises:
            IndexError: the index is out of range.
        """
        count = len(self)
        if not -count <= index <= count:
            raise IndexError(f"{type(self).__name__}.insert: index {index} is out of range for {count} modules")
        modules = self._items
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take the module at `index` out and return it."""
        modules = self._items
        taken = modules.pop(self._position(index))
        self._renumber(modules)
        return taken


class Sequential(_ModuleSequence):
    """Runs modules one after the other, each on the output of the one before.

    Args:
        *args: modules, or one dictionary of names and modules.

    Example:
        >>> model = tensorlib.nn.Sequential(tensorlib.nn.Linear(4, 3), tensorlib.nn.ReLU())
        >>> model(tensorlib.ones(2, 4)).shape
        tensorlib.Size([2, 3])
        >>> model
        Sequential(
          (0): Linear(in_features=4, out_features=3, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def forward(self, input: Any) -> Any:
        """Return the output of the last module; the input itself where there is none."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]  # nothing registers None here
        return input

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._modules[self._name_at(index)]

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._name_at(index)]
        numbered = list(self._modules) == [str(k) for k in range(len(self))]
        for name in names:
            delattr(self, name)
        if numbered:
            self._renumber(self._items)

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)


class ModuleList(_ModuleSequence):
    """A list of modules, all registered; it has no forward of its own.

    Args:
        modules: what to start with.

    Example:
        >>> layers = tensorlib.nn.ModuleList([tensorlib.nn.ReLU(), tensorlib.nn.ReLU()])
        >>> len(layers), layers[-1]
        (2, ReLU())
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._items[index])
        return self._modules[self._name_at(index)]

    def __delitem__(self, index: int | slice) -> None:
        modules = self._items
        del modules[index if isinstance(index, slice) else self._position(index)]
        self._renumber(modules)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        if not len(self):
            return f"{self._get_name()}()"
        lines, start = [], 0
        for text, run in itertools.groupby(map(repr, self)):
            count = len(list(run))
            text = indented(text)
            lines.append(f"({start}): {text}" if count == 1 else f"({start}-{start + count - 1}): {count} x {text}")
            start += count
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])


class ModuleDict(Module):
    """A dictionary of modules, all registered; it has no forward of its own.

    Args:
        modules: a mapping, or pairs of names and modules.

    Example:
        >>> heads = tensorlib.nn.ModuleDict({"relu": tensorlib.nn.ReLU()})
        >>> "relu" in heads, heads["relu"]
        (True, ReLU())
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, in the place of those with the same names."""
        for name, module in dict(modules).items():
            self[name] = module

    def __getitem__(self, name: str) -> Any:
        if name not in self._modules:
            raise KeyError(f"ModuleDict: no module {name!r}; there are {list(self._modules)}")
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """Return the modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return pairs of names and modules."""
        return self._modules.items()

    def pop(self, name: str) -> Module:
        """Take a module out and return it."""
        module = self[name]
        del self[name]
        return cast(Module, module)

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()


class ParameterList(Module):
    """A list of parameters, all registered; plain tensors become parameters.

    Args:
        values: what to start with.

    Example:
        >>> weights = tensorlib.nn.ParameterList([tensorlib.ones(2), tensorlib.ones(3)])
        >>> [name for name, _ in weights.named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    @property
    def _items(self) -> list[Parameter]:
        return list(cast("dict[str, Parameter]", self._parameters).values())

    def append(self, value: Tensor) -> Self:
        """Add a parameter at the end; return this list."""
        return self.extend([value])

    def extend(self, values: Iterable[Tensor]) -> Self:
        """Add parameters at the end; return this list."""
        for value in list(values):
            self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def _position(self, index: Any) -> str:
        position, count = operator.index(index), len(self)
        if not -count <= position < count:
            raise IndexError(f"ParameterList: index {position} is out of range for {count} parameters")
        return str(position % count)

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Parameter: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._items[index])
        return self._parameters[self._position(index)]

    def __setitem__(self, index: int, value: Tensor) -> None:
        self._parameters[self._position(index)] = _as_parameter(value)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._items)

    def __iadd__(self, values: Iterable[Tensor]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        """Return one line per parameter."""
        return "\n".join(
            f"  ({k}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"
            for k, p in enumerate(self._items)
        )


def _as_parameter(value: Tensor) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"ParameterList: needs tensors, not {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value, value.dtype.is_floating_point)
