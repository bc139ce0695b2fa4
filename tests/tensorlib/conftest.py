"""CUDA devices for tests: a stand-in with two, and a GPU if there is one."""

from __future__ import annotations

import gc

import pytest

from tensorlib import cuda
from tensorlib.cuda import memory
from tests import fakecupy
from tests.fakecuda import State


@pytest.fixture
def two_devices(monkeypatch):
    monkeypatch.setattr(memory._Peaks, "hook", None)
    monkeypatch.setattr(memory._Peaks, "found", {})
    fakecupy.install(monkeypatch)
    gc.collect()  # what other tests left would be given back in the midst of these
    yield
    gc.collect()
    State.hooks.clear()


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def cuda_device(request):
    """Devices that are there; what is tested with this needs only one."""
    if request.param == "stand-in":
        request.getfixturevalue("two_devices")
    else:
        pytest.importorskip("cupy", exc_type=ImportError)
        if not cuda.is_available():
            pytest.skip("no CUDA device")
