"""Guards the layout: many tools take a folder called `dist` for build output and pass over it silently."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DIST_FILES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "dist").rglob("*.py"))


def run(*command: str) -> str:
    """Run a tool in the project's root and return what it printed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_files_to_guard() -> None:
    assert len(DIST_FILES) > 3


def test_git_sees_every_file() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    seen = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "dist").splitlines()
    assert set(DIST_FILES) <= set(seen)


def test_lint_sees_every_file() -> None:
    pytest.importorskip("ruff", reason="ruff comes with the dev extra")
    seen = {
        str(Path(line).relative_to(ROOT)) for line in run(sys.executable, "-m", "ruff", "check", "--show-files").split()
    }
    assert set(DIST_FILES) <= seen


def test_type_check_is_told_to_see_the_package() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert {"tensorlib", "dist", "launcher"} <= set(settings["packages"])
    assert "exclude" not in settings


def test_wheel_holds_every_file(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling comes with the test extra")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    packed = zipfile.ZipFile(wheel).namelist()
    assert set(DIST_FILES) <= set(packed)
    assert {"tensorlib/py.typed", "dist/py.typed", "launcher/py.typed"} <= set(packed)


def test_pytest_and_ruff_pass_over_nothing_by_default() -> None:
    import tomllib

    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert "dist" not in tools["pytest"]["ini_options"]["norecursedirs"]
    assert "dist" not in tools["ruff"]["exclude"]
    assert "dist" not in (ROOT / ".gitignore").read_text().replace('"dist"', "").split()
