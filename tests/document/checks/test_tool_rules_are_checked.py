"""Rules about tool calls: each mistake has its place and says what to write; a rule that can match nothing is one."""

from __future__ import annotations

import pytest

from nika_core.testing import validate_workflow

HEAD = "agent:\n  model: mock\n  provider: mock\n"
TASKS = "tasks:\n  - {id: a, agent: x}\n"


def problems(block: str, tasks: str = TASKS) -> list[tuple[str, int | None, str, str]]:
    found = validate_workflow(f"{HEAD}{block}{tasks}")
    return [(each.code, each.place and each.place.line, each.message, each.hint or "") for each in found]


@pytest.mark.parametrize("key", ["allowedTools", "disallowedTools", "askTools"])
@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        ("{argv: [git]}", "the rule names no tool", "{tool: shell"),
        ("{tool: shell, arvg: [git]}", "no field 'arvg'", "did you mean `argv`?"),
        ("{tool: shell, argv: git log}", "`argv` of a rule is a list of words", "[git, log, '*']"),
        ("{tool: shell, argv: []}", "`argv` of a rule is a list of words", "[git, log, '*']"),
        ("{tool: shell, argv: ['*']}", "`argv` names no program", "the tool's name alone"),
        ("{tool: shell, argv: [git, '*', x]}", "can only be the last one", "end the list"),
        ('{tool: shell, argv: ["g\\0it"]}', "has a NUL character", "[git, log, '*']"),
        ("{tool: http, host: 127.1}", "not a host as rules have it", "small letters"),
        ("{tool: http, host: API.example.com}", "not a host as rules have it", "small letters"),
        ("{tool: http, host: 'https://a.example/'}", "not a host as rules have it", "the name alone"),
        ("{tool: http, method: GTE}", "no request of a model has the method 'GTE'", "did you mean GET?"),
        ("{tool: http, method: get}", "no request of a model has the method 'get'", "did you mean GET?"),
        ("{tool: http, args: {path: x}}", "a rule about `http` has no field 'args'", "host, method"),
        ("{tool: 'mcp::s::*', args: {path: /etc/**}}", "it is absolute", "relative to the workflow's folder"),
        ("{tool: 'mcp::s::*', args: {path: docs/../x}}", "it has `..` in it", "relative"),
        ("{tool: 'mcp::s::*', args: docs}", "`args` of a rule is a mapping", '{path: "docs/**"}'),
        ("{tool: shel, argv: [git]}", "'shel'", "did you mean 'shell'?"),
    ],
)
def test_a_rule_that_can_match_nothing_is_an_error(key: str, rule: str, message: str, hint: str) -> None:
    block = f"  {key}:\n    - {rule}\n"
    if key != "allowedTools":
        block = f"  allowedTools: [shell, http, 'mcp::s']\n{block}"
    found = problems(block, f"mcpServers: {{s: {{command: x}}}}\n{TASKS}")
    assert any(message in each[2] and hint in each[3] for each in found), found
    line = 5 if key == "allowedTools" else 6
    assert any(each[1] == line for each in found if message in each[2])


def test_rules_that_can_match_are_no_problem() -> None:
    rules = (
        "[{tool: shell, argv: [git, log, '*']}, {tool: http, host: 'api.example.com:8443', method: GET}, "
        "{tool: 'mcp::s::*', args: {path: 'docs/**'}}]"
    )
    for key in ("disallowedTools", "askTools"):
        block = f"  allowedTools: [shell, http, 'mcp::s']\n  {key}: {rules}\n"
        assert problems(block, f"mcpServers: {{s: {{command: x}}}}\n{TASKS}") == []
    assert problems(f"  allowedTools: {rules}\n", f"mcpServers: {{s: {{command: x}}}}\n{TASKS}") == []


def test_to_ask_about_what_nothing_allows_is_an_error() -> None:
    (found,) = problems("  allowedTools: [http]\n  askTools: [shell]\n")
    assert (found[0], found[1]) == ("NIKA-018", 5)
    assert "'shell' in `askTools` can match nothing" in found[2]
    assert (
        problems(
            "  allowedTools: [http]\n  askTools: [shell]\n", "tasks: [{id: a, subagent: x, allowedTools: [shell]}]\n"
        )
        == []
    )
    (found,) = problems("  allowedTools: [http]\n", "tasks:\n  - {id: a, subagent: x, askTools: [shell]}\n")
    assert (found[1], "the task's" in found[2]) == (6, True)


