"""Sections are names like words: nobody has one by chance, and nobody has one of the kernel's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.document.reading.legacy import LATER_VERSION_KEY
from nika_core.document.reading.workflow_loader import load_workflow
from nika_core.document.reading.workflow_schema import ROOT
from nika_core.errors import PluginError
from nika_core.model.limits import Limits
from nika_core.model.workflow import ROOT_KEYS
from nika_core.registry import PluginPolicy, Registry
from nika_core.registry.probe import probed

from .conftest import Site  # the fixture's own type, beside this file

SECTION = """
from strictyaml import Map, Str
from nika_core.plugin import Keyword, hookimpl
NIKA_API = 1
@hookimpl
def nika_task_keywords():
    payload = Map({"text": Str()})
    return [Keyword(name={word!r}, summary="A test.", primary="text", payload=payload, step="{module}:Step",
                    sections={"SECTION": Map({"{module}": Str()})})]
class Step:
    async def run(self, payload, context):
        return "done"
"""


def bring(site: Site, distribution: str, word: str, section: str = "database") -> None:
    module = f"{distribution}_{word}"
    site.keyword(distribution, word, module, text=SECTION.replace("SECTION", section))


def registry(site: Site, built_in: tuple[str, ...] = (), **prefer: str) -> Registry:
    chosen = {f"sections:{name}": distribution for name, distribution in prefer.items()}
    return Registry(site.records(), PluginPolicy(prefer=chosen), built_in)


def keys(validator: object) -> set[str]:
    return set(validator._validator_dict)  # type: ignore[attr-defined]  # strictyaml has no other name for it


def test_a_section_of_two_distributions_is_a_conflict_that_names_both_and_the_setting(site: Site) -> None:
    bring(site, "acme", "ask")
    bring(site, "bolt", "query")
    with pytest.raises(PluginError) as caught:
        registry(site).section("database")
    assert caught.value.code == codes.PLUGIN_CONFLICT
    assert caught.value.message == (
        "the section 'database' is brought by the keyword 'ask' (acme 1.0) and the keyword 'query' (bolt 1.0)"
    )
    assert caught.value.hint == "say which one in nika.yaml: plugins: {prefer: {sections:database: acme}}"


def test_the_project_says_whose_a_section_is(site: Site) -> None:
    bring(site, "acme", "ask")
    bring(site, "bolt", "query")
    assert keys(registry(site, database="Bolt").section("database")) == {"bolt_query"}
    with pytest.raises(PluginError, match=r"and not by 'nobody' \(plugins.prefer\)"):
        registry(site, database="nobody").section("database")
    assert registry(site, database="bolt").unmatched() == []


def test_keywords_of_one_distribution_share_a_section(site: Site) -> None:
    text = SECTION.replace("SECTION", "database")
    both = text.replace("    return [Keyword", "    return [Keyword").replace("{word!r}", "word")
    both = both.replace("    return [", "    return [*(").replace("})})]", "})}) for word in ('ask', 'tell'))]")
    points = {"keywords": {"ask": "acme_both", "tell": "acme_both"}}
    site.install("acme", points, acme_both=both.replace("{module}", "acme_both"))
    assert keys(registry(site).section("database")) == {"acme_both"}


def test_a_section_that_comes_with_nika_is_its_own_and_imports_nobody_else(site: Site) -> None:
    bring(site, "acme", "ask")
    bring(site, "nikas", "query")
    assert keys(registry(site, ("nikas",)).section("database")) == {"nikas_query"}
    assert "acme_ask" not in sys.modules
    assert keys(registry(site, ("nikas",)).sections()["database"]) == {"nikas_query"}


def test_a_section_that_nobody_brings_is_none(site: Site) -> None:
    bring(site, "acme", "ask")
    assert registry(site).section("databases") is None


def test_a_conflict_is_reported_at_the_key_of_the_document(site: Site) -> None:
    bring(site, "acme", "ask")
    bring(site, "bolt", "query")
    text = b"database: {x: y}\ntasks:\n  - {id: a, ask: x}\n"
    loaded = load_workflow(Path("w.nika.yaml"), registry(site), Limits(), text=text)
    (problem,) = loaded.problems
    assert (problem.code, problem.place and problem.place.line) == (codes.PLUGIN_CONFLICT, 1)


@pytest.mark.parametrize("name", [*sorted(ROOT_KEYS), "two words", "", "3d", "umlaut-ä"])
def test_a_section_has_a_name_that_is_not_the_kernels(site: Site, name: str) -> None:
    bring(site, "acme", "ask", name)
    with pytest.raises(PluginError, match=r"acme 1\.0.*has the section") as caught:
        registry(site).keyword("ask")
    assert caught.value.code == codes.PLUGIN_BROKEN
    assert registry(site).section(name) is None


def test_the_kernels_own_root_keys_are_those_of_the_document() -> None:
    assert {*ROOT, LATER_VERSION_KEY} == ROOT_KEYS


def test_a_shared_section_is_a_note_of_nika_plugins_check(site: Site) -> None:
    bring(site, "acme", "ask")
    bring(site, "bolt", "query")
    notes = {status.record.word: status.notes for status in probed(registry(site))}
    assert "its section 'database' is brought by the keyword 'query' (bolt 1.0), too" in notes["ask"]
    assert "its section 'database' is brought by the keyword 'ask' (acme 1.0), too" in notes["query"]
