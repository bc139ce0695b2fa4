"""Update rules of optimizers, the compilation of loops, and the memory that steps use again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorlib.kernels import compiled, optim

ROOT = Path(__file__).resolve().parents[2]


def start(*shape: int) -> Any:
    """Numbers that are the same in every run."""
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("momentum", "dampening", "weight_decay"), [(0, 0, 0), (0.9, 0, 0), (0.9, 0.5, 0.1)])
def test_sgd_follows_its_formula(momentum: float, dampening: float, weight_decay: float, nesterov: bool) -> None:
    param, buffer = start(3, 4), np.zeros((3, 4)) if momentum else None
    expected, mean = param.copy(), np.zeros((3, 4))
    for step in range(4):
        grad = np.random.default_rng(step).standard_normal((3, 4))
        before = grad.copy()
        optim.sgd_step(
            np, param, grad, buffer, lr=0.1, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
            nesterov=nesterov, first=step == 0,
        )  # fmt: skip
        np.testing.assert_array_equal(grad, before)
        decayed = grad + weight_decay * expected
        mean = decayed if step == 0 else momentum * mean + (1 - dampening) * decayed
        direction = decayed + momentum * mean if nesterov else mean
        expected = expected - 0.1 * (direction if momentum else decayed)
        np.testing.assert_allclose(param, expected, rtol=1e-12)


@pytest.mark.parametrize(("weight_decay", "decoupled"), [(0.0, False), (0.1, False), (0.1, True)])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_follows_its_formula(weight_decay: float, decoupled: bool, amsgrad: bool) -> None:
    param = start(3, 4)
    state = [np.zeros((3, 4)) for _ in range(2 + amsgrad)]
    expected, mean, square, largest = param.copy(), 0.0, 0.0, np.zeros((3, 4))
    for step in range(1, 5):
        grad = np.random.default_rng(step).standard_normal((3, 4)) / step**3
        optim.adam_step(
            np, param, grad, *state, step=step, lr=0.1, betas=(0.8, 0.9), weight_decay=weight_decay, decoupled=decoupled
        )
        decayed = grad if decoupled else grad + weight_decay * expected
        mean, square = 0.8 * mean + 0.2 * decayed, 0.9 * square + 0.1 * decayed**2
        largest = np.maximum(largest, square)
        denominator = np.sqrt((largest if amsgrad else square) / (1 - 0.9**step)) + 1e-8
        shrunk = expected * (1 - 0.1 * weight_decay) if decoupled else expected
        expected = shrunk - 0.1 * mean / (1 - 0.8**step) / denominator
        np.testing.assert_allclose(param, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_adam_gives_the_bits_of_the_numpy_form(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = compiled.ENOUGH_ELEMENTS + 3
    grads = np.random.default_rng(0).standard_normal((3, size)).astype(dtype)
    states = [[np.ones(size, dtype), np.zeros(size, dtype), np.zeros(size, dtype)] for _ in range(2)]
    for step, grad in enumerate(grads, 1):
        optim.adam_step(np, states[0][0], grad, *states[0][1:], step=step)
    assert compiled.CompiledLoop.loaded
    monkeypatch.setattr(compiled.CompiledLoop, "suits", lambda *arrays: False)
    for step, grad in enumerate(grads, 1):
        optim.adam_step(np, states[1][0], grad, *states[1][1:], step=step)
    np.testing.assert_array_equal(states[0], states[1])


def test_small_odd_or_mixed_arrays_take_the_numpy_form(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = compiled.CompiledLoop(lambda: None, "void()")
    large = np.zeros((compiled.ENOUGH_ELEMENTS // 256, 256))
    monkeypatch.setattr(compiled.CompiledLoop, "loaded", False)
    assert loop.suits(large, large)
    assert not loop.suits(large[:1], large[:1])
    assert not loop.suits(large.T, large.T)
    assert not loop.suits(large, large.astype("float32"))
    assert not loop.suits(large.astype("float16"), large.astype("float16"))
    assert not loop.suits(large, np.broadcast_to(0.0, large.shape))
    monkeypatch.setattr(compiled.CompiledLoop, "loaded", True)
    assert loop.suits(large[:1], large[:1])


COMPILE = """
import numpy
from tensorlib.kernels import compiled, optim

arrays = [numpy.ones(1 << 17, "float32") for _ in range(4)]
optim.adam_step(numpy, *arrays, step=1)
print(compiled.CompiledLoop.loaded, float(arrays[0].sum(dtype="float64")))
"""


def compile_at_once(cache: Path, count: int) -> list[tuple[str, str]]:
    """Run the script in so many processes that share a cache; return what each wrote to stdout and stderr."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    command, pipe = [sys.executable, "-c", COMPILE], subprocess.PIPE
    ranks = [
        subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=pipe, stderr=pipe) for _ in range(count)
    ]
    try:
        return [rank.communicate(timeout=40) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()


def test_ranks_may_fill_the_cache_at_the_same_moment(tmp_path: Path) -> None:
    outputs = compile_at_once(tmp_path, count=2)
    assert len(list(tmp_path.rglob("*.nbc"))) == 2, "one file per type"
    outputs += compile_at_once(tmp_path, count=1)
    assert outputs[0][0].startswith("True"), outputs
    assert len(set(outputs)) == 1


def test_a_loop_is_compiled_where_no_cache_can_be_written() -> None:
    """Numba refuses to cache a function that no file holds, with the same error as for read-only directories."""
    names: dict[str, Any] = {}
    exec("def double(x):\n    for i in range(x.size):\n        x[i] *= 2", names)
    x = np.ones(3)
    compiled.CompiledLoop(names["double"], "void({0}[::1])")(x)
    assert x.tolist() == [2, 2, 2]


def test_freed_memory_can_be_kept() -> None:
    code = """
import resource, numpy
from tensorlib.kernels.memory import keep_freed_memory
print(keep_freed_memory())
for repeat in range(3):
    arrays = [numpy.ones(1 << 20) for _ in range(4)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del arrays
print(before); arrays = [numpy.ones(1 << 20) for _ in range(4)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    made, before, after = done.stdout.split()
    if made == "False":
        pytest.skip("this C library has no mallopt")
    assert int(after) - int(before) < 100, "32 MiB are 8,192 pages"
