"""The ways to install Nika from a clone: each ends in a program that runs a workflow.

No index is asked: other people's packages are packed again from the tests' own environment. Beside them lies what a
stranger published under one of our names, with a higher version: nothing may install that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..environments import ROOT, Environment, build_wheel
from ..repacking import repack, required_by

STRANGER = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "nika-keyword-llm"
version = "5.9.9"
[project.entry-points."nika.keywords"]
llm = "stranger"
[tool.hatch.build.targets.wheel]
bypass-selection = true
"""
BASE_PYTHON: str = getattr(sys, "_base_executable", sys.executable)


def page_line(start: str) -> str:
    """The command of the page about installing that begins with this, without its comment."""
    (line,) = re.findall(rf"^{start} .*", (ROOT / "docs" / "guide" / "install.md").read_text("utf-8"), re.MULTILINE)
    return str(line).partition(" # ")[0].rstrip()


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of wheels: other people's packages, and the stranger's."""
    libraries, stranger = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("stranger")
    needed = required_by("nika-workflows", "pip").items()  # pipx brings its own pip up to date
    repack([found for name, found in needed if not name.startswith("nika-")], libraries)
    (stranger / "pyproject.toml").write_text(STRANGER)
    build_wheel(stranger, stranger)
    return libraries, stranger


@dataclass(frozen=True)
class User:
    """Somebody with a home, in a folder with the wheels in `dist`."""

    folder: Path
    environ: dict[str, str]

    def does(self, command: str, where: str = ".") -> str:
        """Run a shell command, which must succeed; return what it printed."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder / where,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}{done.stdout}"
        return done.stdout


@pytest.fixture
def user(tmp_path: Path, links: tuple[Path, Path], wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    home = tmp_path / "home"
    programs = home / "programs"
    programs.mkdir(parents=True)
    for name in ("pipx", "uv", "uvx"):
        (programs / name).symlink_to(Path(sys.executable).with_name(name))
    (tmp_path / "dist").symlink_to(wheelhouse)
    path = [home / "venv" / "bin", home / "bin", programs, "/usr/local/bin", "/usr/bin", "/bin"]
    return User(
        tmp_path,
        {
            "PATH": os.pathsep.join(map(str, path)),
            "HOME": str(home),
            "NO_COLOR": "1",
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": " ".join(map(str, links)),
            "PIP_NO_COMPILE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIPX_HOME": str(home / "pipx"),
            "PIPX_BIN_DIR": str(home / "bin"),
            "PIPX_DEFAULT_PYTHON": BASE_PYTHON,
            "UV_NO_CONFIG": "1",
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": ",".join(map(str, links)),
            "UV_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "uv-cache"),
            "UV_PYTHON": BASE_PYTHON,
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_TOOL_DIR": str(home / "tools"),
            "UV_TOOL_BIN_DIR": str(home / "bin"),
        },
    )


def works(user: User, nika: str) -> None:
    assert re.fullmatch(r"nika 5\.\S+ \(nika-core 5\.\S+\)\n", user.does(f"{nika} --version"))
    user.does(f"{nika} init hello")
    (user.folder / "hello" / "dist").symlink_to(user.folder / "dist")  # uvx looks for it from where it is started
    assert json.loads(user.does(f"{nika} run --format json", where="hello"))["status"] == "succeeded"
    listed = json.loads(user.does(f"{nika} plugins list --format json"))["plugins"]
    assert {each["distribution"] for each in listed} >= {"nika-keyword-llm", "nika-provider-mock", "nika-limit-env"}
    assert "5.9.9" not in {each["version"] for each in listed}


def test_pip_installs_it_into_an_environment(user: User) -> None:
    user.does(f"'{BASE_PYTHON}' -m venv home/venv")
    user.does(page_line("pip install"))
    works(user, "nika")


@pytest.mark.parametrize("backend", ["pip", "uv"])
def test_pipx_installs_it_as_a_program(user: User, backend: str) -> None:
    user.environ["PIPX_DEFAULT_BACKEND"] = backend
    user.does(page_line("pipx install"))
    works(user, "nika")


def test_make_install_builds_it_and_installs_the_command(user: User) -> None:
    user.environ.update(DIST=str(user.folder / "built"), PYTHON=sys.executable)

    said = user.does(f"make -s -C '{ROOT}' install")

    assert said.rstrip().endswith(str(user.folder / "home" / "bin" / "nika"))
    works(user, "nika")


def test_uv_installs_it_as_a_tool(user: User) -> None:
    user.does(page_line("uv tool install"))
    works(user, "nika")


def test_uvx_runs_it_without_installing_it(user: User) -> None:
    line = page_line("uvx")
    assert line.endswith(" nika --version")
    works(user, line.removesuffix(" --version"))
    assert not (user.folder / "home" / "bin" / "nika").exists()


def test_the_kernel_alone_has_the_command_line_as_a_module(
    bare: Callable[[], Environment], wheelhouse: Path, tmp_path: Path
) -> None:
    environment = bare()
    environment.install(*wheelhouse.glob("nika_core-*.whl"))
    assert not (environment.folder / "bin" / "nika").exists()
    shown = environment.call("python", "-m", "nika_core", "--version", cwd=tmp_path)
    assert re.fullmatch(r"nika-core 5\.\S+\n", shown.stdout), shown.stderr
    listed = environment.call("python", "-m", "nika_core", "plugins", "list", cwd=tmp_path)
    assert "pip install nika-workflows" in listed.stderr
