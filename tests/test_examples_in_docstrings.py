"""The examples in the docstrings of `dist` and `launcher` run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import dist
import launcher


def names_of_modules(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [package.__name__, *(module.name for module in found if not module.name.endswith("__main__"))]


def examples(name: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(importlib.import_module(name)) if test.examples]


@pytest.mark.parametrize("name", [*names_of_modules(dist), *names_of_modules(launcher)])
def test_examples(name: str) -> None:
    report: list[str] = []
    for example in examples(name):
        doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


def test_what_users_call_has_examples() -> None:
    found = {test.name for name in names_of_modules(dist) for test in examples(name)}
    wanted = {"dist.public.collectives.all_reduce", "dist.simulation.simulate", "dist.testing.world.run_world"}
    assert wanted <= found