@pytest.mark.parametrize(
    ("allowed", "asked", "is_possible"),
    [
        ("'mcp::s::read_*'", "'mcp::s::*_delete'", True),
        ("'mcp::s::read_*'", "'mcp::s::delete_*'", False),
        ("'mcp::s'", "'mcp::*::delete_*'", True),
        ("{tool: shell, argv: [git, '*']}", "{tool: shell, argv: [rm, '*']}", False),
        ("{tool: shell, argv: [git, '*']}", "{tool: shell, argv: [git, push, '*']}", True),
        ("{tool: shell, argv: [git, '*']}", "{tool: shell, argv: [/usr/bin/git, push, '*']}", True),
        ("{tool: shell, argv: [git, log]}", "{tool: shell, argv: [git, push, '*']}", False),
        ("{tool: shell, argv: [git]}", "{tool: shell, argv: [git, push, '*']}", False),
        ("{tool: shell, argv: [git, '*']}", "{tool: shell, argv: [git]}", True),
        ("{tool: shell, argv: [git, '*']}", "shell", True),
        ("{tool: http, host: a.example}", "{tool: http, host: b.example}", False),
        ("{tool: http, host: a.example}", "{tool: http, method: POST}", True),
        ("{tool: 'mcp::s::read', args: {path: docs/**}}", "{tool: 'mcp::s::read', args: {path: src/**}}", True),
    ],
)
def test_to_ask_about_calls_that_no_rule_allows_is_an_error(allowed: str, asked: str, is_possible: bool) -> None:
    tasks = f"mcpServers: {{s: {{command: x}}}}\n{TASKS}"
    found = problems(f"  allowedTools: [{allowed}]\n  askTools: [{asked}]\n", tasks)
    assert [(each[0], each[1]) for each in found] == ([] if is_possible else [("NIKA-018", 5)]), found


def test_to_ask_about_what_is_forbidden_is_an_error() -> None:
    forbids = "  allowedTools: [shell]\n  disallowedTools: [{tool: shell, argv: [git, '*']}]\n"
    (found,) = problems(f"{forbids}  askTools:\n    - {{tool: shell, argv: [git, push]}}\n")
    assert (found[0], found[1], "forbids it" in found[2]) == ("NIKA-018", 7, True)
    (found,) = problems(forbids, "tasks:\n  - {id: a, agent: x, askTools: [{tool: shell, argv: [git, push]}]}\n")
    assert (found[1], "forbids it" in found[2]) == (7, True)
    assert problems(f"{forbids}  askTools: [shell]\n") == []


@pytest.mark.parametrize("key", ["disallowedTools", "askTools"])
@pytest.mark.parametrize(
    "entry", ["mcp::s::delete_?", "mcp::s::[dr]elete", "mcp::?::delete", "mcp::?*::delete", "mcp::s::{a,b}"]
)
def test_only_a_star_stands_for_other_characters_of_a_name(key: str, entry: str) -> None:
    tasks = f"mcpServers: {{s: {{command: x}}}}\n{TASKS}"
    found = problems(f"  allowedTools: ['mcp::s']\n  {key}: ['{entry}']\n", tasks)
    assert ("NIKA-018", 5) in [each[:2] for each in found]


def test_everything_can_be_asked_about() -> None:
    for entry in ("'*'", "'*::*'", "shell", "'mcp::*::delete'"):
        tasks = f"mcpServers: {{s: {{command: x}}}}\n{TASKS}"
        assert problems(f"  allowedTools: [shell, 'mcp::s']\n  askTools: [{entry}]\n", tasks) == []


def test_a_tool_task_has_no_ask_tools() -> None:
    (found,) = problems("", "tasks:\n  - {id: a, shell: x, askTools: [shell]}\n")
    assert "has no `askTools`" in found[2]


@pytest.mark.parametrize(
    ("outer", "inner", "is_narrower"),
    [
        ("shell", "{tool: shell, argv: [git, log]}", True),
        ("{tool: shell, argv: [git, '*']}", "{tool: shell, argv: [git, log, '*']}", True),
        ("{tool: shell, argv: [git, '*']}", "{tool: shell, argv: [git, log]}", True),
        ("{tool: shell, argv: [git, log]}", "{tool: shell, argv: [git, log, '*']}", False),
        ("{tool: shell, argv: [git, log, '*']}", "{tool: shell, argv: [git, '*']}", False),
        ("{tool: shell, argv: [git, log]}", "shell", False),
        ("{tool: http, host: a.example}", "{tool: http, host: a.example, method: GET}", True),
        ("{tool: http, host: a.example, method: GET}", "{tool: http, host: a.example}", False),
        ("{tool: 'mcp::s::*', args: {path: docs/**}}", "{tool: 'mcp::s::read', args: {path: docs/a/*}}", True),
        ("{tool: 'mcp::s::read', args: {path: docs/**}}", "{tool: 'mcp::s::*', args: {path: docs/**}}", False),
        ("{tool: 'mcp::s::*', args: {path: docs/*}}", "{tool: 'mcp::s::*', args: {path: docs/**}}", False),
    ],
)
def test_a_task_may_only_narrow_the_rules_of_the_block(outer: str, inner: str, is_narrower: bool) -> None:
    tasks = f"mcpServers: {{s: {{command: x}}}}\ntasks:\n  - id: a\n    agent: x\n    allowedTools:\n      - {inner}\n"
    found = problems(f"  allowedTools: [{outer}]\n", tasks)
    assert [each[0] for each in found] == ([] if is_narrower else ["NIKA-015"]), found


def test_a_cleanup_cannot_wait_for_an_approval() -> None:
    block = "  allowedTools: [shell, http]\n  askTools: [shell]\n"
    tasks = "tasks:\n  - {id: a, set: {x: 1}}\n  - id: b\n    agent: x\n    always: true\n"
    (found,) = problems(block, tasks)
    assert (found[1], "cannot wait for a person" in found[2]) == (10, True)
    assert problems(block, f"{tasks}    allowedTools: [http]\n") == []
