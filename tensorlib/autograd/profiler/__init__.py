"""What operations cost: `profile`, and marks for NVIDIA's profiler."""

from tensorlib.autograd.profiler.events import EventList as EventList
from tensorlib.autograd.profiler.events import FunctionEvent as FunctionEvent
from tensorlib.autograd.profiler.events import FunctionEventAvg as FunctionEventAvg
from tensorlib.autograd.profiler.nvtx import emit_nvtx as emit_nvtx
from tensorlib.autograd.profiler.nvtx import load_nvprof as load_nvprof
from tensorlib.autograd.profiler.session import profile as profile
from tensorlib.autograd.profiler.session import record_function as record_function
