"""The pages of the kinds: each makes a whole plugin, which passes its own checks and the kit of its kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..environments import ROOT, Environment, make_environment
from .pages import Session


@pytest.fixture
def author(tmp_path_factory: pytest.TempPathFactory, wheelhouse: Path, libraries: Path) -> Environment:
    """An author's environment, without what other pages have installed, in which `pip install -e .` asks no index."""
    folder = tmp_path_factory.mktemp("author")
    environment = make_environment(folder / "environment", libraries, *sorted(wheelhouse.glob("*.whl")))
    uv = ROOT / ".venv" / "bin" / "uv"
    pip = environment.folder / "bin" / "pip"
    options = f"--no-config --no-index --no-deps --no-build-isolation --python '{environment.python}'"
    pip.write_text(f'#!/bin/sh\nshift 2\nexec "{uv}" pip install --quiet {options} -e "${{1%%[*}}"\n')
    pip.chmod(0o755)
    return environment


@pytest.mark.parametrize(
    "page",
    [
        "keywords",
        "providers",
        "template-sources",
        "limit-policies",
        "commands",
        "notifiers",
        "secret-sources",
        "backends",
        "observers",
        "project-templates",
        "private",
    ],
)
def test_what_the_page_says_is_so(
    page: str, author: Environment, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    environ = {
        "PATH": os.pathsep.join([str(author.folder / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
        "LANG": "C.UTF-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "MYPY_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "mypy"),
    }

    Session(work, environ).follow(ROOT / "docs" / "plugins" / f"{page}.md")
