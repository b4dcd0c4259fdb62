"""What an editor shows while a workflow or a project file is written: the YAML extension's own language server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import nika_core as nika

from .language_server import LanguageServer, language_server, needs_server

pytestmark = needs_server
KEYWORDS = "agent, ask, fail, function, http, llm, mcp, set, shell, subagent, workflow"
TASK = "tasks:\n  - id: a\n    "


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    folder = tmp_path_factory.mktemp("schemas")
    workflow, project = folder / "workflow.json", folder / "project.json"
    workflow.write_text(json.dumps(nika.schema(folder=folder)))
    project.write_text(json.dumps(nika.project_schema(folder=folder)))
    with language_server({workflow.as_uri(): ["*.nika.yaml"], project.as_uri(): ["nika.yaml"]}) as server:
        yield server


WORKFLOWS = {
    "a wrong key of the document": (
        f"nmae: x\n{TASK}shell: ls\n",
        [(1, 1, "Property nmae is not allowed.")],
    ),
    "a wrong key of a task": (
        f"{TASK}shell: ls\n    tiemout: 3s\n",
        [(4, 5, "Property tiemout is not allowed.")],
    ),
    "a wrong key of a payload that has a short form": (
        f"{TASK}shell: {{comand: ls}}\n",
        [(3, 13, "Property comand is not allowed.")],
    ),
    "a wrong key of retry": (
        f"{TASK}shell: ls\n    retry: {{maxx: 3}}\n",
        [(4, 13, "Property maxx is not allowed.")],
    ),
    "a wrong key of forEach": (
        f"{TASK}shell: ls\n    forEach: {{items: [a], kee: b}}\n",
        [(4, 27, "Property kee is not allowed.")],
    ),
    "a wrong key of a section that a plugin brings": (
        f"mcpServers: {{a: {{comand: x}}}}\n{TASK}shell: ls\n",
        [(1, 18, "Property comand is not allowed.")],
    ),
    "a missing keyword": (
        "tasks:\n  - id: a\n",
        [(2, 5, f"A task has exactly one keyword: {KEYWORDS}.")],
    ),
    "a misspelt keyword": (
        f"{TASK}shel: ls\n",
        [(2, 5, f"A task has exactly one keyword: {KEYWORDS}."), (3, 5, "Property shel is not allowed.")],
    ),
    "two keywords": (
        f"{TASK}http: https://example.com\n    shell: ls\n",
        [(4, 5, "The task has the keyword `http` already, and a task has exactly one.")],
    ),
    "a missing id": ("tasks:\n  - shell: ls\n", [(2, 5, 'Missing property "id".')]),
    "a missing field": (f"{TASK}http: {{method: GET}}\n", [(3, 5, 'Missing property "url".')]),
    "a missing text, which a file may bring": (
        f"{TASK}llm: {{maxTokens: 9}}\n",
        [(3, 5, "Missing property `prompt`, or `promptFile`.")],
    ),
    "a text that a file brings as well": (
        f"{TASK}llm: {{prompt: x, promptFile: x.md}}\n",
        [(3, 11, "`prompt` and `promptFile` are both given: keep one of them.")],
    ),
    "a payload of a wrong type": (
        f"{TASK}http: [x]\n",
        [(3, 11, "Expected `url` as text, or a mapping of the keyword's fields.")],
    ),
    "a duration": (
        f"{TASK}shell: ls\n    timeout: soon\n",
        [(4, 14, "Expected a duration such as `250ms`, `10s`, `5m`, `1h` or `7d`.")],
    ),
    "a count": (
        f"{TASK}shell: ls\n    retry: {{max: often}}\n",
        [(4, 18, "Expected a whole number of at least 1.")],
    ),
    "an id": (
        "tasks:\n  - id: a b\n    shell: ls\n",
        [(2, 9, "Expected letters, digits, `-` and `_`, and not a number, `true`, `false` or `null`.")],
    ),
    "a variable": (
        f"env: {{a-b: x}}\n{TASK}shell: ls\n",
        [(1, 7, "Expected the name of an environment variable: letters, digits and `_`, no digit first.")],
    ),
    "a word": (
        f"{TASK}shell: ls\n    onError: contine\n",
        [(4, 14, 'Value is not accepted. Valid values: "fail", "continue".')],
    ),
}
PROJECTS = {
    "a wrong key": ("providr: mock\n", [(1, 1, "Property providr is not allowed.")]),
    "a wrong key of a plugin": ("http: {alow: [a]}\n", [(1, 8, "Property alow is not allowed.")]),
    "a limit that there is not": ("limits: {maxTask: 3}\n", [(1, 10, "Property maxTask is not allowed.")]),
    "a price": (
        "prices: {m: {inputPerMillion: cheap}}\n",
        [(1, 31, "Expected a number of at least 0.")],
    ),
    "a list in place of a mapping": ("models: [a]\n", [(1, 9, "Expected a mapping, or nothing.")]),
    "nothing wrong": ("main: a.nika.yaml\nlimits: {maxTasks: 3}\nhttp: {allow: ['127.0.0.1:8000']}\n", []),
}
SUGGESTED = {
    "the installed providers": ("agent:\n  provider: |\n", {"claude", "mock", "ollama", "openai"}),
    "the keywords and keys of a task": (f"{TASK}|\n", {*KEYWORDS.split(", "), "timeout", "forEach"}),
    "the fields of a keyword with a short form": (f"{TASK}shell:\n      |\n", {"command", "argv", "env"}),
    "the words of a key that takes a mapping, too": (f"{TASK}shell: ls\n    onError: |\n", {"fail", "continue"}),
}


@pytest.mark.parametrize(("text", "shown"), WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_mistake_in_a_workflow_is_shown_where_it_is_with_what_is_wrong(
    editor: LanguageServer, text: str, shown: list[tuple[int, int, str]]
) -> None:
    assert editor.problems(text, "a.nika.yaml") == shown


@pytest.mark.parametrize(("text", "shown"), PROJECTS.values(), ids=PROJECTS)
def test_a_mistake_in_a_project_file_is_shown_where_it_is_with_what_is_wrong(
    editor: LanguageServer, text: str, shown: list[tuple[int, int, str]]
) -> None:
    assert editor.problems(text, "nika.yaml") == shown


@pytest.mark.parametrize(("text", "words"), SUGGESTED.values(), ids=SUGGESTED)
def test_an_editor_suggests(editor: LanguageServer, text: str, words: set[str]) -> None:
    assert words <= editor.suggestions(text, "a.nika.yaml")


def test_an_editor_suggests_the_installed_providers_and_limits_for_a_project(editor: LanguageServer) -> None:
    assert editor.suggestions("provider: |\n", "nika.yaml") >= {"claude", "mock", "ollama", "openai"}
    assert editor.suggestions("limits:\n  |\n", "nika.yaml") >= {"maxTasks", "maxCost", "shellTimeout"}
