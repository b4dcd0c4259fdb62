"""Entries of allow, block and prefer that do not do what their author thinks."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.registry import Kind, PluginPolicy, Registry, Unmatched

from .conftest import Site  # the fixture's own type, beside this file

ALL = PluginPolicy(
    allow=(("NIKA_PLUGINS_ALLOW", ("acme", "clam")),),
    block=(("nika.yaml", ("keyword:deploy", "acm*")),),
    prefer={"keywords:deploy": "bolt", "keywords:report": "Acme"},
    implied={"NIKA_PLUGINS_ALLOW": ("limit_policies:*",)},
)


@pytest.mark.parametrize("preferred", ["bolt", "acm"])
def test_a_preferred_distribution_that_does_not_offer_the_word_is_an_error_where_the_word_is_used(
    site: Site, preferred: str
) -> None:
    site.keyword("acme", "deploy", "acme_vain", "1.1")
    site.keyword("calm", "report", "calm_vain")
    registry = Registry(site.records(), PluginPolicy(prefer={"keywords:deploy": preferred}), ("acme",))
    with pytest.raises(PluginError) as caught:
        registry.keyword("deploy")
    assert caught.value.code == codes.PLUGIN_CONFLICT
    assert caught.value.message == (
        f"the keyword 'deploy' is to be that of '{preferred}' (plugins.prefer in nika.yaml), which does not offer it; "
        "it is offered by acme 1.1"
    )
    assert "prefer: {keywords:deploy: acme}" in str(caught.value.hint)
    assert registry.keyword("report").name == "report"
    assert [each.status for each in registry.listing()] == ["conflict", "available"]


def test_a_preferred_distribution_that_is_blocked_is_told_to_be(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_vain_two")
    site.keyword("bolt", "deploy", "bolt_vain_two")
    policy = PluginPolicy(block=(("NIKA_PLUGINS_BLOCK", ("bolt",)),), prefer={"keywords:deploy": "bolt"})
    with pytest.raises(PluginError, match="which may not be used: blocked by 'bolt' in NIKA_PLUGINS_BLOCK"):
        Registry(site.records(), policy, ()).record(Kind.KEYWORD, "deploy")


def test_entries_that_match_nothing_installed_are_known(site: Site) -> None:
    site.keyword("acme", "report", "acme_lists")
    site.keyword("calm", "deploy", "calm_lists")
    assert Registry(site.records(), ALL, ()).unmatched() == [
        Unmatched("allow", "NIKA_PLUGINS_ALLOW", "clam"),
        Unmatched("block", "nika.yaml", "keyword:deploy"),
        Unmatched("prefer", "nika.yaml", "keywords:deploy: bolt"),
    ]


@pytest.mark.parametrize(
    ("where", "name"), [("NIKA_PLUGINS_ALLOW", "NIKA_PLUGINS_ALLOW"), ("nika.yaml", "plugins.allow of nika.yaml")]
)
def test_an_allow_list_without_entries_says_that_it_is_empty(site: Site, where: str, name: str) -> None:
    site.keyword("acme", "deploy", "acme_empty")
    policy = PluginPolicy(allow=((where, ()),), implied={"NIKA_PLUGINS_ALLOW": ("limit_policies:*",)})
    with pytest.raises(PluginError, match=f"{name} is set and empty: it allows nothing"):
        Registry(site.records(), policy, ()).keyword("deploy")


def test_what_a_list_implies_need_not_be_named(site: Site) -> None:
    site.install("acme", {"limit_policies": {"strict": "acme_implied"}})
    policy = PluginPolicy(allow=(("HERE", ()),), implied={"HERE": ("limit_policies:*",)})
    assert Registry(site.records(), policy, ()).words(Kind.LIMIT_POLICY) == ["strict"]
