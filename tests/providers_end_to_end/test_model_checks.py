"""What a model cannot do, who offers it, and which key is missing: known before anything runs, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import KEY, Nika, Write

PROVIDERS = [("claude", "claude-sonnet-5", "ANTHROPIC_API_KEY"), ("openai", "gpt-5", "OPENAI_API_KEY")]


def problems(nika: Nika, expected: int) -> list[tuple[str, str, int, int]]:
    done = nika("validate", "w.nika.yaml", "--format", "json")
    assert done.code == expected, done.err + done.out
    (file,) = done.json["files"]
    return [(each["code"], each["severity"], each["line"], each["column"]) for each in file["problems"]]


def test_a_tasks_temperature_on_a_model_without_one_is_an_error_at_its_place(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: claude-sonnet-5}
        tasks:
          - id: a
            llm:
              prompt: hi
              temperature: 0.3
        """,
    )
    assert problems(nika, 2) == [("NIKA-078", "error", 6, 20)]


def test_a_temperature_for_all_tasks_is_a_warning_and_the_run_says_that_it_is_not_sent(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, llmock: Any
) -> None:
    write(
        "w.nika.yaml",
        """\
        agent:
          model: claude-sonnet-5
          temperature: 0.2
        tasks:
          - {id: a, llm: hi}
          - {id: b, llm: "again: {{a}}"}
        """,
    )
    assert problems(nika, 0) == [("NIKA-078", "warning", 3, 16)]
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llmock.base_url("anthropic"))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    told = [each["data"]["message"] for each in done.events("notice") if "temperature" in each["data"]["message"]]
    assert told == ["The model 'claude-sonnet-5' takes no temperature: the agent block's 0.2 is not sent to it."]
    assert "is not sent to it" in nika("plan", "w.nika.yaml").err


def test_an_effort_that_a_model_does_not_know_is_an_error_at_its_place(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: gpt-5}
        tasks:
          - {id: a, llm: {prompt: hi, effort: low}}
          - id: b
            llm:
              prompt: hi
              model: gpt-4o
              effort: low
          - id: c
            llm: {prompt: hi, model: claude-3-5-haiku-latest, effort: high}
        """,
    )
    assert problems(nika, 2) == [("NIKA-078", "error", 8, 15), ("NIKA-078", "error", 10, 63)]
    write("w.nika.yaml", "agent: {model: smollm2-135m, effort: low}\ntasks: [{id: a, llm: hi}]\n")
    assert problems(nika, 2) == [("NIKA-078", "error", 1, 38)]
    write("w.nika.yaml", "agent: {model: gpt-5, effort: most}\ntasks: [{id: a, llm: hi}]\n")
    done = nika("validate", "w.nika.yaml")
    assert (done.code, "low" in done.err + done.out) == (2, True)


def test_an_effort_for_all_tasks_is_a_warning_for_a_task_with_a_model_that_knows_none(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, llmock: Any
) -> None:
    write(
        "w.nika.yaml",
        """\
        agent:
          model: claude-sonnet-5
          effort: low
        tasks:
          - {id: a, llm: hi}
          - {id: b, llm: {prompt: hi, model: claude-3-5-haiku-latest}}
        """,
    )
    assert problems(nika, 0) == [("NIKA-078", "warning", 3, 11)]
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llmock.base_url("anthropic"))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    notices = [each["data"]["message"] for each in done.events("notice") if "effort" in each["data"]["message"]]
    assert notices == [
        "The model 'claude-3-5-haiku-latest' knows no effort: the agent block's 'low' is not sent to it."
    ]


def test_tools_for_a_model_without_any_are_an_error_where_they_are_allowed(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent:
          model: smollm2-135m
          allowedTools: [shell]
        tasks:
          - {id: a, agent: hi}
          - {id: b, agent: hi, allowedTools: []}
          - {id: c, llm: hi}
          - id: d
            subagent: hi
            allowedTools: [http]
        """,
    )
    assert problems(nika, 2) == [("NIKA-078", "error", 3, 17), ("NIKA-078", "error", 10, 19)]


