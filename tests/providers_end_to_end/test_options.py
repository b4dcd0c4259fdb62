"""`options:` beside a model, and a provider's settings in the project file."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import KEY, Nika, Write

FLOW = """\
agent:
  model: gpt-4o
  {options}
tasks:
  - id: a
    llm:
      prompt: hi
      {own}
"""


@pytest.fixture(autouse=True)
def server(llmock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPENAI_BASE_URL", llmock.base_url("openai"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return llmock


def flow(options: str = "maxTurns: 5", own: str = "maxTokens: 50") -> str:
    return FLOW.format(options=options, own=own)


def apis(server: Any) -> list[str]:
    return [each.path.rpartition("/v1/")[2] for each in server.requests if each.body]


@pytest.mark.parametrize(
    ("options", "own", "settings", "api"),
    [
        ("maxTurns: 5", "maxTokens: 50", "", "chat/completions"),
        ("options: {api: responses}", "maxTokens: 50", "", "responses"),
        ("options: {api: responses}", "options: {api: chat}", "", "chat/completions"),
        ("maxTurns: 5", "options: {api: '${input.api}'}", "", "responses"),
        ("maxTurns: 5", "maxTokens: 50", "openai: {api: responses}\n", "responses"),
        ("options: {api: chat}", "maxTokens: 50", "openai: {api: responses}\n", "chat/completions"),
        ("options: {api: responses}", "model: gpt-4.1", "", "chat/completions"),
    ],
    ids=["neither", "agent block", "task first", "template", "project", "agent before project", "own model"],
)
def test_the_nearest_option_counts(
    nika: Nika, write: Write, server: Any, options: str, own: str, settings: str, api: str
) -> None:
    write("nika.yaml", settings or "labels: {team: a}\n")
    write("w.nika.yaml", "inputs:\n  api: {type: string, default: responses}\n" + flow(options, own))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert apis(server) == [api]


@pytest.mark.parametrize(
    ("options", "own", "line", "words"),
    [
        ("options: {apy: chat}", "maxTokens: 50", 3, "apy"),
        ("options: {api: telegraph}", "maxTokens: 50", 3, "telegraph"),
        ("maxTurns: 5", "options: {api: telegraph}", 8, "telegraph"),
        ("maxTurns: 5", "options: fast", 8, "mapping"),
    ],
)
def test_a_wrong_option_is_told_with_its_place(
    nika: Nika, write: Write, server: Any, options: str, own: str, line: int, words: str
) -> None:
    write("w.nika.yaml", flow(options, own))
    done = nika("validate", "w.nika.yaml", "--format", "json")
    assert done.code == 2
    problem = done.json["files"][0]["problems"][0]
    assert problem["line"] == line
    assert words in problem["message"] + problem.get("hint", "")
    assert nika("run", "w.nika.yaml").code == 2
    mocked = nika("run", "w.nika.yaml", "--mock")
    assert (mocked.code, f"w.nika.yaml:{line}:" in mocked.err, words in mocked.err) == (2, True, True)
    assert apis(server) == []


def test_a_mocked_run_is_not_stopped_by_a_provider_that_is_not_there(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", flow("options: {api: chat}").replace("gpt-4o", "acme-large\n  provider: acme"))
    assert nika("run", "w.nika.yaml").code == 2
    assert nika("run", "w.nika.yaml", "--mock").code == 0


def test_options_for_a_provider_without_any_are_an_error(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", flow("options: {api: chat}").replace("gpt-4o", "mock"))
    (problem,) = nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
    assert "the provider 'mock' has no options" in problem["message"]
    assert problem["line"] == 3


def test_a_wrong_option_from_a_value_fails_the_task_before_anything_is_sent(
    nika: Nika, write: Write, server: Any
) -> None:
    text = flow(own="options: {api: '{{b}}'}").replace("- id: a", "- {id: b, shell: echo telegraph}\n  - id: a")
    write("w.nika.yaml", text)
    done = nika("run", "w.nika.yaml", "--format", "json")
    error = done.tasks["a"]["error"]
    assert (error["category"], apis(server)) == ("config", [])
    assert "`options.api`" in error["message"]


def test_a_wrong_setting_in_the_project_file_is_told_with_its_place(nika: Nika, write: Write) -> None:
    write("nika.yaml", "openai: {api: telegraph}\n")
    write("w.nika.yaml", flow())
    done = nika("run", "w.nika.yaml")
    assert done.code == 2
    assert "nika.yaml:1" in done.err
    assert "telegraph" in done.err


def test_another_option_makes_another_task(nika: Nika, write: Write, server: Any) -> None:
    write("w.nika.yaml", flow("options: {api: chat}"))
    assert nika("run", "w.nika.yaml").code == 0
    write("w.nika.yaml", flow("options: {api: responses}"))
    assert nika("resume", "last").code == 0
    assert apis(server) == ["chat/completions", "responses"]


def test_a_fallback_of_another_provider_is_not_given_the_options(nika: Nika, write: Write, server: Any) -> None:
    from llmock.scenarios import Fail, Match

    write("w.nika.yaml", flow("options: {api: chat}\n  fallback: [mock]"))
    server.add(Fail(529, times=None, match=Match(stream=True)))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.tasks["a"]["usage"]["models"] == ["mock"]
