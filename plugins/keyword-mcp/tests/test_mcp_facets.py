"""What the kernel may ask about an mcp task, and servers' tools as an agent's tools."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_keyword_mcp.facets import McpFacets, fit_name
from nika_keyword_mcp.plugin import MCP
from nika_keyword_mcp.step import McpStep

from nika_core import codes
from nika_core.errors import Place, TaskError
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.plugin import Effect
from nika_core.plugin.fields import field_docs
from nika_core.testing import FakePayload, FakeReport


def checked(payload: FakePayload) -> list[tuple[str, str, Place, str | None]]:
    found = FakeReport()
    McpFacets().check(payload, found)
    return [(one.code, one.message, one.place, one.hint) for one in found if one.place is not None]


SECTIONS = {
    "mcpServers": {
        "files": {"command": "uvx", "args": ["server", "."]},
        "far": {"url": "http://h/mcp?key=1"},
        "void": {},
    }
}
WHOLE = Template("{{x}}", (Placeholder("task", ("x",), MISSING, 0, 5, "{{x}}"),))


def test_a_good_task_has_no_problem(tmp_path: Path) -> None:
    for fields in ({"reference": "files::read", "args": {"a": 1}}, {"reference": WHOLE, "args": WHOLE}):
        assert checked(FakePayload(fields, tmp_path, SECTIONS)) == []


@pytest.mark.parametrize(
    ("fields", "where", "said"),
    [
        ({"reference": "files"}, "reference", "not a reference to a tool"),
        ({"reference": "fils::read"}, "reference", "no MCP server 'fils'"),
        ({"reference": "void::read"}, "reference", "needs command"),
        ({"reference": "files::read", "args": [1]}, "args", "names and values"),
    ],
)
def test_each_mistake_is_reported_where_it_stands(tmp_path: Path, fields: Any, where: str, said: str) -> None:
    [(_, message, place, _)] = checked(FakePayload(fields, tmp_path, SECTIONS))
    assert said in message
    assert place.path == where


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("nosuch::*", [(codes.UNKNOWN_TOOL, "no MCP server 'nosuch' is declared")]),
        ("nosuch", [(codes.UNKNOWN_TOOL, "no MCP server 'nosuch' is declared")]),
        ("*::read", [(codes.UNKNOWN_TOOL, "no MCP server '*' is declared")]),
        ("void::read", [(codes.BAD_CONFIGURATION, "the MCP server 'void' (mcpServers of the workflow) needs command")]),
        ("*", [(codes.BAD_CONFIGURATION, "the MCP server 'void' (mcpServers of the workflow) needs command")]),
        ("files::read", []),
        ("files::*", []),
        ("files", []),
    ],
)
def test_a_tool_of_a_server_that_cannot_be_used_is_told_before_a_run(
    tmp_path: Path, reference: str, told: list[tuple[str, str]]
) -> None:
    found = FakeReport()
    McpFacets().check_tool(reference, FakePayload({}, tmp_path, SECTIONS), found)
    assert [one.code for one in found] == [code for code, _ in told]
    assert all(one.message.startswith(start) for one, (_, start) in zip(found, told, strict=True))


def test_an_unknown_server_names_the_nearest_or_all(tmp_path: Path) -> None:
    [(*_, hint)] = checked(FakePayload({"reference": "fils::read"}, tmp_path, SECTIONS))
    assert "did you mean 'files'?" in (hint or "")
    [(*_, hint)] = checked(FakePayload({"reference": "zzz::read"}, tmp_path, SECTIONS))
    assert "known are: files, far, void" in (hint or "")
    [(*_, hint)] = checked(FakePayload({"reference": "zzz::read"}, tmp_path))
    assert "there is none" in (hint or "")


def test_a_bad_file_is_reported_in_the_file(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text("{\n oh")
    [(code, _, place, _)] = checked(FakePayload({"reference": "a::b"}, tmp_path))
    assert code == codes.BAD_CONFIGURATION
    assert (place.path, place.line) == (str(tmp_path / ".mcp.json"), 2)


def test_the_server_is_the_effect(tmp_path: Path) -> None:
    for reference, target in (
        ("files::read", "files (uvx server .)"),
        ("far::read", "far (http://h/mcp)"),
        ("no::read", "no"),
        (WHOLE, "{{x}}"),
    ):
        payload = FakePayload({"reference": reference}, tmp_path, SECTIONS)
        assert McpFacets().effects(payload) == (Effect("server", target),)


def test_the_servers_of_both_places_are_the_keywords_section(tmp_path: Path) -> None:
    def sections(declared: Any = SECTIONS) -> Any:
        return McpFacets().sections(FakePayload({}, tmp_path, declared))

    assert sections({}) == {}
    alone = sections()
    assert list(alone["mcpServers"]) == ["files", "far", "void"]
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"more": {"command": "x"}, "far": {"command": "y"}}}')
    both = sections()
    assert both["mcpServers"].pop("more")["command"] == "x"
    assert both == alone  # the workflow's own entry wins
    (tmp_path / ".mcp.json").write_text("{")
    assert sections() == alone


def test_where_a_server_is_declared_is_not_part_of_what_it_is(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    entry = {"command": "x", "args": ["a"], "env": {"A": "b"}}
    (there / ".mcp.json").write_text(json.dumps({"mcpServers": {"s": entry}}))

    own = McpFacets().sections(FakePayload({}, here, {"mcpServers": {"s": entry}}))
    assert own == McpFacets().sections(FakePayload({}, there))


def test_a_mock_calls_nothing() -> None:
    assert McpFacets().mock({"reference": "no::such"}) == "mock"


async def test_tools_are_one_of_a_server_all_of_a_server_or_all(small: Any) -> None:
    facets = McpFacets()
    [add] = await facets.tools("small::add", small)
    assert (add.name, add.keyword, add.spec.name) == ("mcp::small::add", "mcp", "small__add")
    assert add.spec.description == "Add two numbers."
    assert add.spec.parameters["required"] == ["a"]
    assert {tool.name for tool in await facets.tools("small::a*", small)} == {
        tool.name for tool in await facets.tools("small", small) if tool.name.startswith("mcp::small::a")
    }
    assert not await facets.tools("small::no_such_*", small)
    everything = await facets.tools("*", small)
    assert everything == await facets.tools("small::*", small) or len(everything) == len(
        await facets.tools("small", small)
    )
    shown = [tool.spec.name for tool in everything]
    assert len(set(shown)) == len(shown)
    assert all(len(name) <= 64 and set(name) <= set(ALLOWED) for name in shown)


ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


async def test_a_tools_payload_runs_as_a_task_does(small: Any) -> None:
    [add] = await McpFacets().tools("small::add", small)
    payload = add.payload({"a": "2", "b": 3})
    assert payload == {"reference": "small::add", "args": {"a": 2, "b": 3}}
    assert await McpStep().run(payload, small) == {"result": 5}
    assert McpFacets().call_fields(payload) == {"args": {"a": 2, "b": 3}}
    with pytest.raises(ValueError, match=r"args\.a: 'x' is not of type 'integer'"):
        add.payload({"a": "x"})


@pytest.mark.parametrize(("reference", "said"), [("no::add", "no MCP server 'no'"), ("small::ad", "no tool 'ad'")])
async def test_what_is_not_there_is_said(small: Any, reference: str, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        await McpFacets().tools(reference, small)


@given(st.lists(st.tuples(st.text("a_-é::", min_size=1), st.text(max_size=100)), unique=True))
def test_names_fit_models_and_are_different(references: list[tuple[str, str]]) -> None:
    references = [(server, tool) for server, tool in references if "::" not in server]
    fit = [fit_name(server, tool) for server, tool in references]
    assert len(set(fit)) == len(references)
    assert all(0 < len(name) <= 64 and set(name) <= set(ALLOWED) for name in fit)


def test_a_name_that_fits_stays_as_it_is() -> None:
    assert fit_name("files", "read_file") == "files__read_file"
    assert fit_name("a", "b__c") == "a__b__c"
    assert fit_name("a__b", "c") != "a__b__c"


def test_every_field_is_documented() -> None:
    assert set(field_docs(MCP.payload)) == {"reference", "args"}


def test_neither_plugin_nor_facets_import_the_sdk() -> None:
    code = "import sys, nika_keyword_mcp.plugin, nika_keyword_mcp.facets, nika_keyword_mcp.step; "
    code += "print([m for m in ('mcp', 'anyio', 'pydantic', 'jsonschema', 'httpx2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
