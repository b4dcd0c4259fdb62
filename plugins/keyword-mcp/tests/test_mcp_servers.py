"""Where servers are declared, and how their variables are put in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import strictyaml
from nika_keyword_mcp.plugin import MCP
from nika_keyword_mcp.servers import Server, ServersError, declared, filled, find

from nika_core import codes
from nika_core.errors import Category, TaskError


def write(folder: Path, content: Any) -> None:
    Path(folder, ".mcp.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_without_section_and_file_there_is_none(tmp_path: Path) -> None:
    assert declared(None, tmp_path) == {}
    assert declared({}, tmp_path / "not-there") == {}


def test_the_workflows_own_server_wins_over_the_files(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {"a": {"command": "filed", "timeout": 5}, "b": {"type": "http", "url": "http://b"}}})
    found = declared({"a": {"command": "own", "args": ["x"]}}, tmp_path)
    assert found["a"].command == "own"
    assert (found["b"].url, found["b"].origin) == ("http://b", ".mcp.json")


def test_a_disabled_server_of_the_file_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {"a": {"command": "x", "disabled": True}}})
    assert declared({}, tmp_path) == {}


def test_a_change_of_the_file_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {}})
    assert declared({}, tmp_path) == {}
    write(tmp_path, {"mcpServers": {"a": {"command": "x"}}})
    assert set(declared({}, tmp_path)) == {"a"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ('{\n  "mcpServers": {,}\n}', "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ([], "no object mcpServers"),
        ({"servers": {}}, "no object mcpServers"),
        ({"mcpServers": []}, "no object mcpServers"),
        ({"mcpServers": {"a": "uvx"}}, "'a' is not an object"),
        ({"mcpServers": {"a": {}}}, "needs command"),
        ({"mcpServers": {"a": {"command": "x", "url": "y"}}}, "one of them"),
        ({"mcpServers": {"a": {"command": ["x"]}}}, "a command that is not text"),
        ({"mcpServers": {"a": {"command": "x", "args": "y"}}}, "args"),
        ({"mcpServers": {"a": {"command": "x", "env": {"A": 1}}}}, "env"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, content: Any, said: str) -> None:
    write(tmp_path, content)
    with pytest.raises(ServersError) as caught:
        declared({}, tmp_path)
    assert said in caught.value.message
    assert caught.value.place.path.endswith(".mcp.json")


def test_bad_json_is_said_with_line_and_column(tmp_path: Path) -> None:
    write(tmp_path, '{\n  "mcpServers": {,}\n}')
    with pytest.raises(ServersError) as caught:
        declared({}, tmp_path)
    assert (caught.value.place.line, caught.value.place.column) == (2, 18)


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    Path(tmp_path, ".mcp.json").write_bytes(b'{"mcpServers": {"\xff\xfe": {}}}')
    with pytest.raises(ServersError, match="is not UTF-8"):
        declared({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env.A}", "1"),
        ("${env:A}", "1"),
        ("${A}", "1"),
        ("x${A}y${B}z", "x1y2 ${A}z"),
        ("${NOT:-other}", "other"),
        ("${NOT:-}", ""),
        ("${A:-other}", "1"),
        ("${ env.A }", "1"),
        ('${env.NOT ?? "x\\"y"}', 'x"y'),
        ('${env.A ?? ""}', "1"),
        ("\\${A}", "${A}"),
        ("$A ${} ${1} ${A", "$A ${} ${1} ${A"),
        ("{{task}}", "{{task}}"),
    ],
)
def test_variables_are_put_in_once(text: str, value: str) -> None:
    environ = {"A": "1", "B": "2 ${A}"}
    server = Server("s", text, (text,), {"E": text}, "", text, {"H": text})
    made = filled(server, environ)
    assert {made.command, *made.args, *made.env.values(), made.url, *made.headers.values()} == {value}


def test_a_variable_that_is_not_set_is_named_with_its_place() -> None:
    with pytest.raises(
        TaskError, match=r"'s' .* needs the environment variable NOT in headers\.Authorization"
    ) as caught:
        filled(Server("s", url="http://h", headers={"Authorization": "Bearer ${NOT}"}), {})
    assert (caught.value.category, caught.value.code) == (Category.CONFIG, codes.ENV_NOT_SET)


def test_the_section_takes_commands_and_urls() -> None:
    text = "a:\n  command: uvx\n  args:\n  - x\n  env:\n    A: b\nb:\n  url: http://h\n"
    assert set(strictyaml.load(text, MCP.sections["mcpServers"].strict()).data) == {"a", "b"}


def test_the_section_refuses_unknown_keys() -> None:
    with pytest.raises(strictyaml.YAMLValidationError, match="commnd"):
        strictyaml.load("a:\n  commnd: x\n", MCP.sections["mcpServers"].strict())


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "needs command"),
        ({"args": ["x"]}, "needs command"),
        ({"command": "x", "url": "http://y"}, "one of them"),
        ({"url": "y"}, "not an http:// or https:// URL"),
        ({"command": "x", "args": ["${input.topic}"]}, r"holds \$\{input.topic\}: .* environment variables only"),
        ({"command": "x", "env": {"A": "{{fetch.token}}"}}, "holds {{fetch.token}}"),
    ],
)
def test_a_server_without_a_way_to_reach_it_is_said(tmp_path: Path, entry: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said) as caught:
        find("a", {"a": entry}, tmp_path)
    assert caught.value.category is Category.CONFIG


def test_a_server_that_only_other_clients_can_speak_to_harms_only_who_uses_it(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {"a": {"command": "x"}, "old": {"type": "sse", "url": "http://h/sse"}}})
    assert find("a", {}, tmp_path).command == "x"
    with pytest.raises(TaskError, match="has the type 'sse': only stdio and http") as caught:
        find("old", {}, tmp_path)
    assert caught.value.category is Category.CONFIG


def test_the_file_of_other_clients_may_hold_any_text(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {"a": {"command": "x", "args": ["{{.State}}", "{{name}}", "$x"]}}})
    assert filled(find("a", {}, tmp_path), {}).args == ("{{.State}}", "{{name}}", "$x")
