"""What PyTorch calls the nodes of operations that have other names here, or several there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorlib.autograd.graph import Node


def node_name(node: Node) -> str:
    """Return the name of a node as PyTorch prints it: MulBackward0."""
    name: str = node.op.name
    found = NAMES.get(name)
    if found is None:
        return "".join(part.capitalize() for part in name.split("_")) + "Backward0"
    return found if isinstance(found, str) else found(node)


def _by_reduction(name: str) -> Callable[[Node], str]:
    """Return what tells the reduction of all dimensions from that of some."""
    return lambda node: f"{name}Backward{1 if node.shape else 0}"


def _product(node: Node) -> str:
    kinds = ("Dot", "Mv", "Mm", "Bmm")
    return (kinds[len(node.shape)] if len(node.shape) < len(kinds) else "UnsafeView") + "Backward0"


def _index(node: Node) -> str:
    """Name a part by the last step that PyTorch takes to it."""
    if node.saved is None:
        return "IndexBackward0"
    basic, advanced, _ = node.saved
    if advanced is not None:
        return "IndexBackward0"
    items = [item for item in basic if item is not Ellipsis]
    last: Any = items[-1] if items else None
    kind = "Slice" if isinstance(last, slice) else "Select" if isinstance(last, int) else "Unsqueeze"
    return f"{kind if items else 'Alias'}Backward0"


NAMES: dict[str, str | Callable[[Node], str]] = {
    "amax": lambda node: "AmaxBackward0" if node.shape else "MaxBackward1",
    "amin": lambda node: "AminBackward0" if node.shape else "MinBackward1",
    "astype": "ToCopyBackward0",
    "batch_norm_training": "NativeBatchNormBackward0",
    "clamp": "ClampBackward1",
    "class_cross_entropy": "NllLossBackward0",
    "conjugate": "ConjBackward0",
    "getitem": _index,
    "linear": lambda node: "AddmmBackward0" if len(node.shape) == 2 else "ViewBackward0",
    "matmul": _product,
    "max_along": "MaxBackward0",
    "mean": _by_reduction("Mean"),
    "median_along": "MedianBackward1",
    "min_along": "MinBackward0",
    "norm": "LinalgVectorNormBackward0",
    "prod": _by_reduction("Prod"),
    "reshape": "ViewBackward0",
    "sum": _by_reduction("Sum"),
    "write_view": "CopySlices",
}
