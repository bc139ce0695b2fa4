"""Every name that PyTorch 0.3's manual and today's pages have for tensors, gradients and what surrounds them."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

import pytest

import tensorlib

NAMES = [
    name
    for line in Path(__file__).with_name("names.txt").read_text().splitlines()
    if line[:1] != "["
    for name in line.split()
]


@pytest.mark.parametrize("name", NAMES)
def test_is_there(name):
    def part_of(whole, part):
        found = getattr(whole, part, None)
        return importlib.import_module(f"{whole.__name__}.{part}") if found is None else found

    assert functools.reduce(part_of, name.split("."), tensorlib) is not None


def test_of_modules_and_what_dir_says():
    assert {"mul", "FloatTensor", "linalg", "FloatStorage", "sparse_coo_tensor"} <= set(dir(tensorlib))
    for module in ("linalg", "fft", "special", "autograd"):
        assert len(dir(getattr(tensorlib, module))) > 10
    with pytest.raises(AttributeError, match="module 'tensorlib' has no attribute 'nothing'"):
        tensorlib.nothing  # noqa: B018