def test_more_tokens_than_a_model_answers_with_are_an_error_at_their_place(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: gpt-4o, maxTokens: 20000}
        tasks:
          - {id: a, llm: {prompt: hi, maxTokens: 17000}}
          - {id: b, llm: {prompt: hi, maxTokens: 100}}
          - {id: c, llm: hi}
        """,
    )
    assert problems(nika, 2) == [("NIKA-078", "error", 1, 35), ("NIKA-078", "error", 3, 42)]


def test_a_named_provider_that_is_not_there_is_an_error_with_what_there_is(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "agent:\n  provider: clade\n  model: claude-sonnet-5\ntasks:\n  - {id: a, llm: hi}\n")
    assert problems(nika, 2) == [("NIKA-071", "error", 2, 13)]
    assert "claude" in nika("validate", "w.nika.yaml").out
    assert nika("run", "w.nika.yaml").code == 2


def test_a_model_that_nobody_claims_is_a_warning_until_it_is_run(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "agent:\n  model: house-model\ntasks:\n  - {id: a, llm: hi}\n")
    assert problems(nika, 0) == [("NIKA-071", "warning", 2, 10)]
    for command in ("run", "plan"):
        done = nika(command, "w.nika.yaml")
        assert done.code == 2
        assert "NIKA-071" in done.err
    assert nika("run", "w.nika.yaml", "--provider", "mock").code == 0


def test_a_workflow_without_models_is_not_asked_for_any(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    assert problems(nika, 0) == []


@pytest.mark.parametrize(("provider", "model", "variable"), PROVIDERS)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_missing_key_is_found_before_anything_runs_and_named(
    nika: Nika, write: Write, provider: str, model: str, variable: str, command: str
) -> None:
    write(
        "w.nika.yaml", f"agent: {{model: {model}}}\ntasks:\n  - {{id: a, shell: touch ran}}\n  - {{id: b, llm: hi}}\n"
    )
    done = nika(command, "w.nika.yaml")
    assert done.code == 2
    assert variable in done.err
    assert "NIKA-077" in done.err
    assert not write("ran.txt", "").with_name("ran").exists()
    assert nika("validate", "w.nika.yaml").code == 0  # which asks for no key


@pytest.mark.parametrize(
    ("variable", "value"), [("OPENAI_BASE_URL", "127.0.0.1:8000/v1"), ("OPENAI_API_KEY", "sk-abc def")]
)
def test_an_address_or_a_key_that_cannot_be_used_is_found_before_anything_runs(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    write("w.nika.yaml", "agent: {model: gpt-5}\ntasks:\n  - {id: a, shell: touch ran}\n  - {id: b, llm: hi}\n")
    done = nika("run", "w.nika.yaml")
    assert (done.code, variable in done.err, "w.nika.yaml:1:" in done.err) == (2, True, True)
    assert not write("ran.txt", "").with_name("ran").exists()
    assert nika("validate", "w.nika.yaml").code == 0


@pytest.mark.parametrize(
    ("model", "environ"),
    [
        ("claude-sonnet-5", {"ANTHROPIC_API_KEY": KEY}),
        ("claude-sonnet-5", {"ANTHROPIC_AUTH_TOKEN": KEY}),
        ("claude-sonnet-5", {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}),
        ("gpt-5", {"OPENAI_API_KEY": KEY}),
        ("gpt-5", {"OPENAI_BASE_URL": "http://127.0.0.1:9"}),
        ("smollm2-135m", {}),
        ("mock", {}),
    ],
)
def test_a_key_or_what_stands_for_one_is_enough(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, model: str, environ: dict[str, str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    write("w.nika.yaml", f"agent: {{model: {model}}}\ntasks:\n  - {{id: a, llm: hi}}\n")
    done = nika("plan", "w.nika.yaml")
    assert done.code == 0, done.err
    assert KEY not in done.out + done.err


def test_ollama_needs_no_key(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "agent: {model: llama3.2, provider: ollama}\ntasks:\n  - {id: a, llm: hi}\n")
    assert nika("plan", "w.nika.yaml").code == 0


def test_a_provider_that_the_command_line_names_is_told_once_and_nowhere_in_the_file(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        "agent: {model: mock-small, provider: mock}\ntasks:\n  - {id: a, llm: hi}\n  - {id: b, llm: 'so {{a}}'}\n",
    )
    done = nika("run", "w.nika.yaml", "-p", "nosuch")
    assert done.code == 2
    assert done.err.count("NIKA-071") == 1
    assert "-->" not in done.err


def test_a_model_is_checked_beside_all_else_that_is_wrong_with_the_file(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, provider: nobody, temperature: hot}
        tasks:
          - {id: a, llm: hi}
          - {id: b, llm: "{{gone}}"}
        """,
    )
    all_of_it = [("NIKA-071", 1, 32), ("NIKA-005", 1, 53), ("NIKA-050", 4, 19)]
    assert [(code, line, column) for code, _, line, column in problems(nika, 2)] == all_of_it
    for command in ("run", "plan"):
        told = nika(command, "w.nika.yaml").err
        assert [code for code, _, _ in all_of_it if f"error[{code}]" in told] == [code for code, _, _ in all_of_it]
    assert "NIKA-071" not in nika("run", "w.nika.yaml", "-p", "mock").err  # what the command line says goes first
