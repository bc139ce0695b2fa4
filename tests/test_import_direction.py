"""The packages depend on each other in one direction only, and extras are never imported at import time."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("cupy", "mpi4py", "PIL", "onnx", "sklearn", "matplotlib", "torch", "pytest")
# dist meets tensors only where it must: everything else works on raw arrays.
DIST_MAY_IMPORT_TENSORLIB = ("dist/functional", "dist/parallel")


def imports_when_loaded(path: Path) -> Iterator[str]:
    """Names of the modules that loading a file imports: not those inside functions or under TYPE_CHECKING."""

    def walk(statements: list[ast.stmt]) -> Iterator[str]:
        for node in statements:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                yield node.module or ""
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                yield from walk(node.orelse)
            elif isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
                for field in ("body", "orelse", "finalbody"):
                    yield from walk(getattr(node, field, []))

    yield from walk(ast.parse(path.read_text()).body)


def top_level_imports(package: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        for name in imports_when_loaded(path):
            yield str(path.relative_to(ROOT)), name.split(".")[0]


@pytest.mark.parametrize("package", ["tensorlib", "dist", "launcher"])
def test_extras_are_not_imported_at_import_time(package: str) -> None:
    assert [(file, name) for file, name in top_level_imports(package) if name in EXTRAS] == []


def test_tensorlib_does_not_import_the_others() -> None:
    assert [(file, name) for file, name in top_level_imports("tensorlib") if name in ("dist", "launcher")] == []


def test_dist_imports_tensorlib_only_where_it_meets_tensors() -> None:
    found = [
        (file, name)
        for file, name in top_level_imports("dist")
        if name == "launcher" or (name == "tensorlib" and not file.startswith(DIST_MAY_IMPORT_TENSORLIB))
    ]
    assert found == []


def test_launcher_starts_without_the_others() -> None:
    assert [(file, name) for file, name in top_level_imports("launcher") if name in ("dist", "tensorlib")] == []


def test_help_of_the_launcher_loads_nothing_heavy() -> None:
    code = "import sys, launcher.main; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    assert {"numpy", "zmq", "rich", "tensorlib", "dist"}.isdisjoint(done.stdout.split())
