"""Differentiable collectives: they return new tensors, and gradients flow back through them from rank to rank.

All ranks together compute one loss, the sum of what each of them calls `backward()` on. Every collective here is
linear, and its gradient is its adjoint, which is a collective again and stands beside it: broadcast and reduce,
all_gather and reduce_scatter, gather and scatter; all_reduce and all_to_all are their own.

A gradient comes back only if every rank takes part: the tensors that are given must require gradients on all ranks or
on none, and every rank's loss must depend on what it got, in the same order of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from dist.process_group import ProcessGroup
from dist.reduction import ReduceOp
from dist.world import resolve
from tensorlib.autograd.function import Function
from tensorlib.creation import empty, zeros
from tensorlib.tensor import Tensor

Shape = Sequence[int]


class _Linear(Function):
    """A linear map from the tensors of all ranks to new ones, given how to run it and its adjoint on this rank."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Any], adjoint: Callable[..., Any], *tensors: Tensor) -> Any:
        ctx.adjoint = adjoint
        return run(*(tensor.detach() for tensor in tensors))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        found = ctx.adjoint(*grads)
        return None, None, *(found if isinstance(found, list | tuple) else (found,))


def all_reduce(tensor: Tensor, op: ReduceOp | None = None, group: ProcessGroup | None = None) -> Tensor:
    """Return the sum (or, for AVG, the mean) of the tensors of all ranks.

    Raises:
        ValueError: another operator: only these two are linear.

    Example:
        >>> import dist
        >>> import tensorlib
        >>> from dist import functional
        >>> def gradient() -> list[float]:
        ...     x = tensorlib.tensor([1.0 + dist.get_rank()], requires_grad=True)
        ...     (functional.all_reduce(x) ** 2).sum().backward()
        ...     return x.grad.tolist()
        >>> dist.simulate(2, gradient)  # of 2 (x0 + x1) ** 2
        [[12.0], [12.0]]
    """
    ranks, op = _ranks("all_reduce", group), _linear("all_reduce", op)

    def run(x: Tensor) -> Tensor:
        result = x.clone()
        ranks.all_reduce(result, op)
        return result

    return _apply(run, lambda grad: all_reduce(grad, op, ranks), tensor)


def broadcast(tensor: Tensor, src: int, group: ProcessGroup | None = None) -> Tensor:
    """Return the tensor of global rank `src`; those of the other ranks only tell its shape and dtype."""
    ranks = _ranks("broadcast", group)

    def run(x: Tensor) -> Tensor:
        result = x.clone()
        ranks.broadcast(result, src)
        return result

    return _apply(run, lambda grad: reduce(grad, src, group=ranks), tensor)


def reduce(tensor: Tensor, dst: int, op: ReduceOp | None = None, group: ProcessGroup | None = None) -> Tensor:
    """Return the sum (or mean) of the tensors of all ranks on global rank `dst`, and zeros elsewhere."""
    ranks, op = _ranks("reduce", group), _linear("reduce", op)

    def run(x: Tensor) -> Tensor:
        result = x.clone()
        ranks.reduce(result, dst, op)
        return result if ranks.global_rank == dst else result.zero_()

    return _apply(run, lambda grad: broadcast(_shared(grad, op, ranks), dst, ranks), tensor)


def all_gather(tensor: Tensor, group: ProcessGroup | None = None) -> tuple[Tensor, ...]:
    """Return the tensors of all ranks, which have one shape and dtype."""
    ranks = _ranks("all_gather", group)
    return _all_gather(tensor, [tensor.shape] * ranks.size, ranks)


def _all_gather(tensor: Tensor, shapes: Sequence[Shape], ranks: ProcessGroup) -> tuple[Tensor, ...]:
    """Return the tensors of all ranks, given their shapes."""

    def run(x: Tensor) -> tuple[Tensor, ...]:
        results = _like(x, shapes)
        ranks.all_gather(results, x)
        return results

    return _apply_many(run, lambda *grads: reduce_scatter(tensor, grads, group=ranks), tensor)


def reduce_scatter(
    output: Tensor, input_list: Sequence[Tensor], op: ReduceOp | None = None, group: ProcessGroup | None = None
) -> Tensor:
    """Return the sum (or mean) of place k of all ranks' lists on rank k of the group.

    Args:
        output: has the shape and dtype of the result, and is left as it is.
        input_list: one tensor per rank; their shapes may differ, equally on all ranks.
        op: SUM or AVG; None means SUM.
        group: None means all ranks.
    """
    ranks, op = _ranks("reduce_scatter", group), _linear("reduce_scatter", op)
    shapes = [tensor.shape for tensor in input_list]

    def run(*inputs: Tensor) -> Tensor:
        (result,) = _like(output, [output.shape])
        ranks.reduce_scatter(result, inputs, op)
        return result

    return _apply(run, lambda grad: _all_gather(_shared(grad, op, ranks), shapes, ranks), *input_list)


