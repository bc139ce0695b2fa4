"""The backend `nccl` with CuPy and NCCL on a device; skipped where there is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.distributed.control_plane import ROOT, free_port

PROGRAM = """
import cupy
import numpy as np
import dist
import tensorlib

dist.init_process_group("nccl", timeout=30)
assert dist.get_backend() == "nccl"
x = cupy.arange(6, dtype=np.float32).reshape(2, 3)
for op in (None, dist.ReduceOp.AVG, dist.ReduceOp.MAX, lambda left, right: left):
    dist.all_reduce(x, op)
dist.all_reduce(x[:, ::2])
dist.broadcast(x, 0)
half = cupy.ones(3, np.float16)
dist.all_reduce(half)
rows = [cupy.zeros((2, 3), np.float32)]
dist.all_gather(rows, x)
dist.gather(x, rows, 0)
dist.scatter(x, rows, 0)
dist.reduce_scatter(x, rows)
dist.all_to_all(rows, [x])
work = dist.all_reduce(x, async_op=True)
work.wait()
dist.barrier()
assert rows[0].get().tolist() == x.get().tolist() == [[0, 1, 2], [3, 4, 5]]
t = tensorlib.ones(3).cuda()
dist.all_reduce(t)
assert t.cpu().numpy().tolist() == [1, 1, 1]
objects = [None]
dist.all_gather_object(objects, "one")
assert objects == ["one"]
dist.destroy_process_group()
"""


@pytest.mark.gpu
def test_a_world_of_one_rank() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy comes with the cuda extras")
    if not cupy.cuda.is_available():
        pytest.skip("there is no CUDA device")
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "RANK": "0", "WORLD_SIZE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ | where,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
