"""Fresh environments into which real wheels are installed, offline: the kernel's, the plugins', and made-up ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_META = {"provider-local"}


def build_wheel(source: Path, target: Path) -> None:
    """Build a distribution's wheel with the build backend that it names, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of the kernel, of every built-in plugin, and of the meta distribution."""
    target = tmp_path_factory.mktemp("wheelhouse")
    sources = [ROOT, *(path for path in sorted((ROOT / "plugins").iterdir()) if path.name not in NOT_META)]
    for source in sources:
        if (source / "pyproject.toml").is_file():
            build_wheel(source, target)
    return target


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests' own environment has of other people's packages, and nothing of ours."""
    target = tmp_path_factory.mktemp("libraries")
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.lower().startswith(("nika", "_nika", "__editable__", "_virtualenv", "distutils-precedence")):
            (target / entry.name).symlink_to(entry)
    return target


@dataclass(frozen=True)
class Environment:
    """A virtual environment with a `nika` in it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *wheels: Path | str, **options: str) -> None:
        uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        assert uv is not None
        command = [uv, "pip", "install", "--no-index", "--no-deps", "--python", str(self.python), *map(str, wheels)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def run(
        self, *arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `nika` as a user would, with a clean environment."""
        clean = {"PATH": os.environ["PATH"], "HOME": str(cwd), "NO_COLOR": "1"} | (environ or {})
        command = [str(self.folder / "bin" / "nika"), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture
def fresh(tmp_path: Path, wheelhouse: Path, libraries: Path) -> Callable[[], Environment]:
    """Makes a fresh environment with Nika installed from its wheels."""

    def make() -> Environment:
        folder = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
        environment = Environment(folder)
        site = next((folder / "lib").glob("python*/site-packages"))
        (site / "libraries.pth").write_text(f"{libraries}\n")
        environment.install(*sorted(wheelhouse.glob("*.whl")))
        return environment

    return make
