"""Fresh environments into which real wheels are installed, offline: the kernel's, the plugins', and made-up ones.

The wheels are built once for all tests of a session, in whatever worker asks first.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_META = {"backend-temporal", "provider-local", "secret-keyring", "observer-otel"}
_OURS = ("nika", "_nika", "__editable__", "_virtualenv", "distutils-precedence", "a1_coverage")


def build_wheels(sources: Iterable[Path], target: Path) -> list[Path]:
    """Build distributions' wheels with the build backend that they name, without a network."""
    command = ["bash", str(ROOT / ".ci" / "wheels"), str(target), *map(str, sources)]
    environ = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def build_wheel(source: Path, target: Path) -> Path:
    """Build one."""
    (wheel,) = build_wheels([source], target)
    return wheel


def uv_pip(*arguments: str | Path, timeout: float = 120) -> None:
    """Run `uv pip`, which must succeed."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert uv is not None
    command = [uv, "pip", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        return next((self.folder / "lib").glob("python*/site-packages"))

    def install(self, *wheels: Path | str) -> None:
        """Install wheels, and nothing that they depend on."""
        uv_pip("install", "--no-config", "--no-index", "--no-deps", "--python", self.python, *wheels)

    def run(
        self, *arguments: str | Path, cwd: Path, environ: dict[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run `nika` as a user would, with a clean environment."""
        return self.call("nika", *arguments, cwd=cwd, environ=environ, timeout=timeout)

    def call(
        self,
        program: str,
        *arguments: str | Path,
        cwd: Path,
        environ: dict[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, as if it had been activated."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        clean = {"PATH": path, "HOME": str(cwd), "NO_COLOR": "1"} | (environ or {})
        command = [shutil.which(program, path=path) or program, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=timeout, check=False)


def make_environment(folder: Path, libraries: Path, *wheels: Path) -> Environment:
    """A new environment that has other people's packages, and these wheels."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    environment = Environment(folder)
    _add_folder(environment.site, libraries)
    if wheels:
        environment.install(*wheels)
    return environment


def _add_folder(site: Path, folder: Path) -> None:
    """Put a folder on the path of modules as a distribution does that a lock knows where it comes from."""
    (site / "libraries.pth").write_text(f"{folder}\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(f"{folder}\n".encode()).digest()).rstrip(b"=").decode()
    info = site / "libraries-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: libraries\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"libraries.pth,sha256={digest},\nlibraries-1.0.dist-info/RECORD,,\n")


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of the kernel, of every built-in plugin, and of the meta distribution."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    target = shared / "wheelhouse"
    with (shared / "wheelhouse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / ".complete").exists():
            sources = [ROOT, *(path for path in sorted((ROOT / "plugins").iterdir()) if path.name not in NOT_META)]
            build_wheels([source for source in sources if (source / "pyproject.toml").is_file()], target)
            (target / ".complete").touch()
    return target


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tests' own environment has of other people's packages, and nothing of ours."""
    own = Path(sysconfig.get_paths()["purelib"])
    target = tmp_path_factory.mktemp("libraries") / own.relative_to(sys.prefix)
    target.mkdir(parents=True)
    for entry in own.iterdir():
        if not entry.name.lower().startswith(_OURS):
            (target / entry.name).symlink_to(entry)
    programs = target.parents[2] / "bin"
    programs.mkdir()
    (programs / "ruff").symlink_to(Path(sys.executable).with_name("ruff"))  # `python -m ruff` looks for it here
    return target


@pytest.fixture
def bare(tmp_path: Path, libraries: Path) -> Callable[[], Environment]:
    """Makes a fresh environment without anything of Nika's."""
    return lambda: make_environment(tmp_path / "environment", libraries)


@pytest.fixture
def fresh(tmp_path: Path, wheelhouse: Path, libraries: Path) -> Callable[[], Environment]:
    """Makes a fresh environment with Nika installed from its wheels."""
    return lambda: make_environment(tmp_path / "environment", libraries, *sorted(wheelhouse.glob("*.whl")))
