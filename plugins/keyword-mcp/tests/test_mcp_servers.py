"""Where servers are declared, and how their variables are put in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import strictyaml
from nika_keyword_mcp.plugin import MCP
from nika_keyword_mcp.servers import Server, ServersError, declared, filled, find, secret_names

from nika_core import codes
from nika_core.errors import Category, TaskError


def write(folder: Path, content: Any) -> None:
    Path(folder, ".mcp.json").write_text(content if isinstance(content, str) else json.dumps(content))


def fault_of(folder: Path) -> ServersError:
    fault = declared({}, folder).fault
    assert fault is not None
    return fault


def test_without_section_and_file_there_is_none(tmp_path: Path) -> None:
    assert declared(None, tmp_path).servers == {}
    assert declared({}, tmp_path / "not-there").servers == {}


def test_the_workflows_own_server_wins_over_the_files(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {"a": {"command": "filed", "timeout": 5}, "b": {"type": "http", "url": "http://b"}}})
    found = declared({"a": {"command": "own", "args": ["x"]}}, tmp_path).servers
    assert found["a"].command == "own"
    assert (found["b"].url, found["b"].origin) == ("http://b", ".mcp.json")


def test_a_disabled_server_of_the_file_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {"a": {"command": "x", "disabled": True}}})
    assert declared({}, tmp_path).servers == {}


def test_a_change_of_the_file_is_seen(tmp_path: Path) -> None:
    write(tmp_path, {"mcpServers": {}})
    assert declared({}, tmp_path).servers == {}
    write(tmp_path, {"mcpServers": {"a": {"command": "x"}}})
    assert set(declared({}, tmp_path).servers) == {"a"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ('{\n  "mcpServers": {,}\n}', "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ([], "no object mcpServers"),
        ({"servers": {}}, "no object mcpServers"),
        ({"mcpServers": []}, "no object mcpServers"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(tmp_path: Path, content: Any, said: str) -> None:
    write(tmp_path, content)
    fault = fault_of(tmp_path)
    assert said in fault.message
    assert fault.place.path.endswith(".mcp.json")
    with pytest.raises(TaskError, match=said):
        find("a", {}, tmp_path)


@pytest.mark.parametrize("content", ["", {"servers": {}}, {"mcpServers": []}])
def test_a_file_that_cannot_be_used_harms_no_server_of_the_workflow(tmp_path: Path, content: Any) -> None:
    write(tmp_path, content)
    assert find("a", {"a": {"command": "own"}}, tmp_path).command == "own"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("uvx", "is not an object"),
        (None, "is not an object"),
        ({}, "needs command"),
        ({"serverUrl": "http://h"}, "serverUrl is not known"),
        ({"command": "x", "url": "y"}, "one of them"),
        ({"command": ["x"]}, "a command that is not text"),
        ({"command": "x", "args": "y"}, "args"),
        ({"command": "x", "env": {"A": 1}}, "env"),
    ],
)
def test_one_entry_that_cannot_be_read_harms_only_who_uses_it(tmp_path: Path, entry: Any, said: str) -> None:
    write(tmp_path, {"mcpServers": {"a": entry, "b": {"command": "x"}}})
    assert find("b", {}, tmp_path).command == "x"
    assert declared({}, tmp_path).usable() == ["b"]
    with pytest.raises(TaskError, match=said):
        find("a", {}, tmp_path)


def test_bad_json_is_said_with_line_and_column(tmp_path: Path) -> None:
    write(tmp_path, '{\n  "mcpServers": {,}\n}')
    place = fault_of(tmp_path).place
    assert (place.line, place.column) == (2, 18)


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    Path(tmp_path, ".mcp.json").write_bytes(b'{"mcpServers": {"\xff\xfe": {}}}')
    assert "is not UTF-8" in fault_of(tmp_path).message


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${secret.a}", "1 ${B}"),
        ("x${ secret.a }y${B}z", "x1 ${B}y2z"),
        ("\\${secret.a}", "${secret.a}"),
        ("${secret.a.b}", "${secret.a.b}"),
        ("${NOT:-${secret.a}}", "${NOT:-1 ${B}}"),
    ],
)
def test_secrets_are_put_in_once_and_only_what_is_put_in_is_fetched(text: str, value: str) -> None:
    server = Server("s", text, (text,), {"E": text}, "", text, {"H": text})
    assert secret_names(server) == (("a",) if "1 ${B}" in value else ())
    made = filled(server, {"B": "2"}, {"a": "1 ${B}"})
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
        ({"url": "y"}, "not a URL such as"),
        ({"url": "ftp://y/"}, "not a URL such as"),
        ({"url": "http://"}, "not a URL such as"),
        ({"url": "http://[::1/"}, "not a URL such as"),
        ({"url": "http://me:secret@y:99999/"}, r"the url 'http://\*\*\*@y:99999/', which is not a URL"),
        ({"command": "x", "args": ["${input.topic}"]}, r"holds \$\{input.topic\}: .* only variables and secrets"),
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
