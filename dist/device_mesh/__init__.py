"""Meshes: ranks in rows and columns, for parallelism of several kinds at once."""

from dist.device_mesh.mesh import DeviceMesh as DeviceMesh
from dist.device_mesh.mesh import init_device_mesh as init_device_mesh
