"""Averages gradients over the ranks while backward still runs.

Each bucket is one flat array. When a parameter's gradient is complete it is copied into its place there; when all of a
bucket are, and all buckets before it were started, its all_reduce starts asynchronously. All ranks start the buckets in
the same order, whatever the order in which their gradients are ready. At the end of backward the results are waited
for, and each parameter's `.grad` becomes its place in the bucket: no copy back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tensorlib
from dist.errors import DistError
from dist.parallel.buckets import Shape, assign_buckets
from dist.process_group import ProcessGroup
from dist.reduction import ReduceOp
from dist.work import Work
from tensorlib import Tensor
from tensorlib.autograd.engine import call_after_backward
from tensorlib.tensor import wrap


class Bucket:
    """Gradients that are reduced as one.

    Attributes:
        flat: their memory, on the parameters' device.
        views: each parameter's part of it, by the parameter's position in the model.
        missing: positions whose gradients are still to come.
        work: the all_reduce under way, None before it is started.
    """

    def __init__(self, positions: Sequence[int], parameters: Sequence[Tensor]) -> None:
        first = parameters[positions[0]]
        counts = [parameters[k].numel() for k in positions]
        self.flat = tensorlib.zeros(sum(counts), dtype=first.dtype, device=first.device)
        # Tensors of their own: a gradient that its user modifies is no change of the others.
        parts = [wrap(part._array) for part in self.flat.split(counts)]
        self.views = {k: part.view(parameters[k].shape) for k, part in zip(positions, parts, strict=True)}
        self.missing = set(positions)
        self.work: Work | None = None

    def reset(self) -> None:
        """Prepare for the next backward."""
        self.missing = set(self.views)
        self.work = None


class Reducer:
    """Averages the gradients of parameters over a group, bucket by bucket, during each backward.

    Args:
        names: of the parameters, for messages.
        parameters: the leaves whose gradients are averaged; the same on every rank.
        group: the ranks.
        bucket_bytes: size at which a bucket is closed.
        find_unused: parameters that a backward does not reach count as having a gradient of zero; without it they are
            an error.
    """

    def __init__(
        self,
        names: Sequence[str],
        parameters: Sequence[Tensor],
        group: ProcessGroup,
        bucket_bytes: int,
        find_unused: bool = False,
    ) -> None:
        self.names = tuple(names)
        self.parameters = tuple(parameters)
        self.group = group
        self.find_unused = find_unused
        self.enabled = True
        shapes = [Shape(p.numel(), p.element_size(), f"{p.dtype.name} {p.device}") for p in parameters]
        self.buckets = [Bucket(positions, parameters) for positions in assign_buckets(shapes, bucket_bytes)]
        self._bucket_of = {k: bucket for bucket in self.buckets for k in bucket.views}
        self._next = 0  # the first bucket that is not started
        self._active = False  # whether a backward has begun
        for k, parameter in enumerate(parameters):
            parameter.register_post_accumulate_grad_hook(self._hook(k))

    def prepare(self) -> None:
        """Forget a backward that was begun and not ended, by an error for instance.

        All-reduces that were started are waited for first, since the other ranks take part in them.
        """
        for bucket in self.buckets:
            if bucket.work is not None:
                bucket.work.wait()
            bucket.reset()
        self._next = 0
        self._active = False

    def _hook(self, position: int) -> Any:
        def ready(parameter: Tensor) -> None:
            if self.enabled:
                self._ready(position, parameter)

        return ready

    def _ready(self, position: int, parameter: Tensor) -> None:
        if not self._active:
            self._active = True
            call_after_backward(self._finish)
        bucket = self._bucket_of[position]
        if position not in bucket.missing:
            raise DistError(
                f"DistributedDataParallel: {self.names[position]} got a second gradient before the first was averaged; "
                "run one backward per forward, or use no_sync()"
            )
        self._contribute(position)
        self._start_complete_buckets()

    def _start_complete_buckets(self) -> None:
        while self._next < len(self.buckets) and not self.buckets[self._next].missing:
            bucket = self.buckets[self._next]
            bucket.work = self.group.all_reduce(bucket.flat, ReduceOp.AVG, async_op=True)
            self._next += 1

    def _finish(self) -> None:
        """Wait for the averages at the end of backward, and make them the parameters' gradients."""
        unused = sorted(k for bucket in self.buckets for k in bucket.missing)
        if unused and not self.find_unused:
            raise self._unused_error(unused)
        for k in unused:
            self._contribute(k)
        self._start_complete_buckets()
        used = self._used_anywhere(unused) if self.find_unused else None
        for bucket in self.buckets:
            assert bucket.work is not None
            bucket.work.wait()
            for k, view in bucket.views.items():
                if used is None or used[k]:
                    self._set_gradient(self.parameters[k], view)
            bucket.reset()
        self._next = 0
        self._active = False

    def _unused_error(self, unused: Sequence[int]) -> DistError:
        listed = ", ".join(self.names[k] for k in unused[:10]) + (", ..." if len(unused) > 10 else "")
        return DistError(
            f"DistributedDataParallel: no gradient came to {len(unused)} parameters: {listed}. If the model does not "
            "use all of them in every step, pass find_unused_parameters=True"
        )

    def _contribute(self, position: int) -> None:
        """Put what a parameter has in `.grad`, zero if nothing, into its place in the bucket; sparse ones as dense."""
        bucket = self._bucket_of[position]
        gradient, view = self.parameters[position].grad, bucket.views[position]
        if gradient is None:
            view.zero_()
        elif not _same_memory(gradient, view):
            view.copy_(gradient.detach().to_dense())
        bucket.missing.discard(position)

    def _used_anywhere(self, unused: Sequence[int]) -> Any:
        """Return for each parameter whether any rank's backward reached it; others keep the `.grad` that they have."""
        used = np.ones(len(self.parameters), np.int32)
        used[list(unused)] = 0
        self.group.of_host_memory().all_reduce(used, ReduceOp.MAX)
        return used

    @staticmethod
    def _set_gradient(parameter: Tensor, view: Tensor) -> None:
        gradient = parameter.grad
        if gradient is None or not _same_memory(gradient, view):
            parameter.grad = view.detach()


def _same_memory(gradient: Tensor, view: Tensor) -> bool:
    """Tell whether a gradient is the one that lies in its place in the bucket."""
    return not gradient.is_sparse and gradient.data_ptr() == view.data_ptr() and gradient.stride() == view.stride()
