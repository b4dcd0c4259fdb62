"""The table of kinds is whole, and the docstring of each kind's hook is a plugin that works."""

from __future__ import annotations

import inspect
import re
from textwrap import dedent
from typing import Any

import pytest

from nika_core.plugin import Provider, hookspec
from nika_core.registry import Kind, Registry
from nika_core.registry.description_rules import description_error
from nika_core.registry.kinds import load_named

from .conftest import Site


@pytest.mark.parametrize("kind", Kind)
def test_the_docstring_of_a_hook_is_a_complete_plugin(kind: Kind, site: Site) -> None:
    text = inspect.getdoc(getattr(hookspec, kind.value.hook)) or ""
    module = re.findall(r"A complete plugin, `(\w+)\.py`:", text)[0]
    code, _, rest = text.partition("and in its pyproject.toml:")
    code = dedent(code.partition(f"`{module}.py`:")[2])
    assert f'[project.entry-points."{kind.group}"]' in rest
    ((word, target),) = re.findall(r'^ +(\w+) = "(\w+)"$', rest, re.MULTILINE)
    assert target == module
    site.install("acme", {kind.id: {word: module}}, **{module: code})

    registry = Registry(site.records())
    registry.try_out(registry.record(kind, word))
    description = registry.description(registry.record(kind, word))
    assert description_error(kind, description) is None


@pytest.mark.parametrize("kind", Kind)
def test_a_row_names_what_there_is(kind: Kind) -> None:
    fields = {field.name for field in kind.description.__dataclass_fields__.values()}
    assert set(load_named(kind.value.rules)) == fields
    for named in kind.value.objects:
        assert named.field in fields
        assert named.guard is None or callable(load_named(named.guard))


def test_no_two_kinds_share_a_name() -> None:
    for names in ([kind.id for kind in Kind], [kind.option for kind in Kind], [kind.value.hook for kind in Kind]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("field", ["options", "settings"])
def test_what_is_no_validator_is_no_option_of_a_provider(field: str) -> None:
    described: dict[str, Any] = {"name": "acme", "summary": "x", "client": "x:Y"}
    wrong: Any = Provider(**described, **{field: {"api": "text"}})
    assert description_error(Kind.PROVIDER, Provider(**described)) is None
    assert field in (description_error(Kind.PROVIDER, wrong) or "")
