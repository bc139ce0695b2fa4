"""Meshes of ranks: groups along dimensions, parts of a mesh, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dist
from dist.device_mesh import DeviceMesh, init_device_mesh
from dist.errors import DistError
from dist.testing import run_ranks


def total(group: Any) -> int:
    x = np.array([dist.get_rank()])
    dist.all_reduce(x, group=group)
    return int(x[0])


def test_a_group_along_each_dimension() -> None:
    def work() -> None:
        rank = dist.get_rank()
        mesh = init_device_mesh("cpu", (2, 3, 2), mesh_dim_names=("data", "pipeline", "model"))
        place = (rank // 6, rank // 2 % 3, rank % 2)
        assert (mesh.shape, mesh.ndim, mesh.size(), mesh.size(1)) == ((2, 3, 2), 3, 12, 3)
        assert (mesh.get_rank(), mesh.get_coordinate(), mesh.device_type) == (rank, place, "cpu")
        expected = [mesh.mesh[:, place[1], place[2]], mesh.mesh[place[0], :, place[2]], mesh.mesh[place[0], place[1]]]
        for dim, group in enumerate(mesh.get_all_groups()):
            assert mesh.get_group(dim) is mesh.get_group(("data", "pipeline", "model")[dim]) is group
            assert mesh.get_local_rank(dim) == group.rank == place[dim]
            assert dist.get_process_group_ranks(group) == expected[dim].tolist()
            assert total(group) == expected[dim].sum()

    dist.simulate(12, work)


def test_parts_have_the_same_groups() -> None:
    def work() -> None:
        rank = dist.get_rank()
        mesh = init_device_mesh("cpu", (2, 2, 2), mesh_dim_names=("data", "pipeline", "model"))
        row, plane, turned = mesh["pipeline"], mesh["data", "model"], mesh["model", "data"]
        assert row.get_group() is mesh.get_group("pipeline")
        assert row.get_local_rank() == mesh.get_local_rank(1)
        assert row.mesh.tolist() == mesh.mesh[rank // 4, :, rank % 2].tolist()
        assert plane.mesh.tolist() == mesh.mesh[:, rank // 2 % 2].tolist()
        assert turned.mesh.tolist() == mesh.mesh[:, rank // 2 % 2].T.tolist()
        assert turned.get_all_groups() == plane.get_all_groups()[::-1] == [mesh.get_group(2), mesh.get_group(0)]
        assert turned["data"].mesh.tolist() == mesh["data"].mesh.tolist()
        assert turned.get_coordinate() == (rank % 2, rank // 4)

    dist.simulate(8, work)


def test_ranks_that_are_not_in_the_mesh() -> None:
    def work() -> None:
        mesh = DeviceMesh("cuda", [[0, 3], [2, 4]], mesh_dim_names=("a", "b"))
        if dist.get_rank() != 1:
            assert total(mesh.get_group("a")) == (2 if mesh.get_local_rank("b") == 0 else 7)
            return
        assert mesh.get_coordinate() is None
        for call in (lambda: mesh.get_group("a"), lambda: mesh.get_local_rank(1), lambda: mesh["a"]):
            with pytest.raises(DistError, match=r"DeviceMesh: rank 1 is not in the mesh \[\[0, 3\], \[2, 4\]\]"):
                call()

    dist.simulate(5, work)


@pytest.mark.parametrize("mesh", [[], 0, [0, 4], [-1, 0], [1, 1], [1, 0], [[0, 2], [2, 3]], [[2, 3], [0, 1]]])
def test_wrong_ranks_are_refused(mesh: Any) -> None:
    def work() -> None:
        with pytest.raises(ValueError, match=r"DeviceMesh: mesh is .*: need ranks from 0 to 3, each at most once"):
            DeviceMesh("cpu", mesh)

    dist.simulate(4, work)


@pytest.mark.parametrize("mesh", [[0.7], [False], ["0"], None, [[0, 1], [2]]])
def test_what_is_no_array_of_integers_is_refused(mesh: Any) -> None:
    def work() -> None:
        with pytest.raises(ValueError, match=r"DeviceMesh: mesh is .*: need an array of integers, the ranks"):
            DeviceMesh("cpu", mesh)

    dist.simulate(1, work)


@pytest.mark.parametrize("shape", [1, (-1, -1), (0,), (1.0,), None])
def test_wrong_shapes_are_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"init_device_mesh: mesh_shape is .*: need a tuple of positive integers"):
        init_device_mesh("cpu", shape)
    assert not dist.is_initialized()


def test_dimensions_are_named_alike_everywhere() -> None:
    def work() -> None:
        mesh = init_device_mesh("cpu", (2, 1), mesh_dim_names=("a", "b"))
        assert mesh.size("a") == mesh.size(np.int64(0)) == 2
        assert mesh.get_group(np.int64(1)) is mesh.get_group("b")
        for wrong in (-1, 2, True, "c"):
            for call in (mesh.size, mesh.get_group):
                with pytest.raises(ValueError, match=r"DeviceMesh: mesh_dim is .*: need one of \["):
                    call(wrong)
        with pytest.raises(ValueError, match=r"mesh_dim_names is \(\): need 1 different names"):
            mesh[()]

    dist.simulate(2, work)


def test_other_wrong_arguments_are_refused() -> None:
    def work() -> None:
        for names in (("a",), ("a", "a"), ("a", "b", "c")):
            with pytest.raises(ValueError, match=r"DeviceMesh: mesh_dim_names is .*: need 2 different names"):
                init_device_mesh("cpu", (2, 1), mesh_dim_names=names)
        with pytest.raises(ValueError, match="init_device_mesh: device_type is 'mps': need 'cpu' or 'cuda'"):
            init_device_mesh("mps", (2,))
        mesh = init_device_mesh("cpu", (2, 1), mesh_dim_names=("a", "b"))
        with pytest.raises(ValueError, match="DeviceMesh: mesh_dim is missing: need one of 2 dimensions"):
            mesh.get_group()
        with pytest.raises(ValueError, match=r"DeviceMesh: mesh_dim is 'c': need one of \['a', 'b'\]"):
            mesh["a", "c"]
        with pytest.raises(ValueError, match=r"mesh_dim_names is \('a', 'a'\): need 2 different names"):
            mesh["a", "a"]
        with pytest.raises(ValueError, match=r"DeviceMesh: mesh_dim is 2: need one of \[0, 1\]"):
            mesh.get_group(2)

    dist.simulate(2, work)


def mesh_from_nothing() -> tuple[str, int]:
    mesh = dist.init_device_mesh("cpu", (2,))
    found = dist.get_backend(), total(mesh.get_group())
    dist.destroy_process_group()
    return found


def test_a_mesh_makes_the_process_group_that_is_not_there_yet() -> None:
    assert [outcome.value for outcome in run_ranks(2, mesh_from_nothing)] == [("gloo", 1)] * 2
