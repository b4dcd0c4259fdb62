"""One name, one meaning: no two public classes or functions of the kernel share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import nika_core

KERNEL = Path(nika_core.__file__).parent
ALLOWED = {
    "main": "the entry of a program, wherever one is",
    "list_": "a subcommand that lists, of `nika plugins` and of `nika runs`",
    "show": "a subcommand that shows one thing, of `nika plugins` and of `nika runs`",
    "run": "a workflow is run by the command and by its counterpart in Python, a process by a plugin",
}


def is_counterpart(places: list[str]) -> bool:
    """Whether it is a command of the command line and the function of the public face that does the same."""
    return sorted(place.split("/")[0] for place in places) == ["api", "cli"]


def public_names() -> dict[str, list[str]]:
    found = defaultdict(list)
    for path in sorted(KERNEL.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            defined = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if defined and not node.name.startswith(("_", "nika_")):  # hooks have the name of what they implement
                found[node.name].append(str(path.relative_to(KERNEL)))
    return found


def test_no_two_public_classes_or_functions_have_one_name():
    twice = {
        name: places for name, places in public_names().items() if len(set(places)) > 1 and not is_counterpart(places)
    }
    assert {name: places for name, places in twice.items() if name not in ALLOWED} == {}


def test_what_is_allowed_to_be_there_twice_is():
    assert [name for name in ALLOWED if len(set(public_names()[name])) < 2] == []
