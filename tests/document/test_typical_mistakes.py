"""Mistakes that people make, each of which can be fixed from the message alone: what is wrong, where, and the fix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core import codes
from nika_core.document import load_workflow
from nika_core.document.reading import workflow_schema
from nika_core.model.limits import Limits

TASKS = "tasks:\n- id: a\n  shell: date\n"

MISTAKES = [
    # text, line, column, code, a part of the message, a part of the hint
    ("tasks:\n- id: a\n  shel: date\n", 3, 3, codes.UNKNOWN_KEYWORD, "`shel`", "did you mean `shell`?"),
    ("tasks:\n- id: a\n  mail: hi\n", 3, 3, codes.UNKNOWN_KEYWORD, "`mail`", "install `nika-mail`"),
    ("tasks:\n- id: a\n  timeout: 3\n", 2, 3, codes.NO_KEYWORD, "keyword", "shell"),
    ("tasks:\n- id: a\n  shell: x\n  http: y\n", 4, 3, codes.SEVERAL_KEYWORDS, "`shell` and `http`", "split"),
    ("tasks:\n- shell: date\n", 2, 3, codes.BAD_TASK_ID, "`id`", "add `id"),
    ("tasks:\n- id: a b\n  shell: date\n", 2, 7, codes.BAD_TASK_ID, "letters", "fetch-items"),
    ("tasks:\n- id: -a\n  shell: date\n", 2, 7, codes.BAD_TASK_ID, "start", "letters"),
    ("tasks:\n- {id: '', shell: date}\n", 2, 8, codes.BAD_TASK_ID, "empty", "letters"),
    (f"tasks:\n- {{id: {'a' * 101}, shell: date}}\n", 2, 8, codes.BAD_TASK_ID, "100", "shorten"),
    ("tasks:\n- id: [a]\n  shell: date\n", 2, 7, codes.BAD_VALUE, "an id", ""),
    (TASKS + "- id: a\n  shell: x\n", 4, 7, codes.DUPLICATE_TASK_ID, "(line 2)", "its own"),
    (TASKS + "  timeout: 10 s\n", 4, 12, codes.BAD_VALUE, "a duration", "timeout: 30s"),
    (TASKS + "  timeout: 0\n", 4, 12, codes.BAD_VALUE, "more than no time", "timeout"),
    (TASKS + "  retry: 3\n", 4, 10, codes.BAD_VALUE, "a mapping", "{max: 3"),
    (TASKS + "  retry: {max: 0}\n", 4, 16, codes.BAD_VALUE, "at least 1", ""),
    (TASKS + "  retries: {max: 1}\n", 4, 3, codes.UNKNOWN_KEY, "`retries`", "did you mean `retry`?"),
    (TASKS + "  onError: ignore\n", 4, 12, codes.BAD_VALUE, "`fail`, `continue`", ""),
    (TASKS + "  output: json\n", 4, 11, codes.BAD_VALUE, "a mapping", "{format: json}"),
    (TASKS + "  output: {schema: {type: object}}\n", 4, 12, codes.BAD_VALUE, "format: json", "add"),
    (TASKS + "  needs: [b]\n", 4, 3, codes.UNKNOWN_KEY, "`needs`", "{{other}}"),
    (TASKS + "  if: '{{b}} == 1'\n", 4, 3, codes.UNKNOWN_KEY, "`if`", "`when`"),
    (TASKS + "  env: {A: b}\n", 4, 3, codes.UNKNOWN_KEY, "under `shell:`", "`shell: {command: ..., env: ...}`"),
    (TASKS + "  captur: both\n", 4, 3, codes.UNKNOWN_KEY, "`captur`", "`capture`? It belongs under `shell:`"),
    (TASKS + "  command: x\n", 4, 3, codes.UNKNOWN_KEY, "belongs under `shell:`", "`shell: {command: ...}`"),
    ("tasks:\n- id: a\n  shell: {command: x, captur: both}\n", 3, 23, codes.BAD_PAYLOAD, "`captur`", "`capture`"),
    ("tasks:\n- id: a\n  shell: {command: x, timeout: 3s}\n", 3, 23, codes.BAD_PAYLOAD, "`timeout`", "beside `shell`"),
    ("tasks:\n- id: a\n  shell: {command: x, capture: all}\n", 3, 32, codes.BAD_PAYLOAD, "one of", ""),
    ("tasks:\n- id: a\n  shell: {command: [x]}\n", 3, 20, codes.BAD_PAYLOAD, "a text, found a list", ""),
    ("tasks:\n- id: a\n  shell: {argv: ls -l}\n", 3, 17, codes.BAD_PAYLOAD, "a list", "`[ls -l]`"),
    ("tasks:\n- id: a\n  http: {method: GET}\n", 3, 9, codes.BAD_PAYLOAD, "`url` is missing", ""),
    ("tasks:\n- id: a\n  http: [x]\n", 3, 9, codes.BAD_PAYLOAD, "a text as `url`", "method"),
    ("tasks:\n  a:\n    shell: date\n", 2, 3, codes.BAD_VALUE, "a list of tasks", "- id"),
    ("tasks: []\n", 1, 8, codes.BAD_VALUE, "at least one task", ""),
    ("tasks:\n- a\n", 2, 3, codes.BAD_VALUE, "a task", "- id"),
    ("name: x\n", 1, 1, codes.BAD_VALUE, "`tasks` is missing", "tasks:"),
    ("steps:\n- {id: a, shell: x}\n", 1, 1, codes.UNKNOWN_KEY, "`steps`", "did you mean `tasks`?"),
    ("shell: x\n" + TASKS, 1, 1, codes.UNKNOWN_KEY, "`shell`", "under `tasks:`"),
    ("agent: claude\n" + TASKS, 1, 8, codes.BAD_VALUE, "a mapping", "{model: ...}"),
    ("agent: {}\n" + TASKS, 1, 1, codes.MISSING_MODEL, "no model", "model"),
    ("agent: {modle: m}\n" + TASKS, 1, 9, codes.UNKNOWN_KEY, "`modle`", "`model`"),
    ("agent: {model: m, max_turns: 3}\n" + TASKS, 1, 19, codes.UNKNOWN_KEY, "`max_turns`", "`maxTurns`"),
    ("agent: {model: m, temperature: 3}\n" + TASKS, 1, 32, codes.BAD_VALUE, "at most 2", ""),
    ("agent: {model: m, systemPrompt: '{{'}\n" + TASKS, 1, 34, codes.TEMPLATE_SYNTAX, "{{", "\\{{"),
    ("tasks:\n- id: a\n  agent: hi\n", 3, 3, codes.MISSING_MODEL, "`agent`", "agent: {model"),
    ("inputs: [topic]\n" + TASKS, 1, 9, codes.BAD_VALUE, "a mapping", "inputs: {name"),
    ("inputs: {n: int}\n" + TASKS, 1, 13, codes.BAD_VALUE, "a mapping", "{type: string"),
    (TASKS + "flows: [a -> b]\n", 4, 9, codes.BAD_VALUE, "a mapping", "{source: a, target: b}"),
    (TASKS + "flows: a\n", 4, 8, codes.BAD_VALUE, "a list of flows", "source: a"),
    (TASKS + "flows: [{from: a, target: a}]\n", 4, 10, codes.UNKNOWN_KEY, "`from`", "did you mean `source`?"),
    (TASKS + "flows:\n- {source: a, target: a, condition: 'x =='}\n", 5, 38, codes.BAD_CONDITION, "", ""),
    ("tasks:\n- id: a\n  shell: echo a: b\n", 3, 16, codes.YAML_SYNTAX, "`: `", "quotes"),
    ("tasks:\n- id: a\n   shell: x\n", 3, 9, codes.YAML_SYNTAX, "`: `", ""),
    ("tasks:\n- id: a\n\tshell: x\n", 3, 1, codes.YAML_SYNTAX, "tab", "spaces"),
    ("tasks:\n- id: a\n  shell: 'it's'\n", 3, 14, codes.YAML_SYNTAX, "after the end", "''"),
    ('tasks:\n- id: a\n  shell: "x\n', 3, 10, codes.YAML_SYNTAX, "not closed", "close"),
    ("tasks:\n- id: a\n  shell: |\n  echo\n- {id: b, shell: x}\n", 4, 3, codes.YAML_SYNTAX, "missing", "indented"),
    ("tasks:\n- id: a\n  shell: @home\n", 3, 10, codes.YAML_SYNTAX, "cannot start with `@`", "quotes"),
    ('tasks:\n- id: a\n  shell: "a\\path"\n', 3, 12, codes.YAML_SYNTAX, "escape", "single quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "code", "message", "hint"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_how_to_fix_it(
    load: Callable[..., Any], text: str, line: int, column: int, code: str, message: str, hint: str
) -> None:
    errors = [problem for problem in load(text).problems if problem.severity == "error" and problem.code != "NIKA-022"]
    assert [(problem.code, problem.place.line, problem.place.column) for problem in errors] == [(code, line, column)]
    assert message in errors[0].message
    assert hint in (errors[0].hint or "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tasks:\n- id: a\n  shell: x\n  config: {timeout: 3}\nagent: {model: m}\nflows: []\n", 4),
        ("agent: {model: m}\ntasks:\n- id: a\n  agent: hi\n  systemPrompt: be brief\nflows: []\n", 5),
        (
            "tasks:\n- id: a\n  http: x\n  method: POST\n  headers: {A: b}\nagent: {model: m}\nflows: []\n",
            4,
        ),
    ],
)
def test_a_document_of_an_earlier_version_is_recognized_at_once(load: Callable[..., Any], text: str, line: int) -> None:
    (problem,) = load(text).problems
    assert (problem.code, problem.place.line) == (codes.V4_DOCUMENT, line)
    assert "nika migrate" in problem.hint


def test_a_document_of_another_line_is_recognized_at_once(load: Callable[..., Any]) -> None:
    (problem,) = load("nika: v1\ntasks: []\n").problems
    assert (problem.code, problem.place.line, problem.place.column) == (codes.V4_DOCUMENT, 1, 1)


def test_a_payloads_field_beside_a_nested_payload_is_no_v4_but_misplaced(load: Callable[..., Any]) -> None:
    (problem,) = load("tasks:\n- id: a\n  http: {url: https://x.example}\n  method: POST\n").problems
    assert problem.code == codes.UNKNOWN_KEY
    assert "`http: {url: ..., method: ...}`" in problem.hint


def test_sections_of_plugins_are_checked_by_them(load: Callable[..., Any]) -> None:
    loaded = load("mcpServers:\n  files: {command: uvx, args: [a, 3]}\n" + TASKS)
    assert loaded.workflow.sections == {"mcpServers": {"files": {"command": "uvx", "args": ["a", "3"]}}}
    (problem,) = load("mcpServers:\n  files: {comand: uvx}\n" + TASKS).problems
    assert (problem.place.line, problem.place.column, problem.hint) == (2, 11, "did you mean `command`?")


def test_plugins_are_not_loaded_for_their_sections_unless_a_key_is_unknown(
    load: Callable[..., Any], catalog: Any
) -> None:
    class Fails(type(catalog)):  # type: ignore[misc]  # a fixture's own class
        def sections(self) -> Any:
            raise AssertionError

        section = sections

    loaded = load_workflow(Path("w"), Fails(*catalog.known.values()), Limits(), text=TASKS.encode())
    assert loaded.workflow is not None


def test_a_broken_task_stays_known_to_the_others(load: Callable[..., Any]) -> None:
    loaded = load(
        "tasks:\n- {id: a, shell: x, nix: 1}\n- {id: b, shell: 'echo {{a}} {{c}}'}\nflows:\n- {source: a, target: b}\n"
    )
    assert [problem.code for problem in loaded.problems] == [codes.UNKNOWN_KEY, codes.UNKNOWN_REFERENCE]


def test_the_known_root_keys_are_named_in_the_order_of_the_language(load: Callable[..., Any]) -> None:
    (problem,) = load("tasks: [{id: a, shell: date}]\nqqqqqq: 1\n").problems
    known = problem.hint.removeprefix("known here: ").split(", ")
    assert known[: len(workflow_schema.ROOT)] == list(
        workflow_schema.ROOT
    )  # not of a set: that changes with each start
