"""What is wrong with what is installed: twins, takers of built-in words, unreadable metadata, blocked plugins."""

from __future__ import annotations

import re

import pytest

from .conftest import GOOD, Place

OTHER = GOOD.replace("acme_bad:", "bolt_bad:").replace('payload["text"]', '"bolt"')
PROVIDER = """
from nika_core.plugin import Provider, hookimpl
NIKA_API = 1
@hookimpl
def nika_providers():
    return [Provider(name="greedy", summary="x", models=("mock*",), client="acme_provider:Client")]
"""
POLICY = """
from nika_core.plugin import LimitPolicy, Policy, hookimpl
NIKA_API = 1
class P(Policy):
    def {method}:
        {body}
@hookimpl
def nika_limit_policies():
    return [LimitPolicy(name="strict", summary="x", policy="acme_policy:P")]
"""
SOURCE = """
from nika_core.plugin import TemplateSource, hookimpl
NIKA_API = 1
class S:
    def check(self, placeholder, scope, report):
        {check}
    def depends_on(self, placeholder):
        return ()
    def resolve(self, placeholder, values):
        {resolve}
@hookimpl
def nika_template_sources():
    return [TemplateSource(name="vault", summary="x", source="acme_source:S")]
"""


def test_twins_are_a_conflict_for_who_uses_the_word_until_the_project_names_one(place: Place) -> None:
    place.install(acme_bad=GOOD)
    place.install("bolt-bad", "7.7", {"keywords": {"bad": "bolt_bad"}}, bolt_bad=OTHER)
    used = place.nika("run", "uses.nika.yaml", "--no-journal")
    assert used.code == 2
    assert "acme-bad 6.6 and bolt-bad 7.7" in used.err
    assert "prefer: {keywords:bad: acme-bad}" in used.err
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
    checked = place.nika("plugins", "check", "bad", "--format", "json")
    assert checked.code == 1
    assert [each["status"] for each in checked.json["plugins"] if each["word"] == "bad"] == ["conflict", "conflict"]
    assert place.imported == []
    place.write("nika.yaml", "plugins:\n  prefer: {keywords:bad: bolt-bad}\n")
    assert place.nika("run", "uses.nika.yaml", "--no-journal").code == 2
    place.environ["NIKA_TRUST"] = "1"
    assert place.nika("run", "uses.nika.yaml", "--no-journal").out == "bolt\n"
    assert place.imported == ["bolt_bad"]
    checked = place.nika("plugins", "check", "bad")
    assert checked.code == 0, checked.err
    assert checked.out.endswith("1 shadowed, 1 available: no problems\n")


def test_nobody_takes_a_built_in_word_in_silence(place: Place) -> None:
    place.install(points={"keywords": {"shell": "acme_bad"}}, acme_bad=GOOD.replace('"bad"', '"shell"'))
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
    assert place.imported == []
    listed = place.nika("plugins", "list", "--format", "json").json["plugins"]
    assert {each["distribution"]: each["status"] for each in listed if each["word"] == "shell"} == {
        "acme-bad": "shadowed",
        "nika-keyword-shell": "available",
    }
    place.write("nika.yaml", "plugins:\n  prefer: {keywords:shell: acme-bad}\n")
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
    trusted = place.nika("run", "innocent.nika.yaml", "--no-journal", NIKA_TRUST="1")
    assert trusted.out == "echo fine\n"


def test_a_keyword_is_not_imported_for_limits_or_explanations_that_are_not_its_own(place: Place) -> None:
    place.install(acme_bad=GOOD)
    place.write("own.nika.yaml", "mcpServers: {x: {command: /bin/true}}\ntasks:\n  - {id: a, shell: echo fine}\n")
    for arguments in (("limits",), ("validate", "own.nika.yaml"), ("explain", "NIKA-050")):
        assert place.nika(*arguments).code == 0, arguments
        assert place.imported == [], arguments
    assert "NIKA_SHELL_TIMEOUT" in place.nika("limits").out
    assert "NIKA_BAD_TIMEOUT" not in place.nika("limits").out
    named = place.nika("limits", "bad", NIKA_BAD_TIMEOUT="7s")
    assert re.search(r"NIKA_BAD_TIMEOUT +7s +environment", named.out), named.out
    assert place.imported == ["acme_bad"]
    unknown = place.nika("limits", "bda")
    assert (unknown.code, unknown.out) == (2, "")
    assert "no installed plugin offers the keyword 'bda'" in unknown.err
    assert "did you mean 'bad'?" in unknown.err


