"""allowedTools and disallowedTools."""

from __future__ import annotations

import pytest

from nika_core import codes
from nika_core.errors import PluginError, Severity

BLOCK = "agent: {model: m, allowedTools: ['call::files::*', talk], disallowedTools: ['call::files::rm']}\n"


def test_a_context_task_can_only_narrow_what_the_block_allows(check):
    found = check(
        BLOCK
        + "tasks:\n  - id: a\n    talk: x\n    allowedTools: ['call::files::read', talk, call, 'call::net::get']\n"
    )
    assert found.codes == [codes.TOOLS_WIDENED, codes.TOOLS_WIDENED]
    assert [p.place.column for p in found.problems if p.place] == [47, 53]
    assert "'call' is not among the agent block's allowed tools" in found.problems[0].message
    assert "call::files::*, talk" in (found.problems[0].hint or "")


@pytest.mark.parametrize("tools", ["[]", "[talk]", "['call::files::read']", "['call::files::*']"])
def test_narrowing_is_fine(check, tools):
    assert check(BLOCK + f"tasks:\n  - {{id: a, talk: x, allowedTools: {tools}}}\n").problems == ()


def test_without_a_list_in_the_block_a_task_may_have_its_own(check):
    assert check("agent: {model: m}\ntasks:\n  - {id: a, talk: x, allowedTools: [call]}\n").problems == ()


def test_an_isolated_task_may_have_its_own(check):
    assert check(BLOCK + "tasks:\n  - {id: a, solo: x, allowedTools: ['call::net::get']}\n").problems == ()


@pytest.mark.parametrize("name", ["allowedTools", "disallowedTools"])
def test_other_keywords_have_none(check, name):
    found = check(f"tasks:\n  - id: a\n    call: x\n    {name}: [call]\n")
    assert found.locator[0][:2] == (codes.TOOLS_NOT_ALLOWED_HERE, 4)
    assert found.only.message == f"a `call` task uses no tools and has no `{name}`"


def test_what_is_allowed_cannot_be_forbidden_again(check):
    found = check(
        "agent: {model: m, allowedTools: [call], disallowedTools: [call]}\n"
        "tasks:\n  - {id: a, solo: x, allowedTools: ['call::x'], disallowedTools: ['call::*']}\n"
    )
    assert found.codes == [codes.TOOLS_OVERLAP, codes.TOOLS_OVERLAP]
    assert found.problems[1].message == "'call::x' is allowed, and 'call::*' in `disallowedTools` forbids it"


def test_an_exception_from_what_is_allowed_makes_sense(check):
    found = check(
        "tasks:\n  - {id: a, solo: {prompt: x, model: m}, allowedTools: [call], disallowedTools: ['call::x']}\n"
    )
    assert codes.TOOLS_OVERLAP not in found.codes


def test_what_the_block_forbids_a_task_cannot_allow(check):
    found = check(BLOCK + "tasks:\n  - {id: a, talk: x, allowedTools: ['call::files::rm']}\n")
    assert found.codes == [codes.TOOLS_OVERLAP]
    assert "`agent.disallowedTools` forbids it" in found.only.message


@pytest.mark.parametrize(
    ("tool", "hint"), [("cal::x", "did you mean 'call::x'?"), ("acme::y", "uv add acme"), ("zzz", "keyword::reference")]
)
def test_a_tool_whose_keyword_nobody_offers_is_told(check, tool, hint):
    found = check(f"agent: {{model: m, disallowedTools: ['{tool}']}}\ntasks:\n  - {{id: a, call: x}}\n")
    assert found.locator[0][:2] == (codes.UNKNOWN_TOOL, 1)
    assert hint in (found.only.hint or "")


@pytest.mark.parametrize("tool", ["*", "cal*", "c*::x"])
def test_a_star_may_forbid_tools_of_any_keyword_but_allow_only_those_of_one(check, tool):
    text = f"agent: {{model: m, disallowedTools: ['{tool}']}}\ntasks:\n  - {{id: a, talk: x}}\n"
    assert check(text).problems == ()
    found = check(text.replace("disallowedTools", "allowedTools"))
    assert found.codes == [codes.UNKNOWN_TOOL]
    assert "keywords that it does not name" in found.only.message


