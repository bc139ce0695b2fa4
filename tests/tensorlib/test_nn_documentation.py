"""The examples in the docstrings of modules, optimizers and data sets run, and everything public has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import tensorlib
from tensorlib.autograd.op import Op

PACKAGES = ("tensorlib.nn", "tensorlib.optim", "tensorlib.utils.data")
WITHOUT_EXAMPLE = {"Optimizer", "Sampler", "ForwardHook"}


def modules():
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            yield importlib.import_module(found.name)


def documented():
    """Classes, their methods, and functions, each by the module that defines it; operations are tested elsewhere."""
    for module in modules():
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if own and not name.startswith("_") and not isinstance(value, Op) and callable(value):
                yield pytest.param(module, value, id=f"{module.__name__.removeprefix('tensorlib.')}.{name}")


def examples_of(value, globs):
    finder = doctest.DocTestFinder(recurse=inspect.isclass(value))
    return [test for test in finder.find(value, value.__name__, globs=globs) if test.examples]


@pytest.mark.parametrize(("module", "value"), list(documented()))
def test_examples(module, value):
    assert value.__doc__
    report = []
    for example in examples_of(value, {**vars(module), "tensorlib": tensorlib}):
        doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_has_an_example(package):
    public = {
        name: value
        for name, value in vars(importlib.import_module(package)).items()
        if not name.startswith("_") and callable(value) and not isinstance(value, Op)
    }
    assert len(public) > 3
    missing = {name for name, value in public.items() if not examples_of(value, {})}
    assert missing <= WITHOUT_EXAMPLE
