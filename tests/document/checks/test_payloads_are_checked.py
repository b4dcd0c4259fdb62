"""A keyword's own check, and what it is given."""

from __future__ import annotations

from pathlib import Path

from nika_core import codes
from nika_core.document.checks import TaskPayloads
from nika_core.errors import Severity, TaskError
from nika_core.model.limits import Limit, LimitKind, Limits, Unit

TEXT = """\
agent: {model: m}
tasks:
  - id: a
    call: {name: 'x {{a2}}', args: {n: 3, t: '{{a2}}'}}
  - {id: a2, call: y}
"""


def test_a_keyword_reports_with_its_own_code_place_and_severity(check, catalog):
    def own(payload, report):
        if payload.task_id == "a":
            report("hm", payload.at("name", 2), code="ACME-001", hint="do", severity=Severity.WARNING)
            report("no", payload.at("args", "n"))

    catalog.check = own
    found = check(TEXT)
    assert [(p.code, p.message, p.hint, p.severity) for p in found.problems] == [
        ("ACME-001", "hm", "do", Severity.WARNING),
        (codes.BAD_PAYLOAD, "no", None, Severity.ERROR),
    ]
    assert [place[1:3] for place in found.locator] == [(4, 21), (4, 40)]


def test_a_keyword_is_asked_whatever_is_wrong_beside_its_payload_and_not_about_a_broken_one(check, catalog):
    catalog.check = lambda payload, report: report("no", payload.at("name"), code="ACME-001")
    for beside, code in (
        ("timeout: soon", codes.BAD_VALUE),
        ("retry: 3", codes.BAD_VALUE),
        ("onError: ignore", codes.BAD_VALUE),
        ("mode: wild", codes.BAD_VALUE),
        ("output: json", codes.BAD_VALUE),
        ("allowedTools: [x]", codes.TOOLS_NOT_ALLOWED_HERE),
        ("nix: 1", codes.UNKNOWN_KEY),
    ):
        found = check(f"tasks:\n  - {{id: a, call: y, {beside}}}\n")
        assert sorted(found.codes) == sorted(["ACME-001", code]), beside
    assert check("tasks:\n  - {id: a, call: {name: y, nix: 1}}\n").codes == [codes.BAD_PAYLOAD]


def test_a_keyword_that_raises_is_one_problem_that_names_it(check, catalog):
    def own(payload, report):
        raise ZeroDivisionError

    catalog.check = own
    found = check("tasks:\n  - {id: a, call: y}\n")
    assert found.locator[0][:2] == (codes.PLUGIN_BROKEN, 2)
    assert found.only.message == "the plugin for 'call' (acme 1.0) fails in `check`: ZeroDivisionError"


def test_a_keyword_may_raise_an_error_of_nikas_own(check, catalog):
    def own(payload, report):
        raise TaskError("not so", code="ACME-002", hint="so")

    catalog.check = own
    problem = check("tasks:\n  - {id: a, call: y}\n").only
    assert (problem.code, problem.message, problem.hint) == ("ACME-002", "not so", "so")


def test_a_keyword_that_never_stops_reporting_is_cut(check, catalog):
    def own(payload, report):
        for number in range(100_000):
            report(str(number), payload.at("name"))

    catalog.check = own
    assert len(check("tasks:\n  - {id: a, call: y}\n").problems) <= 101


def test_what_a_keyword_is_given(check):
    workflow = check(TEXT).workflow
    limits = Limits([Limit(LimitKind.TASK_TOKENS, 500, Unit.TOKENS, "NIKA_MAX_TOKENS_TASK")])
    payload = TaskPayloads(workflow, limits, {"call": {"x": 1}, "other": {}}).of(workflow.tasks[0])
    assert payload.task_id == "a"
    assert payload.text("name") == "x {{a2}}"
    assert payload.text("args") == '{"n":3,"t":"{{a2}}"}'
    assert payload.text("env") is None
    assert payload.folder == Path(workflow.path).parent
    assert payload.agent.model == "m"
    assert (payload.settings, payload.max_tokens) == ({"x": 1}, 500)
    assert payload.at("name").line == 4
    assert payload.at("absent").line == workflow.tasks[0].at(()).line