def test_a_keyword_says_which_of_its_tools_are_not_there_and_where_they_stand(check, catalog):
    asked = []

    def check_tool(reference, payload, report):
        asked.append((reference, payload.folder.is_dir(), dict(payload.fields), payload.text("x"), payload.task_id))
        if reference == "nope":
            report("there is no nope", payload.at("anything"), hint="write yes")

    catalog.check_tool = check_tool
    found = check(
        "agent: {model: m, allowedTools: [call, 'call::nope']}\n"
        "tasks:\n  - {id: a, solo: x, allowedTools: ['call::yes', 'call::nope']}\n"
    )
    assert [(p.code, p.message, p.hint) for p in found.problems] == [
        (codes.UNKNOWN_TOOL, "there is no nope", "write yes")
    ] * 2
    assert [(p.place.line, p.place.column) for p in found.problems] == [(1, 40), (3, 50)]
    assert asked == [(reference, True, {}, None, "") for reference in ("", "nope", "yes")]


def test_only_known_keywords_are_asked(check, catalog):
    catalog.check_tool = lambda reference, payload, report: report("no", payload.at(), severity=Severity.WARNING)
    found = check("agent: {model: m, allowedTools: ['cal::x']}\ntasks:\n  - {id: a, solo: x}\n")
    assert [problem.severity for problem in found.problems] == [Severity.ERROR]


def test_a_keyword_is_also_asked_what_is_forbidden_but_not_about_stars(check, catalog):
    asked = []

    def check_tool(reference, payload, report):
        asked.append(reference)
        report(f"there is no {reference}", payload.at())

    catalog.check_tool = check_tool
    found = check(
        "agent: {model: m, disallowedTools: [call, 'call::a*', 'call::x']}\n"
        "tasks:\n  - {id: a, solo: x, allowedTools: [], disallowedTools: ['call::*', 'call::y', '*']}\n"
    )
    assert asked == ["x", "y"]
    assert [(p.code, p.place.line, p.place.column) for p in found.problems] == [
        (codes.UNKNOWN_TOOL, 1, 55),
        (codes.UNKNOWN_TOOL, 3, 69),
    ]


@pytest.mark.parametrize(
    ("tool", "meant"),
    [
        ("call::", "call"),
        ("call::files:: rm", "call::files::rm"),
        (" call", "call"),
        ("call:files:rm", "call::files::rm"),
        ("call__files__rm", "call::files::rm"),
        ("call/files", "call::files"),
        ("Call(files)", "call"),
    ],
)
@pytest.mark.parametrize("key", ["allowedTools", "disallowedTools"])
def test_what_is_not_the_name_of_a_tool_gets_the_name(check, key, tool, meant):
    found = check(f"agent: {{model: m, {key}: ['{tool}']}}\ntasks:\n  - {{id: a, solo: x}}\n")
    assert found.codes == [codes.UNKNOWN_TOOL]
    assert found.only.message == f"'{tool}' is not the name of a tool"
    assert found.only.hint == f"did you mean '{meant}'?"


def test_a_star_that_matches_no_keyword_forbids_nothing(check):
    found = check("agent: {model: m, disallowedTools: ['xy*::z']}\ntasks:\n  - {id: a, solo: x}\n")
    assert found.codes == [codes.UNKNOWN_TOOL]
    assert "no keyword matches 'xy*'" in found.only.message


def test_an_entry_that_is_wrong_is_not_also_reported_as_forbidden(check):
    found = check("agent: {model: m, allowedTools: [cal], disallowedTools: ['*']}\ntasks:\n  - {id: a, solo: x}\n")
    assert found.codes == [codes.UNKNOWN_TOOL]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            ValueError("oops"),
            codes.PLUGIN_BROKEN,
            "(acme 1.0) fails in `check_tool`: ValueError: oops",
        ),
        (PluginError(codes.PLUGIN_CONFLICT, "two offer it"), codes.PLUGIN_CONFLICT, "two offer it"),
    ],
)
def test_a_keyword_that_fails_at_it_is_told_at_the_entry(check, catalog, error, code, said):
    def check_tool(reference, payload, report):
        raise error

    catalog.check_tool = check_tool
    found = check("agent: {model: m, allowedTools: ['call::x']}\ntasks:\n  - {id: a, solo: x}\n")
    assert found.locator[0][:3] == (code, 1, 34)
    assert said in found.only.message
