"""The public interface is documented, all of it: every name, every field, every method."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import nika_core.plugin
from nika_core.plugin import StepContext, hookspec

MODULES = [
    "nika_core.plugin",
    "nika_core.plugin.fields",
    "nika_core.toolbox.agent",
    "nika_core.toolbox.process",
    "nika_core.toolbox.providers",
    "nika_core.testing",
]
# Values and aliases have no docstrings of their own; they are told in the module's.
_SECTION = re.compile(r"^(Attributes|Args|Members):\n((?:[ \t]+.*\n|\n)+)", re.MULTILINE)


def public(module: str) -> list[str]:
    return list(importlib.import_module(module).__all__)


def names() -> Iterator[tuple[str, str]]:
    for module in MODULES:
        for name in public(module):
            yield module, name


def described(cls: type) -> set[str]:
    """The names under `Attributes:` of the class and of what it inherits from in this interface."""
    found = described(StepContext) if stands_in(cls) else set()
    for each in cls.__mro__:
        text = inspect.cleandoc(each.__doc__ or "") + "\n"
        for section in _SECTION.finditer(text):
            for line in textwrap.dedent(section[2]).splitlines():
                match = re.match(r"([\w, ]+):", line)
                if match:
                    found.update(name.strip() for name in match[1].split(","))
    return found


def stands_in(cls: type) -> bool:
    """Whether the class is a fake of the context, which says what its attributes and methods are."""
    return "See `nika_core.plugin.StepContext`" in (cls.__doc__ or "")


def own_members(cls: type) -> dict[str, Any]:
    return {name: value for name, value in vars(cls).items() if not name.startswith("_")}


def fields(cls: type) -> set[str]:
    if issubclass(cls, enum.Enum):
        return set()  # a member is its name; the class says what they are for
    found = {name for name in getattr(cls, "__annotations__", {}) if not name.startswith("_")}
    if dataclasses.is_dataclass(cls):
        found |= {field.name for field in dataclasses.fields(cls) if not field.name.startswith("_")}
    found |= {name for name, value in own_members(cls).items() if isinstance(value, property) and not value.__doc__}
    return found


def test_the_list_of_public_names_is_sorted_and_exactly_what_is_public() -> None:
    for module in MODULES:
        listed = public(module)
        assert listed == sorted(listed, key=lambda name: (not name.isupper(), not name[0].isupper(), name)), module
        assert len(listed) == len(set(listed)), module

    tree = ast.parse(inspect.getsource(nika_core.plugin))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nika_core")
        for alias in node.names
    }
    assigned = {
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert (imported | assigned) - {"_LAZY", "_MODULE_OF"} == set(nika_core.plugin.__all__)


@pytest.mark.parametrize(("module", "name"), list(names()))
def test_every_public_name_is_documented(module: str, name: str) -> None:
    found = getattr(importlib.import_module(module), name)
    if inspect.isclass(found) or inspect.isroutine(found):
        assert (inspect.getdoc(found) or "").strip(), f"{module}.{name} has no docstring"
        assert not str(found.__doc__).startswith(f"{name}("), f"{module}.{name} has a docstring that Python made up"
    else:
        assert f"`{name}`" in (importlib.import_module(module).__doc__ or ""), f"{module} does not tell of {name}"


@pytest.mark.parametrize(("module", "name"), list(names()))
def test_every_field_and_every_method_of_a_public_class_is_documented(module: str, name: str) -> None:
    cls = getattr(importlib.import_module(module), name)
    if not inspect.isclass(cls) or issubclass(cls, BaseException):
        return
    missing = fields(cls) - described(cls)
    assert not missing, f"{module}.{name} does not describe {sorted(missing)} under `Attributes:`"
    for method, value in own_members(cls).items():
        if method.startswith("test_"):
            continue  # a kit's test: its name says the rule
        if inspect.isroutine(value) or isinstance(value, (classmethod, staticmethod)):
            told = inspect.getdoc(getattr(cls, method)) or (stands_in(cls) and hasattr(StepContext, method))
            assert told, f"{module}.{name}.{method} has no docstring"


def test_every_hook_is_documented_and_returns_descriptions() -> None:
    hooks = [name for name in vars(hookspec) if name.startswith("nika_")]
    assert hooks == [
        "nika_task_keywords",
        "nika_providers",
        "nika_template_sources",
        "nika_limit_policies",
        "nika_commands",
        "nika_notifiers",
        "nika_secret_sources",
        "nika_observers",
        "nika_backends",
        "nika_project_templates",
    ]
    for name in hooks:
        function = getattr(hookspec, name)
        assert (function.__doc__ or "").strip().splitlines()[0].endswith(".")
        assert not inspect.signature(function).parameters