@pytest.mark.parametrize("how", ["nika.yaml", "NIKA_PLUGINS_BLOCK", "NIKA_PLUGINS_ALLOW"])
def test_what_is_blocked_is_imported_by_no_command(place: Place, how: str) -> None:
    place.install(acme_bad=GOOD)
    environ = {"NIKA_PLUGINS_BLOCK": "acme-*"} if how.endswith("BLOCK") else {"NIKA_PLUGINS_ALLOW": "nika-*"}
    place.environ = {} if how == "nika.yaml" else environ
    if how == "nika.yaml":
        place.write("nika.yaml", "plugins:\n  block: [keywords:bad]\n")
    commands: list[tuple[tuple[str, ...], int]] = [
        (("run", "uses.nika.yaml", "--no-journal"), 3),
        (("run", "innocent.nika.yaml", "--no-journal"), 0),
        (("validate", "uses.nika.yaml"), 3),
        (("plan", "uses.nika.yaml"), 3),
        (("plugins", "list"), 0),
        (("plugins", "show", "bad"), 0),
        (("plugins", "check", "acme-bad"), 0),
        (("schema",), 0),
        (("explain", "ACME-001"), 2),
        (("limits",), 0),
        (("providers",), 0),
    ]
    for arguments, code in commands if how == "nika.yaml" else commands[:2]:  # the lists are the same for all commands
        done = place.nika(*arguments)
        assert done.code == code, (arguments, done.err)
        if code == 3:
            assert "acme-bad 6.6" in done.out + done.err
            assert how in done.out + done.err
    shown = place.nika("plugins", "list", "--format", "json")
    assert place.status(shown)["status"] == "blocked"
    assert how in place.status(shown)["why"]
    assert place.imported == []


