from __future__ import annotations

import sys

import pytest

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.plugin import hookimpl
from nika_core.registry import Kind, PluginPolicy, Registry
from nika_core.values import replace

from .conftest import KEYWORD, Site  # the fixture's own type, beside this file


def registry(site: Site, policy: PluginPolicy | None = None, built_in: tuple[str, ...] = ()) -> Registry:
    return Registry(site.records(), policy, built_in)


def test_a_scan_imports_no_plugin(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_quiet", text="raise RuntimeError('imported')")
    assert registry(site).words(Kind.KEYWORD) == ["deploy"]
    assert "acme_quiet" not in sys.modules


def test_a_word_is_loaded_when_it_is_used(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_used")
    assert registry(site).keyword("deploy").summary == "A test."
    assert "acme_used" in sys.modules


def test_a_process_asks_each_hook_once_however_many_projects_it_opens(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_asked")
    first = registry(site).keyword("deploy")
    assert registry(site).keyword("deploy") is first


def test_a_hook_that_has_been_replaced_is_asked_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.keyword("acme", "deploy", "acme_replaced")
    first = registry(site).keyword("deploy")
    hook = hookimpl(lambda: [replace(first, summary="Another one.")])
    monkeypatch.setattr(sys.modules["acme_replaced"], "nika_task_keywords", hook)
    assert registry(site).keyword("deploy").summary == "Another one."


async def test_a_step_is_made_from_its_name(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_step")
    assert await registry(site).new_step("deploy").run({}, None) == "done"  # type: ignore[arg-type]  # not looked at


def test_an_unknown_word_names_the_nearest_one(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_near")
    with pytest.raises(PluginError, match="no installed plugin offers the keyword 'deplo'") as caught:
        registry(site).keyword("deplo")
    assert caught.value.code == codes.UNKNOWN_KEYWORD
    assert "did you mean 'deploy'?" in str(caught.value.hint)


def test_two_offers_of_a_word_are_a_conflict_that_names_both_and_the_setting(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_one", "1.1")
    site.keyword("bolt", "deploy", "bolt_two", "2.2")
    with pytest.raises(PluginError, match=r"acme 1\.1 and bolt 2\.2") as caught:
        registry(site).keyword("deploy")
    assert caught.value.code == codes.PLUGIN_CONFLICT
    assert "prefer: {keywords:deploy: acme}" in str(caught.value.hint)


def test_prefer_settles_a_conflict(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_a")
    site.keyword("bolt", "deploy", "bolt_b")
    chosen = registry(site, PluginPolicy(prefer={"keywords:deploy": "Bolt"}))
    assert chosen.record(Kind.KEYWORD, "deploy").distribution == "bolt"
    assert [each.status for each in chosen.listing()] == ["shadowed", "available"]


def test_a_conflict_does_not_touch_other_words(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_c")
    site.keyword("bolt", "deploy", "bolt_c")
    site.keyword("calm", "report", "calm_c")
    assert registry(site).keyword("report").name == "report"


def test_nobody_takes_a_built_in_word_unless_the_project_says_so(site: Site) -> None:
    site.keyword("nika-keyword-shell", "shell", "own_shell")
    site.keyword("acme", "shell", "acme_shell")
    built_in = ("nika-keyword-shell",)
    assert registry(site, built_in=built_in).record(Kind.KEYWORD, "shell").distribution == "nika-keyword-shell"
    preferring = PluginPolicy(prefer={"keywords:shell": "acme"})
    assert registry(site, preferring, built_in).record(Kind.KEYWORD, "shell").distribution == "acme"


@pytest.mark.parametrize("pattern", ["acme", "ac*", "keywords:deploy", "keywords:*"])
def test_what_is_blocked_is_never_imported(site: Site, pattern: str) -> None:
    site.keyword("acme", "deploy", "acme_blocked")
    blocked = registry(site, PluginPolicy(block=(("nika.yaml", (pattern,)),)))
    with pytest.raises(PluginError, match=f"blocked by '{pattern.replace('*', '[*]')}' in nika.yaml") as caught:
        blocked.keyword("deploy")
    assert caught.value.code == codes.PLUGIN_BLOCKED
    assert [each.status for each in blocked.listing()] == ["blocked"]
    assert "acme_blocked" not in sys.modules


def test_an_offer_must_be_in_every_allow_list(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_allowed")
    both = PluginPolicy(allow=(("nika.yaml", ("acme",)), ("NIKA_PLUGINS_ALLOW", ("bolt",))))
    with pytest.raises(PluginError, match="not in the allow list of NIKA_PLUGINS_ALLOW"):
        registry(site, both).keyword("deploy")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import does_not_exist", "cannot be imported: ModuleNotFoundError"),
        ("def broken(:", "cannot be imported: SyntaxError"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("x = 1", "does not say which plugin API"),
        (KEYWORD.replace("NIKA_API = 1", "NIKA_API = 99"), "was written for plugin API 99"),
        (KEYWORD.replace("return [", "raise KeyError('oops') #"), "fails when it is registered: KeyError"),
        (KEYWORD.replace("return [", "import sys; sys.exit() #"), "fails when it is registered: SystemExit"),
        (KEYWORD.replace("return [", "return 7 #"), "int, not descriptions in a list"),
        (KEYWORD.replace("return [", "return ['a'] #"), "returns str from nika_task_keywords, not Keyword"),
        (KEYWORD.replace("{word!r}", "'other'"), "does not describe 'deploy'"),
        (KEYWORD.replace("def nika_task_keywords", "def nika_task_keyword"), "fails when it is registered"),
    ],
)
def test_a_broken_plugin_is_one_clear_sentence_for_who_uses_it(site: Site, text: str, says: str) -> None:
    module = f"acme_broken_{abs(hash(text))}"
    site.keyword("acme", "deploy", module, "4.2", text=text)
    site.keyword("calm", "report", f"calm_{module}")
    loaded = registry(site)
    with pytest.raises(PluginError) as caught:
        loaded.keyword("deploy")
    assert says in caught.value.message
    assert "(acme 4.2)" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert loaded.keyword("report").name == "report"
    statuses = {each.record.word: each.status for each in loaded.listing()}
    assert statuses == {"deploy": "broken", "report": "available"}


def test_a_plugin_that_prints_does_not_reach_stdout(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.keyword("acme", "deploy", "acme_prints", text="print('hello')\n" + KEYWORD)
    registry(site).keyword("deploy")
    assert capsys.readouterr().out == ""


def test_a_step_that_cannot_be_found_is_told_with_its_distribution(site: Site) -> None:
    site.keyword("acme", "deploy", "acme_nostep", text=KEYWORD.replace(":Step", ":Nothing"))
    with pytest.raises(PluginError, match=r"\(acme 1\.0\) names acme_nostep:Nothing"):
        registry(site).new_step("deploy")


def test_one_module_may_bring_several_words(site: Site) -> None:
    text = """
    from strictyaml import Map
    from nika_core.plugin import Keyword, hookimpl
    NIKA_API = 1
    @hookimpl
    def nika_task_keywords():
        for word in ("one", "two"):
            yield Keyword(name=word, summary=word, primary="text", payload=Map({}), step="m:S")
    """
    site.install("acme", {"keywords": {"one": "acme_two_words", "two": "acme_two_words"}}, acme_two_words=text)
    loaded = registry(site)
    assert [loaded.keyword(word).summary for word in ("one", "two")] == ["one", "two"]


def test_a_model_that_two_providers_claim_must_be_given_to_one(site: Site) -> None:
    text = """
    from nika_core.plugin import Provider, hookimpl
    NIKA_API = 1
    @hookimpl
    def nika_providers():
        return [Provider(name="{word}", summary="", models=("big-*",), client="m:C")]
    """
    for word in ("east", "west"):
        site.install(word, {"providers": {word: f"claims_{word}"}}, **{f"claims_{word}": text.replace("{word}", word)})
    loaded = registry(site)
    assert loaded.provider_for("small") is None
    with pytest.raises(PluginError, match=r"'east' .* and 'west'"):
        loaded.provider_for("big-1")


def test_a_broken_limit_policy_is_not_passed_over(site: Site) -> None:
    site.install("acme", {"limit_policies": {"strict": "acme_policy_broken"}}, acme_policy_broken="1 / 0")
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        registry(site).policies()
