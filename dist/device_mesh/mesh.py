"""`DeviceMesh`: ranks as the elements of an array, and a group of ranks along each of its dimensions."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import ArrayLike, NDArray

import dist
from dist.arguments import integer


class DeviceMesh:
    """Global ranks as the elements of an array, and for each dimension a group of those along it.

    Every process of the world makes the same meshes in the same order, those too that it is not in. Along each
    dimension ranks ascend, so that a rank's place there is its rank within the group.

    Args:
        device_type: "cpu" or "cuda": where the ranks have their tensors.
        mesh: the global ranks, each at most once.
        mesh_dim_names: a name for each dimension.

    Attributes:
        mesh: the global ranks, an array of int64.
        mesh_dim_names: the names; () where there are none.

    Raises:
        ValueError: ranks do not exist, repeat or do not ascend, or the names do not fit the dimensions.

    Example:
        >>> def total() -> int:
        ...     mesh = DeviceMesh("cpu", [[0, 1, 2], [3, 4, 5]], mesh_dim_names=("data", "model"))
        ...     x = np.array([dist.get_rank()])
        ...     dist.all_reduce(x, group=mesh.get_group("model"))
        ...     return int(x[0])
        >>> dist.simulate(6, total)
        [3, 3, 3, 12, 12, 12]
    """

    def __init__(self, device_type: str, mesh: ArrayLike, *, mesh_dim_names: Sequence[str] | None = None) -> None:
        _check_device("DeviceMesh", device_type)
        self.device_type = device_type
        self.mesh = _as_ranks(mesh)
        self.mesh_dim_names = tuple(mesh_dim_names or ())
        self._rank = dist.get_rank()
        _check_ranks(self.mesh, dist.get_world_size())
        if mesh_dim_names is not None:
            _check_names(self.mesh_dim_names, self.ndim)
        lines = [np.moveaxis(self.mesh, dim, -1).reshape(-1, self.shape[dim]).tolist() for dim in range(self.ndim)]
        self._groups = [dist.new_subgroups_by_enumeration(ranks)[0] for ranks in lines]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of ranks along each dimension."""
        return self.mesh.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.mesh.ndim

    def size(self, mesh_dim: int | str | None = None) -> int:
        """Return the number of ranks, of all or along one dimension; raises as `get_group`."""
        return self.mesh.size if mesh_dim is None else self.shape[self._dim(mesh_dim)]

    def get_rank(self) -> int:
        """Return this process's global rank."""
        return self._rank

    def get_coordinate(self) -> tuple[int, ...] | None:
        """Return this process's place along each dimension; None if it is not in the mesh."""
        places = np.argwhere(self.mesh == self._rank).tolist()
        return tuple(places[0]) if places else None

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """Return this process's place along a dimension. Arguments and errors: see `get_group`."""
        return self.get_group(mesh_dim).rank

    def get_group(self, mesh_dim: int | str | None = None) -> dist.ProcessGroup:
        """Return the group of this process along a dimension.

        Args:
            mesh_dim: the number or name of the dimension; may be left out where there is one.

        Raises:
            ValueError: there is no such dimension.
            DistError: this process is not in the mesh.
        """
        if mesh_dim is None and self.ndim > 1:
            raise ValueError(f"DeviceMesh: mesh_dim is missing: need one of {self.ndim} dimensions")
        group = self._groups[self._dim(0 if mesh_dim is None else mesh_dim)]
        if group is None:
            raise dist.DistError(f"DeviceMesh: rank {self._rank} is not in the mesh {self.mesh.tolist()}")
        return group

    def get_all_groups(self) -> list[dist.ProcessGroup]:
        """Return the group of this process along each dimension."""
        return [self.get_group(dim) for dim in range(self.ndim)]

    def __getitem__(self, mesh_dim_names: str | tuple[str, ...]) -> DeviceMesh:
        """Return the part of the mesh that this process is in, with some of the dimensions, and the same groups."""
        names = mesh_dim_names if isinstance(mesh_dim_names, tuple) else (mesh_dim_names,)
        _check_names(names, max(1, len(names)))
        dims = [self._dim(name) for name in names]
        place = [self.get_local_rank(dim) for dim in range(self.ndim)]
        kept = self.mesh[tuple(slice(None) if dim in dims else index for dim, index in enumerate(place))]
        part = copy(self)
        part.mesh = kept.transpose([sorted(dims).index(dim) for dim in dims])
        part.mesh_dim_names = names
        part._groups = [self._groups[dim] for dim in dims]
        return part

    def __repr__(self) -> str:
        return f"DeviceMesh({self.device_type!r}, {self.mesh.tolist()}, mesh_dim_names={self.mesh_dim_names})"

    def _dim(self, mesh_dim: int | str) -> int:
        known = [*self.mesh_dim_names] if isinstance(mesh_dim, str) else [*range(self.ndim)]
        wanted = mesh_dim if isinstance(mesh_dim, str) else integer("DeviceMesh", "mesh_dim", mesh_dim)
        if wanted not in known or isinstance(mesh_dim, bool):
            raise ValueError(f"DeviceMesh: mesh_dim is {mesh_dim!r}: need one of {known}")
        return known.index(wanted)


def init_device_mesh(
    device_type: str, mesh_shape: tuple[int, ...], *, mesh_dim_names: Sequence[str] | None = None
) -> DeviceMesh:
    """Make a mesh of the ranks from 0 on, the last dimension running fastest; see `DeviceMesh`.

    Where there is no process group yet, `init_process_group` is called first, with the backend for the device.

    Example:
        >>> def columns() -> str:
        ...     return str(init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "model"))["data"])
        >>> dist.simulate(4, columns)[1]
        "DeviceMesh('cpu', [1, 3], mesh_dim_names=('data',))"
    """
    _check_device("init_device_mesh", device_type)
    if not isinstance(mesh_shape, tuple | list) or not all(type(n) is int and n > 0 for n in mesh_shape):
        raise ValueError(f"init_device_mesh: mesh_shape is {mesh_shape!r}: need a tuple of positive integers")
    if not dist.is_initialized():
        dist.init_process_group(dist.get_default_backend_for_device(device_type))
    ranks = np.arange(math.prod(mesh_shape)).reshape(mesh_shape)
    return DeviceMesh(device_type, ranks, mesh_dim_names=mesh_dim_names)


def _check_device(name: str, device_type: str) -> None:
    if device_type not in ("cpu", "cuda"):
        raise ValueError(f"{name}: device_type is {device_type!r}: need 'cpu' or 'cuda'")


def _as_ranks(mesh: ArrayLike) -> NDArray[np.int64]:
    with contextlib.suppress(ValueError):  # where rows are of different lengths
        ranks = np.asarray(mesh)
        if ranks.dtype.kind in "iu" or not ranks.size:
            return ranks.astype(np.int64)
    raise ValueError(f"DeviceMesh: mesh is {mesh!r}: need an array of integers, the ranks")


def _check_ranks(mesh: NDArray[np.int64], size: int) -> None:
    ranks = set(mesh.flat)
    ascend = all((np.diff(mesh, axis=dim) > 0).all() for dim in range(mesh.ndim))
    if not mesh.ndim or not ranks or not ascend or len(ranks) < mesh.size or not ranks <= set(range(size)):
        need = f"ranks from 0 to {size - 1}, each at most once, that ascend along each dimension"
        raise ValueError(f"DeviceMesh: mesh is {mesh.tolist()}: need {need}")


def _check_names(names: Sequence[str], count: int) -> None:
    if len(names) != count or len(set(names)) != count:
        raise ValueError(f"DeviceMesh: mesh_dim_names is {names}: need {count} different names")