def gather(tensor: Tensor, dst: int = 0, group: ProcessGroup | None = None) -> tuple[Tensor, ...]:
    """Return the tensors of all ranks, which have one shape and dtype, on global rank `dst`, and zeros elsewhere."""
    ranks = _ranks("gather", group)
    return _gather(tensor, [tensor.shape] * ranks.size, dst, ranks)


def _gather(tensor: Tensor, shapes: Sequence[Shape], dst: int, ranks: ProcessGroup) -> tuple[Tensor, ...]:
    """Return the tensors of all ranks, given their shapes, on global rank `dst`, and zeros elsewhere."""

    def run(x: Tensor) -> tuple[Tensor, ...]:
        results = tuple(zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes)
        ranks.gather(x, results if ranks.global_rank == dst else None, dst)
        return results

    return _apply_many(run, lambda *grads: scatter(grads, dst, ranks), tensor)


def scatter(tensors: Sequence[Tensor], src: int = 0, group: ProcessGroup | None = None) -> Tensor:
    """Return, on rank k of the group, place k of the list of global rank `src`.

    Args:
        tensors: one per rank; those of the other ranks only tell shapes and dtypes.
        src: a global rank.
        group: None means all ranks.
    """
    ranks = _ranks("scatter", group)
    shapes = [tensor.shape for tensor in tensors]

    def run(*inputs: Tensor) -> Tensor:
        (result,) = _like(inputs[ranks.rank], [shapes[ranks.rank]])
        ranks.scatter(result, inputs if ranks.global_rank == src else None, src)
        return result

    return _apply(run, lambda grad: _gather(grad, shapes, src, ranks), *tensors)


def all_to_all(
    output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], group: ProcessGroup | None = None
) -> tuple[Tensor, ...]:
    """Send place k of `input_tensor_list` to rank k of the group, and return what the others send.

    Args:
        output_tensor_list: have the shapes and dtypes of the results, and are left as they are.
        input_tensor_list: one tensor per rank.
        group: None means all ranks.
    """
    ranks = _ranks("all_to_all", group)
    shapes = [tensor.shape for tensor in output_tensor_list]

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        results = _like(inputs[0], shapes)
        ranks.all_to_all(results, inputs)
        return results

    return _apply_many(run, lambda *grads: all_to_all(input_tensor_list, grads, ranks), *input_tensor_list)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: ProcessGroup | None = None,
) -> Tensor:
    """Cut `input` along its first dimension, send part k to rank k of the group, and return the join of what comes.

    Args:
        output: has the shape and dtype of the result, and is left as it is.
        input: (rows, ...).
        output_split_sizes: rows that come from each rank; None means equal parts.
        input_split_sizes: rows that go to each rank; None means equal parts.
        group: None means all ranks.
    """
    ranks = _ranks("all_to_all_single", group)

    def run(x: Tensor) -> Tensor:
        (result,) = _like(x, [output.shape])
        ranks.all_to_all_single(result, x, output_split_sizes, input_split_sizes)
        return result

    def adjoint(grad: Tensor) -> Tensor:
        return all_to_all_single(input, grad, input_split_sizes, output_split_sizes, ranks)

    return _apply(run, adjoint, input)


def _apply(run: Callable[..., Tensor], adjoint: Callable[[Tensor], Any], *tensors: Tensor) -> Tensor:
    return cast(Tensor, _Linear.apply(run, adjoint, *tensors))


def _apply_many(run: Callable[..., Any], adjoint: Callable[..., Any], *tensors: Tensor) -> tuple[Tensor, ...]:
    return cast("tuple[Tensor, ...]", _Linear.apply(run, adjoint, *tensors))


def _ranks(operation: str, group: ProcessGroup | None) -> ProcessGroup:
    return resolve(group, f"functional.{operation}")


def _linear(operation: str, op: ReduceOp | None) -> ReduceOp:
    if op not in (None, ReduceOp.SUM, ReduceOp.AVG):
        raise ValueError(f"functional.{operation}: op is {op}: need ReduceOp.SUM or ReduceOp.AVG")
    return op or ReduceOp.SUM


def _shared(grad: Tensor, op: ReduceOp, ranks: ProcessGroup) -> Tensor:
    """Return what each rank's tensor gets of the gradient of a sum or mean."""
    return grad / ranks.size if op is ReduceOp.AVG else grad


def _like(tensor: Tensor, shapes: Sequence[Shape]) -> tuple[Tensor, ...]:
    return tuple(empty(shape, dtype=tensor.dtype, device=tensor.device) for shape in shapes)
