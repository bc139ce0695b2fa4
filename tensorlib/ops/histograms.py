"""Histograms in several dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from tensorlib.attach import public_function, require_tensor
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor, wrap


@public_function
def histogramdd(
    input: Tensor,
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Return how many points lie in each cell of a grid, and the edges of the cells.

    Args:
        input: floating point coordinates of shape (..., dimensions).
        bins: the number of equal intervals, one for each dimension or for all; or a tensor of edges for each.
        range: where the first interval begins and the last ends, for one dimension after the other; the points' own
            extremes unless given.
        weight: what each point counts, of the shape of the points.
        density: make the volume 1.

    Raises:
        ArgumentError: there are not as many bins or ranges as dimensions.
        ShapeError: the input has no dimension of points, or the weights have another shape.
        TypeError: the input has no floating point elements.

    Example:
        >>> points = tensorlib.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> tensorlib.histogramdd(points, [2, 2]).hist
        tensor([[0., 1.],
                [1., 1.]])
    """
    require_tensor("histogramdd", input)
    if not input.dtype.is_floating_point:
        raise TypeError(f"histogramdd: needs a floating point tensor, not {input.dtype.name}")
    if input.ndim < 2:
        raise ShapeError(f"histogramdd: needs points of shape (..., dimensions), not {tuple(input.shape)}")
    count = input.shape[-1]
    each = [bins] * count if isinstance(bins, int) else list(bins)
    if len(each) != count or (range is not None and len(range) != 2 * count):
        raise ArgumentError(f"histogramdd: needs bins, and two ends of a range, for each of {count} dimensions")
    if weight is not None and weight.shape != input.shape[:-1]:
        raise ShapeError(f"histogramdd: weights of shape {tuple(weight.shape)} for points of {tuple(input.shape[:-1])}")
    x = _on_host(input)
    edges = [_on_host(given) if isinstance(given, Tensor) else given for given in each]
    ends = None if range is None else list(zip(range[::2], range[1::2], strict=True))
    weights = None if weight is None else _on_host(weight).reshape(-1)
    hist, found = numpy.histogramdd(x.reshape(-1, count), edges, ends, density, weights)
    made = [wrap(numpy.asarray(values, x.dtype)).to(input.device) for values in (hist, *found)]
    return TYPES["histogramdd"](made[0], tuple(made[1:]))


def _on_host(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()
