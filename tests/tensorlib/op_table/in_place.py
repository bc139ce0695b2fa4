"""Calls of what in-place operations on views are recorded as."""

from __future__ import annotations

from tensorlib.autograd.op import OPS
from tests.tensorlib.op_table.sample import Sample, normal

# A view by one step, to which the value is written: all of the base, in another shape.
FLAT = ((OPS["reshape"], {"shape": (6,)}),)

SAMPLES = [Sample("write_view", (normal(2, 3), normal(6, seed=1)), {"steps": FLAT}, torch=None)]
