"""`DistributedDataParallel`: the module wrapper."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np

import tensorlib
from dist.errors import DistError
from dist.parallel.buckets import MEGABYTE
from dist.parallel.reducer import Reducer
from dist.process_group import ProcessGroup
from dist.world import resolve
from tensorlib import device
from tensorlib.autograd.modes import is_grad_enabled
from tensorlib.nn import Module


class DistributedDataParallel(Module):
    """Trains one model on all ranks of a group: each takes its part of the batch, gradients are averaged.

    The ranks must hold the same model. Rank 0's parameters and buffers are copied to all at the beginning. During every
    backward the gradients are averaged over the ranks, in buckets, while earlier layers still compute; so after
    `optimizer.step()` all ranks hold bitwise the same parameters. Constructing, the forward and the backward are calls
    that all ranks make together.

    Args:
        module: the model; none of its parameters may be added or taken away later.
        device_ids: a list of the one device that the module is on; tensors among the inputs are then brought to it.
        output_device: the same device, which has the same effect.
        dim: the dimension of the batch; for scripts that pass it.
        broadcast_buffers: copy rank 0's buffers (the statistics of BatchNorm, say) to all ranks in every forward of
            training.
        process_group: the ranks; all unless given.
        bucket_cap_mb: megabytes of gradients that are reduced as one.
        find_unused_parameters: allow a backward that does not reach all parameters, at the price of one more small
            all_reduce.

    Raises:
        DistError: the ranks' models differ, nothing in the module requires a gradient, or a backward left parameters
            without a gradient.
        TypeError: `device_ids` is no list.
        ValueError: `device_ids` or `output_device` is not where the module is.

    Example:
        model = DistributedDataParallel(Net())
        for images, labels in loader:
            optimizer.zero_grad()
            criterion(model(images), labels).backward()
            optimizer.step()
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float = 25,
        find_unused_parameters: bool = False,
    ) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.broadcast_buffers = broadcast_buffers
        self.process_group = resolve(process_group, "DistributedDataParallel")
        trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        if not trained:
            raise DistError("DistributedDataParallel: no parameter of the module requires a gradient")
        self._device = _own_device(module, device_ids, output_device)
        self._check_models_agree()
        self._copy_from_first_rank([*module.parameters(), *module.buffers()])
        names, parameters = zip(*trained, strict=True)
        self.reducer = Reducer(
            names, parameters, self.process_group, int(bucket_cap_mb * MEGABYTE), find_unused_parameters
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module on this rank's part of the batch."""
        if self.training and is_grad_enabled():
            if self.reducer.enabled:
                self.reducer.prepare()
            if self.broadcast_buffers:
                self._copy_from_first_rank(list(self.module.buffers()))
        if self._device is not None:
            args, kwargs = _brought_to(self._device, args), _brought_to(self._device, kwargs)
        return self.module(*args, **kwargs)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Add gradients up on each rank without averaging; the first backward after it averages the sum."""
        before, self.reducer.enabled = self.reducer.enabled, False
        try:
            yield
        finally:
            self.reducer.enabled = before

    def _copy_from_first_rank(self, tensors: Sequence[Any]) -> None:
        """Copy rank 0's values of tensors to all ranks, all tensors of one type as one."""
        if tensors:
            self.process_group.broadcast_coalesced(tensors, self.process_group.ranks[0])

    def _check_models_agree(self) -> None:
        """Compare names, shapes and types with rank 0, so that a difference is named and not met as nonsense later."""
        own = [
            [name, list(t.shape), t.dtype.name, bool(t.requires_grad)]
            for name, t in [*self.module.named_parameters(), *self.module.named_buffers()]
        ]
        first = json.loads(self._text_of_first_rank(json.dumps(own)))
        difference = next((pair for pair in zip(own, first, strict=False) if pair[0] != pair[1]), None)
        bad = difference is not None or len(own) != len(first)
        anywhere = np.array([bad], np.int32)
        self.process_group.of_host_memory().all_reduce(anywhere)
        if bad:
            mine, other = difference or (f"{len(own)} parameters and buffers", f"{len(first)}")
            raise DistError(
                f"DistributedDataParallel: the model of rank {self.process_group.global_rank} differs from that of "
                f"rank {self.process_group.ranks[0]}: {mine} here, {other} there"
            )
        if anywhere[0]:
            raise DistError("DistributedDataParallel: the model of another rank differs from that of this rank")

    def _text_of_first_rank(self, text: str) -> str:
        group, root = self.process_group.of_host_memory(), self.process_group.ranks[0]
        data = np.frombuffer(text.encode(), np.uint8).copy()
        length = np.array([data.size], np.int64)
        group.broadcast(length, root)
        if group.global_rank != root:
            data = np.empty(int(length[0]), np.uint8)
        group.broadcast(data, root)
        return data.tobytes().decode()


def _own_device(module: Module, device_ids: Sequence[Any] | None, output_device: Any) -> device | None:
    """Return the one device that a module is on, where its user has named it."""
    if not isinstance(device_ids, list | tuple | None):
        raise TypeError(f"DistributedDataParallel: device_ids is {device_ids!r}: need a list of one device, or None")
    named = [each for each in (*(device_ids or ()), output_device) if each is not None]
    if not named:
        return None
    found = {str(parameter.device): parameter.device for parameter in module.parameters()}
    if len(found) > 1 or {str(tensorlib.empty(0, device=each).device) for each in named} != found.keys():
        raise ValueError(
            f"DistributedDataParallel: device_ids {device_ids}, output_device {output_device}: the module is on "
            f"{', '.join(found)}: need None, or the one device that all of it is on"
        )
    return next(iter(found.values()))


def _brought_to(place: device, value: Any) -> Any:
    """Return a value in which all tensors, however deep in tuples, lists and dicts, are on a device."""
    if tensorlib.is_tensor(value):
        return value.to(place)
    if isinstance(value, dict):
        brought = copy(value)  # of its own type
        brought.update({key: _brought_to(place, item) for key, item in value.items()})
        return brought
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make([_brought_to(place, item) for item in value])
    if type(value) in (list, tuple):
        return type(value)([_brought_to(place, item) for item in value])
    return value
