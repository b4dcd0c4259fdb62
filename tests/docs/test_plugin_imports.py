"""What a plugin imports of Nika is one line, and importing that line is cheap."""

from __future__ import annotations

import ast
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nika_core

from ..environments import ROOT
from .pages import blocks

ALLOWED = re.compile(r"nika_core(\.plugin|\.testing|\.toolbox(\..+)?)?\Z")
BASE = "import pluggy, dataclasses, typing"
RUNS = 7


def imported(source: str) -> Iterator[str]:
    """The modules of the kernel that a source imports, by their full names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "nika_core")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nika_core":
            if node.module == "nika_core":  # its own names, or modules
                yield from (f"nika_core.{alias.name}" for alias in node.names if alias.name not in nika_core.__all__)
            else:
                yield str(node.module)


def python_files() -> list[Path]:
    files = [*ROOT.glob("plugins/*/nika_*/**/*.py"), *ROOT.glob("examples/**/*.py")]
    return [*files, *ROOT.glob("cookiecutter-plugin/**/_kind/**/*.py")]


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_and_examples_import_the_public_packages_only(path: Path) -> None:
    source = re.sub(r"\{\{cookiecutter\.(\w+)\}\}", r"\1", path.read_text(encoding="utf-8"))

    assert [name for name in imported(source) if not ALLOWED.match(name)] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/plugins/*.md")), ids=lambda page: page.name)
def test_the_pages_for_authors_import_the_public_packages_only(page: Path) -> None:
    sources = [block.text for block in blocks(page) if (block.title or "").endswith(".py")]

    assert [name for source in sources for name in imported(source) if not ALLOWED.match(name)] == []


def test_importing_the_interface_imports_nothing_heavy() -> None:
    code = "import json, sys, nika_core.plugin; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert {"asyncio", "strictyaml", "jsonschema"} & set(json.loads(done.stdout)) == set()


def processor_time(statement: str) -> float:
    """Seconds of the processor that a statement takes in a fresh interpreter: other processes do not count."""
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith("COV")
    }  # measured lines take longer
    code = f"import time; begun = time.process_time(); {statement}; print(time.process_time() - begun)"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environ)
    return float(done.stdout)


@pytest.mark.alone
def test_importing_the_interface_takes_at_most_two_and_a_half_times_as_long_as_what_it_is_made_of() -> None:
    processor_time("import nika_core.plugin")  # compiles what is not compiled yet
    pairs = [(processor_time(BASE), processor_time("import nika_core.plugin")) for _ in range(RUNS)]  # side by side
    base, ours = (statistics.median(times) for times in zip(*pairs, strict=True))

    assert ours <= 2.5 * base, f"{ours * 1000:.1f} ms, against {base * 1000:.1f} ms"
