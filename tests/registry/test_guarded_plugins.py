"""What stands between the kernel and a plugin's own object passes everything on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nika_core.errors import PluginError, UsageError
from nika_core.plugin import Estimate, Facets, Policy, Source
from nika_core.registry import Kind, PluginRecord
from nika_core.registry.guarded_facets import GuardedFacets
from nika_core.registry.guarded_policy import GuardedPolicy
from nika_core.registry.guarded_source import GuardedSource


@pytest.mark.parametrize(("interface", "between"), [(Facets, GuardedFacets), (Source, GuardedSource)])
def test_everything_of_an_interface_is_passed_on(interface: type, between: type) -> None:
    names = {name for name, value in vars(interface).items() if callable(value) and not name.startswith("_")}

    assert names
    assert names <= vars(between).keys()


def test_the_files_of_a_task_are_those_that_its_keyword_names() -> None:
    class Own(Facets):
        def files(self, payload: Any) -> tuple[Path, ...]:
            return (Path("style.md"),)

    facets = GuardedFacets(Own(), PluginRecord(Kind.KEYWORD, "own", "own", "own", "1.0"))

    assert facets.files(None) == (Path("style.md"),)  # type: ignore[arg-type]  # it is not looked at


def test_only_what_a_keyword_answers_itself_is_asked_of_it() -> None:
    class Own(Facets):
        def files(self, payload: Any) -> tuple[Path, ...]:
            return ()

    own = Own()
    facets = GuardedFacets(own, PluginRecord(Kind.KEYWORD, "own", "own", "own", "1.0"))

    assert facets.has_own("files")
    assert not facets.has_own("estimate")
    own.estimate = lambda payload: Estimate()  # type: ignore[method-assign]  # as an object that is put together may
    assert facets.has_own("estimate")


def test_an_error_that_a_policy_means_for_the_user_is_shown_in_its_own_words() -> None:
    class Own(Policy):
        def admit(self, request: Any) -> Any:
            raise UsageError("the accounts are locked", hint="unlock them")

        left = settle = admit

    policy = GuardedPolicy(Own(), PluginRecord(Kind.LIMIT_POLICY, "own", "acme-own", "own", "1.0"))
    request: Any = None
    says = "the limit policy 'own' (own 1.0): the accounts are locked"

    refusal = policy.admit(request)
    assert refusal is not None
    assert (refusal.reason, refusal.hint) == (says, "unlock them")
    for tell in (policy.left, policy.settle):
        with pytest.raises(UsageError, match=f"^{re.escape(says)}$"):
            tell(request)


@pytest.mark.parametrize(
    ("value", "named"),
    [({1}, "a value of type set"), (b"x", "a value of type bytes"), (float("nan"), "the number nan")],
)
def test_a_value_that_is_no_json_is_told_as_the_fault_of_its_template_source(value: Any, named: str) -> None:
    class Own:
        def resolve(self, placeholder: Any, values: Any) -> Any:
            return value

    own: Any = Own()
    source = GuardedSource(own, PluginRecord(Kind.TEMPLATE_SOURCE, "own", "acme-own", "own", "1.0"))

    with pytest.raises(PluginError, match=rf"own 1.0.*fails in `resolve`.*returned {named}, which is not JSON"):
        source.resolve(own, own)


def test_sections_that_are_none_are_told_as_the_plugins_fault() -> None:
    class Own(Facets):
        def sections(self, payload: Any) -> Any:
            return ["servers"]

    facets = GuardedFacets(Own(), PluginRecord(Kind.KEYWORD, "own", "acme-own", "own", "1.0"))

    with pytest.raises(PluginError, match=r"own 1.0.*returns list from `sections`"):
        facets.sections(None)  # type: ignore[arg-type]  # it is not looked at
