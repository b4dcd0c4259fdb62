"""`import nika_core as nika`: its names, and how light it is before one of them is used."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nika_core as nika

from ..environments import ROOT

_SOURCE = Path(nika.__file__)


def test_importing_it_alone_loads_nothing_else_of_nika() -> None:
    script = "import sys, nika_core; print([n for n in sys.modules if n.startswith(('nika_core.', 'asyncio'))])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_is_what_the_type_checker_sees() -> None:
    (block,) = (
        node
        for node in ast.parse(_SOURCE.read_text(encoding="utf-8")).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    )
    seen = {
        name.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for name in statement.names
    }
    assert set(seen) == set(nika.__all__)
    for name, module in seen.items():
        found = getattr(nika, name)
        assert found is (sys.modules[f"{module}.{name}"] if name == "runs" else getattr(sys.modules[str(module)], name))


def test_every_public_name_is_documented() -> None:
    for name in nika.__all__:
        assert inspect.getdoc(getattr(nika, name)), name


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "python-api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^### (\w+)$", page, flags=re.MULTILINE))
    assert set(nika.__all__) - told == {"DISTRIBUTION", "PLUGIN_KINDS", "runs", "backends"}  # names, and two modules


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="rum"):
        _ = nika.rum  # type: ignore[attr-defined]  # that is the test