UNREADABLE = {
    "no metadata": ("acme-bad", ""),
    "no name": ("acme-bad", "Metadata-Version: 2.1\n\n"),
    "no version": ("acme-bad", "Metadata-Version: 2.1\nName: acme-bad\n"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_metadata_touches_nobody(place: Place, case: str) -> None:
    place.install(acme_bad=GOOD, metadata=UNREADABLE[case][1] or "x")
    if not UNREADABLE[case][1]:
        (place.site / "acme_bad-6.6.dist-info" / "METADATA").unlink()
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
    assert place.nika("plugins", "list").code == 0
    assert place.nika("run", "uses.nika.yaml", "--no-journal").code in {0, 2}


@pytest.mark.parametrize(
    "entry_points",
    [
        "[nika.keywords]\nbad\n",
        "[nika.keywords\nbad = acme_bad\n",
        "\x00\x01nika.keywords",
        "[nika.keywords]\nbad = \n",
        "[nika.keywords]\nbad = not a module!\n",
        "[nika.keywords]\nbad = acme_bad:keyword\n",
        "[nika.keywords]\nbad = .acme_bad\n",
        "[nika.keywords]\nbad word = acme_bad\n",
    ],
)
def test_entry_points_that_make_no_sense_touch_nobody(place: Place, entry_points: str) -> None:
    place.install(acme_bad=GOOD)
    (place.site / "acme_bad-6.6.dist-info" / "entry_points.txt").write_text(entry_points)
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
    assert place.nika("plugins", "list").code == 0
    assert place.nika("plugins", "check", "shell").code in {0, 1}
    assert place.nika("run", "uses.nika.yaml", "--no-journal").code == 2
    assert place.nika("schema").code == 0


def test_a_broken_provider_is_passed_over_by_who_did_not_name_it(place: Place) -> None:
    place.install(
        points={"providers": {"greedy": "acme_provider"}}, acme_provider="import time; raise RuntimeError('no')"
    )
    place.write("ask.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, llm: hi}\n")
    assert place.nika("run", "ask.nika.yaml", "--no-journal").out == "mock: hi\n"
    named = place.nika("run", "ask.nika.yaml", "--no-journal", "--provider", "greedy")
    assert named.code == 2
    assert "the plugin for 'greedy' (acme-bad 6.6) cannot be imported: RuntimeError: no" in named.err


def test_two_providers_that_claim_a_model_are_both_named(place: Place) -> None:
    place.install(points={"providers": {"greedy": "acme_provider"}}, acme_provider=PROVIDER)
    place.write("ask.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, llm: hi}\n")
    done = place.nika("run", "ask.nika.yaml", "--no-journal")
    assert done.code == 2
    assert "'greedy' (acme-bad 6.6)" in done.err
    assert "nika-provider-mock" in done.err
    assert place.nika("run", "ask.nika.yaml", "--no-journal", "--provider", "mock").out == "mock: hi\n"


POLICIES = {
    "limits raises": ("limits(self, environ)", "1 / 0", 2),
    "limits exits": ("limits(self, environ)", "raise SystemExit(9)", 2),
    "limits gives a number": ("limits(self, environ)", "return 7", 2),
    "limits gives texts": ("limits(self, environ)", "return ['x']", 2),
    "keyword_limits raises": ("keyword_limits(self, keyword, environ)", "1 / 0", 2),
    "admit raises": ("admit(self, request)", "1 / 0", 3),
    "admit exits": ("admit(self, request)", "raise SystemExit(9)", 3),
    "admit gives a text": ("admit(self, request)", "return 'no'", 3),
}


@pytest.mark.parametrize("case", POLICIES)
def test_a_broken_limit_policy_stops_everything_and_says_so(place: Place, case: str) -> None:
    method, body, code = POLICIES[case]
    place.install(
        points={"limit_policies": {"strict": "acme_policy"}}, acme_policy=POLICY.format(method=method, body=body)
    )
    done = place.nika("run", "innocent.nika.yaml", "--no-journal")
    assert done.code == code, done.err
    assert "'strict' (acme-bad 6.6)" in done.err
    # Neither the environment nor a project file takes a limit away, not even a broken one.
    assert place.nika("run", "innocent.nika.yaml", "--no-journal", NIKA_PLUGINS_BLOCK="acme-bad").code == 3
    place.write("nika.yaml", "plugins: {block: [acme-bad]}\n")
    refused = place.nika("run", "innocent.nika.yaml", "--no-journal", NIKA_TRUST="1")
    assert refused.code == 3
    assert "no list takes a limit away" in refused.err


SOURCES = {
    "check raises": ("1 / 0", "return 'x'", 2),
    "check exits": ("raise SystemExit(9)", "return 'x'", 2),
    "resolve raises": ("pass", "1 / 0", 1),
    "resolve exits": ("pass", "raise SystemExit(9)", 1),
    "resolve gives an object": ("pass", "return object()", 1),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_broken_template_source_is_told_to_who_uses_it(place: Place, case: str) -> None:
    check, resolve, code = SOURCES[case]
    text = SOURCE.format(check=check, resolve=resolve)
    place.install(points={"template_sources": {"vault": "acme_source"}}, acme_source=text)
    place.write("asks.nika.yaml", 'tasks:\n  - {id: a, shell: echo fine}\n  - {id: b, shell: "echo ${vault.key}"}\n')
    done = place.nika("run", "asks.nika.yaml", "--no-journal")
    assert done.code in ({code, 2} if code == 1 else {code}), done.err
    assert "vault" in done.err
    assert "acme-bad 6.6" in done.err or "object" in resolve, done.err
    assert place.nika("run", "innocent.nika.yaml", "--no-journal").out == "fine\n"
