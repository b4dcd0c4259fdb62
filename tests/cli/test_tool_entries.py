"""Entries of `allowedTools` and `disallowedTools` that can match no tool, as `nika validate` reports them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core import Severity, validate
from nika_core.plugin import Facets, Keyword, Payload, Report, StepContext, Tool, fields, hookimpl

Nika = Callable[..., Any]
Write = Callable[[str, str], Path]

WRONG = {  # with a part of the message, and a part of the hint
    "shel": ("no plugin offers a keyword 'shel'", "did you mean 'shell'?"),
    "bash": ("no plugin offers a keyword 'bash'", "`shell`"),
    "llm": ("`llm` cannot be used as a tool", "remove it"),
    "shell::ls": ("there is no tool shell::ls", "write shell alone"),
    "http::get": ("there is no tool http::get", "write http alone"),
    "mcp::fils::read": ("no MCP server 'fils' is declared", "did you mean 'files'?"),
    "mcp__files__read": ("is not the name of a tool", "'mcp::files::read'"),
    "function::tools/txt.py::count": ("tools/txt.py does not exist", "did you mean tools/text.py?"),
    "function::tools/text.py::cuont": ("has no function 'cuont'", "did you mean count?"),
}
ONLY_ALLOWED_WRONG = {
    "function": ("it names no file", "function::path/to/file.py::name"),
    "shell*": ("keywords that it does not name", "name each keyword"),
    "mcp::*::read": ("no MCP server '*' is declared", "known are: files"),
}
ONLY_DISALLOWED_WRONG = {
    "xyz*": ("no keyword matches 'xyz*'", "`keyword::reference`"),
    "mcp::zip*::read": ("no declared MCP server matches 'zip*'", "known are: files"),
    "function::lib/*.py::count": ("no file matches lib/*.py", "relative to the workflow's folder"),
    "function::tools/text.py::x*": ("has no function 'x*'", ""),
    "function::./tools/text.py::count": ("a tool's path is tools/text.py", "write function::tools/text.py::count"),
    "shell::*x": ("there is no tool shell::*x", "write shell alone"),
}
RIGHT = [
    "shell",
    "http",
    "mcp::files",
    "mcp::files::read_*",
    "function::tools/text.py::count",
    "function::tools/text.py::*",
]
ONLY_DISALLOWED_RIGHT = [
    "*", "sh*", "function", "function::tools/text.py", "function::tools/*.py::*", "function::tools/text.py::c*",
    "mcp::f*::write", "mcp::*", "*::write",
]  # fmt: skip
BLOCK = "agent: {{model: mock, {key}: {tools}}}\ntasks: [{{id: a, agent: hi}}]\n"
TASK = "agent: {{model: mock}}\ntasks: [{{id: a, subagent: hi, {key}: {tools}}}]\n"


@pytest.fixture
def problems(nika: Nika, write: Write) -> Callable[..., list[Any]]:
    """What is wrong with a workflow whose agent block, or task, has this list."""
    write("tools/text.py", "def count(text: str) -> int:\n    return len(text)\n")

    def problems(form: str, key: str, tools: list[str]) -> list[Any]:
        text = form.format(key=key, tools="[" + ", ".join(f"'{tool}'" for tool in tools) + "]")
        write("w.nika.yaml", "mcpServers: {files: {command: python3}}\n" + text)
        (file,) = nika("validate", "w.nika.yaml", "--format", "json").json["files"]
        for problem in file["problems"]:
            line = (text.splitlines())[problem["line"] - 2]
            problem["entry"] = line[problem["column"] - 1 :].strip("'").partition("'")[0]
        return list(file["problems"])

    return problems


@pytest.mark.parametrize("form", [BLOCK, TASK], ids=["block", "task"])
@pytest.mark.parametrize(
    ("key", "wrong"),
    [("allowedTools", WRONG | ONLY_ALLOWED_WRONG), ("disallowedTools", WRONG | ONLY_DISALLOWED_WRONG)],
)
def test_an_entry_that_can_match_nothing_is_an_error_at_its_place(
    problems: Callable[..., list[Any]], form: str, key: str, wrong: dict[str, tuple[str, str]]
) -> None:
    found = problems(form, key, [*wrong, *RIGHT])
    assert [problem["entry"] for problem in found] == list(wrong)
    for problem, (message, hint) in zip(found, wrong.values(), strict=True):
        assert (problem["code"], problem["severity"]) == ("NIKA-018", "error")
        assert message in problem["message"]
        assert hint in problem.get("hint", "")


@pytest.mark.parametrize("form", [BLOCK, TASK], ids=["block", "task"])
def test_what_may_match_something_is_no_error(problems: Callable[..., list[Any]], form: str) -> None:
    assert problems(form, "disallowedTools", [*RIGHT, *ONLY_DISALLOWED_RIGHT]) == []


class _DeployFacets(Facets):
    def check_tool(self, reference: str, payload: Payload, report: Report) -> None:
        if reference not in ("", "*", "eu"):
            report(f"there is no stage '{reference}'", payload.at(), hint="it is eu")

    async def tools(self, reference: str, context: StepContext) -> list[Tool]:
        return []


class _Plugin:
    @hookimpl
    def nika_task_keywords(self) -> Any:
        return [
            Keyword(
                name=name,
                summary="Deploys.",
                primary="to",
                payload=fields.Map({"to": fields.Str()}),
                step=f"{__name__}:_DeployFacets",
                facets=facets,
            )
            for name, facets in (("deploy", f"{__name__}:_DeployFacets"), ("wait", "nika_core.plugin.facets:Facets"))
        ]


@pytest.mark.parametrize("key", ["allowedTools", "disallowedTools"])
def test_a_keyword_of_another_distribution_is_asked_about_its_tools(key: str) -> None:
    text = BLOCK.format(key=key, tools="['deploy', 'deploy::eu', 'deploy::uss', 'deplay', 'wait']")
    found = validate(text, plugins=[_Plugin()]).problems
    assert [(problem.message, problem.severity) for problem in found] == [
        ("there is no stage 'uss'", Severity.ERROR),
        ("'deplay' is not a tool: no plugin offers a keyword 'deplay'", Severity.ERROR),
        ("`wait` cannot be used as a tool", Severity.ERROR),
    ]
