"""The tree of modules: walking over submodules, parameters and buffers, and changing them all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, cast

from tensorlib.autograd.api import reset_gradient
from tensorlib.dtypes import as_dtype, bfloat16, float16, float32, float64
from tensorlib.nn.parameter import Parameter
from tensorlib.ops.casting import type_and_place
from tensorlib.tensor import Tensor

if TYPE_CHECKING:
    from tensorlib.nn.module import Module


class ModuleTree:
    """The part of a module that walks over what it holds, and over what its submodules hold."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    # -- walking -----------------------------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct submodules with their names, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the direct submodules, each once."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it with their dotted names, a parent before its children.

        Args:
            memo: modules to leave out; filled with those that were met.
            prefix: put before the names.
            remove_duplicate: yield a module that is there twice only once.
        """
        memo = set() if memo is None else memo
        this = cast("Module", self)
        if this in memo:
            return
        if remove_duplicate:
            memo.add(this)
        yield prefix, this
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with their dotted names.

        Args:
            prefix: put before the names.
            recurse: also those of the modules below.
            remove_duplicate: yield a parameter that is there twice only once.
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their dotted names; arguments as of `named_parameters`."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        this = cast("Module", self)
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, this)]
        for path, module in modules:
            for name, member in getattr(module, table).items():
                if member is None or (remove_duplicate and id(member) in seen):
                    continue
                seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def get_submodule(self, target: str) -> Module:
        """Return the module of a dotted name, itself for an empty one.

        Raises:
            AttributeError: there is none; the message says how far the name leads.
        """
        found = cast("Module", self)
        walked = type(self).__name__
        for name in target.split(".") if target else ():
            below = found._modules.get(name)
            if below is None:
                raise AttributeError(f"get_submodule: {walked} has no submodule {name!r}, looking for {target!r}")
            found = below
            walked += f".{name}"
        return found

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of a dotted name.

        Raises:
            AttributeError: there is none.
        """
        return cast(Parameter, self._get_member("_parameters", "parameter", target))

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer of a dotted name.

        Raises:
            AttributeError: there is none.
        """
        return cast(Tensor, self._get_member("_buffers", "buffer", target))

    def _get_member(self, table: str, kind: str, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        member = getattr(module, table).get(name)
        if member is None:
            raise AttributeError(f"get_{kind}: {type(module).__name__} has no {kind} {name!r}, looking for {target!r}")
        return member

    # -- changing all ------------------------------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with every module below and then with this one; return this one.

        Example:
            >>> model = tensorlib.nn.Sequential(tensorlib.nn.ReLU(), tensorlib.nn.Flatten())
            >>> _ = model.apply(lambda module: print(type(module).__name__))
            ReLU
            Flatten
            Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(cast("Module", self))
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode, which Dropout, BatchNorm and the like ask for, here and below; return this module.

        Raises:
            TypeError: `mode` is no bool.
        """
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode must be a bool, not {type(mode).__name__}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode, here and below: the same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say for all parameters whether they get gradients; return this module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters: to None, or to zeros where `set_to_none` is False."""
        for parameter in self.parameters():
            reset_gradient(parameter, set_to_none)

    def to(
        self,
        *target: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Move parameters and buffers to a device, or give those of floating point another type; return this module.

        Call it as `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`. The parameters stay the same objects.

        Raises:
            TypeError: the type is no floating point or complex type.
        """
        device, kind = type_and_place(target, device, dtype)
        if kind is not None and not (kind.is_floating_point or kind.is_complex):
            raise TypeError(f"to: modules take floating point and complex types, not {kind}")

        def converted(tensor: Tensor) -> Tensor:
            continuous = tensor.dtype.is_floating_point or tensor.dtype.is_complex
            return tensor.to(device=device, dtype=kind if continuous else None)

        return self._apply(converted)

    def type(self, dst_type: Any) -> Self:
        """Give all parameters and buffers another type; return this module."""
        return self._apply(lambda tensor: tensor.to(as_dtype(dst_type)))

    def float(self) -> Self:
        """Give parameters and buffers of floating point the type float32; return this module."""
        return self.to(float32)

    def double(self) -> Self:
        """Give parameters and buffers of floating point the type float64; return this module."""
        return self.to(float64)

    def half(self) -> Self:
        """Give parameters and buffers of floating point the type float16; return this module."""
        return self.to(float16)

    def bfloat16(self) -> Self:
        """Give parameters and buffers of floating point the type bfloat16; return this module."""
        return self.to(bfloat16)

    def cpu(self) -> Self:
        """Move parameters and buffers to the CPU; return this module."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move parameters and buffers to a CUDA device, the current one unless given; return this module."""
        return self.to("cuda" if device is None else device)

    def share_memory(self) -> Self:
        """Move parameters, their gradients, and buffers to memory that processes share; return this module."""
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.share_memory_()
            if tensor.grad is not None and not tensor.grad.is_sparse:  # sparse ones are made anew in each step
                tensor.grad.share_memory_()
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Put `fn(tensor)` in the place of every parameter, its gradient, and every buffer."""
        for module in self.children():
            module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                gradient = parameter.grad
                parameter.grad = None
                parameter.data = fn(parameter.detach())
                parameter.grad = None if gradient is None else fn(gradient.detach())
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self
