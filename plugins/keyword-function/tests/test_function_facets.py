"""What is known of a function without executing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nika_keyword_function.facets import FunctionFacets

from nika_core.errors import Severity, TaskError, TemplateValueError
from nika_core.template.compiler import compile_template

CODE = '''
import sys
raise SystemExit("never executed")

def count(text: str, limit: int = 3, *, tags: list[str] | None = None) -> int:
    """Count words.

    And more.

    Args:
        text: what to count
            words of
        limit: at most
    """

async def _hidden(): ...

def position(x, /): ...

def everything(**kwargs): ...

class Tool:
    def run(self): ...
'''


@pytest.fixture
def check(make_payload: Any, problems: Any) -> Any:
    def check_(reference: str, **fields: Any) -> list[tuple[str, str, str | None]]:
        payload = make_payload(reference=reference, **fields)
        (payload.folder / "tools.py").write_text(CODE)
        FunctionFacets().check(payload, problems)
        return [(str(one.place), one.message, one.hint) for one in problems]

    return check_


@pytest.mark.parametrize(
    ("reference", "args"),
    [
        ("tools.py::count", {"text": "a"}),
        ("tools.py::count", {"text": "a", "limit": "4"}),
        ("tools.py::everything", {"anything": 1}),
        ("tools.py::Tool", {}),
        ("tools::count", {"text": "a"}),
        ("tools.py::sys.exit", {}),
        ("math::sqrt", {}),
        ("os.path::join", {}),
    ],
)
def test_what_fits_is_not_reported(check: Any, reference: str, args: Any) -> None:
    assert check(reference, args=args) == []


@pytest.mark.parametrize(
    ("reference", "args", "told"),
    [
        ("tools.py", {}, "has no '::'"),
        ("tools.py.txt/::f", {}, "neither a .py, .js, .mjs or .ts file nor a module"),
        ("notools.txt::f", {}, "no module 'notools.txt' here"),
        ("not.there::f", {}, "no module 'not.there' here"),
        ("tols.py::count", {}, "tols.py does not exist"),
        ("tools.py::cuont", {}, "tools.py has no function 'cuont'"),
        ("tools::cuont", {}, "tools has no function 'cuont'"),
        ("tools.py::count", {"txt": "a", "text": "b"}, "no parameter 'txt'"),
        ("tools.py::count", {"text": "a", "limit": "many"}, "'limit' of count is int"),
        ("tools.py::count", {"limit": 1}, "the argument 'text' of count is missing"),
        ("tools.py::position", {}, "can only be given by position"),
        ("tools.py::count", ["a"], "passed by name"),
    ],
)
def test_what_does_not_fit_is_reported(check: Any, reference: str, args: Any, told: str) -> None:
    found = check(reference, args=args)
    assert told in found[0][1]
    assert len(found) == 1 or args == ["a"]


def test_a_problem_names_its_place_and_the_nearest_name(check: Any) -> None:
    assert check("tools.py::count", args={"text": "a", "limits": 2}) == [
        ("args/limits:1:1", "count has no parameter 'limits'", "did you mean limit?")
    ]


async def test_a_function_is_a_tool_described_by_its_source(context: Any) -> None:
    (context.folder / "tools.py").write_text(CODE)
    (tool,) = await FunctionFacets().tools("tools.py::count", context)
    assert (tool.name, tool.spec.name, tool.spec.description) == (
        "function::tools.py::count",
        "tools_count",
        "Count words.",
    )
    assert tool.spec.parameters == {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "what to count words of"},
            "limit": {"type": "integer", "description": "at most"},
            "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    payload = tool.payload({"text": "a"})
    assert (payload["reference"], payload["args"]) == ("tools.py::count", {"text": "a"})
    assert FunctionFacets().call_fields(payload) == {"args": {"text": "a", "limit": None, "tags": None}}
    with pytest.raises(ValueError, match="no argument 'x'"):
        tool.payload({"text": "a", "x": 1})
    with pytest.raises(ValueError, match="needs the argument 'text'"):
        tool.payload({})


async def test_a_star_is_all_public_functions(context: Any) -> None:
    (context.folder / "tools.py").write_text(CODE)
    (context.folder / "tools.mjs").write_text("/** Adds. */\nexport async function add({ a, b = 1 }) {}")
    found = await FunctionFacets().tools("tools.py::*", context)
    assert [tool.spec.name for tool in found] == ["tools_count", "tools_position", "tools_everything"]
    (tool,) = await FunctionFacets().tools("tools.mjs::*", context)
    assert (tool.spec.name, tool.spec.description) == ("tools_add", "Adds.")
    assert tool.spec.parameters["required"] == ["a"]


async def test_a_tool_that_is_not_there_is_refused(context: Any) -> None:
    (context.folder / "tools.py").write_text(CODE)
    for reference in ("", "*", "nothere.py::f", "tools.py::nothere", "tools.py"):
        with pytest.raises(TaskError, match="there is no tool"):
            await FunctionFacets().tools(reference, context)


def test_a_value_that_decides_which_code_is_called_is_warned_of(make_payload: Any, problems: Any) -> None:
    FunctionFacets().check(make_payload(reference=compile_template("{{x}}::f")), problems)
    assert [(one.severity, one.code) for one in problems] == [(Severity.WARNING, "NIKA-052")]


def test_a_resumed_run_looks_at_the_authors_sources_and_at_nobody_elses(make_payload: Any, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "module.py").write_text("def f(): ...\n")
    sources = {
        "tools/text.py::count": (tmp_path / "tools/text.py",),
        "page.mjs::render": (tmp_path / "page.mjs",),
        "own.module::f": (tmp_path / "own/module.py",),
        "json.tool::main": (),
        "nothing": (),
    }
    assert {text: FunctionFacets().files(make_payload(reference=text)) for text in sources} == sources


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("nope.py::x", "nope.py does not exist"),
        ("nope.py::*", "nope.py does not exist"),
        ("tools.py::cuont", "tools.py has no function 'cuont'"),
        ("tools.py", "has no '::'"),
        ("", "it names no file"),
        ("*", "it names no file"),
        ("broken.py::x", "cannot be read"),
    ],
)
def test_a_tool_that_is_not_there_is_told_before_a_run(
    make_payload: Any, problems: Any, reference: str, told: str
) -> None:
    payload = make_payload()
    (payload.folder / "tools.py").write_text(CODE)
    (payload.folder / "broken.py").write_text("def x(:")
    FunctionFacets().check_tool(reference, payload, problems)
    (problem,) = problems
    assert told in problem.message
    assert problem.code == "NIKA-018"


@pytest.mark.parametrize(
    "reference", ["tools.py::count", "tools.py::*", "tools::count", "tools.mjs::any", "tools.js::*"]
)
def test_a_tool_that_is_there_is_not_told(make_payload: Any, problems: Any, reference: str) -> None:
    payload = make_payload()
    for name, text in (("tools.py", CODE), ("tools.mjs", "export const a = 1"), ("tools.js", "")):
        (payload.folder / name).write_text(text)
    FunctionFacets().check_tool(reference, payload, problems)
    assert problems == []


def test_a_value_does_not_lead_to_a_file_outside_of_the_folder() -> None:
    template: Any = compile_template("tools/{{x}}.py::run")
    assert FunctionFacets().render("reference", template, ["text"]) == "tools/text.py::run"
    for text, value in (("tools/{{x}}.py::run", "../evil"), ("{{x}}", "/tmp/evil.py::run"), ("{{x}}::run", "../e.py")):
        with pytest.raises(TemplateValueError, match="leads out of"):
            FunctionFacets().render("reference", compile_template(text), [value])
