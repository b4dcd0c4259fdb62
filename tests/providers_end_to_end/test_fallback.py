"""Chains of models through the command line, against servers of two vendors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llmock.scenarios import Fail, Match, Reply

from .conftest import KEY, Nika, Write

CHAIN = """\
agent:
  model: claude-sonnet-5
  fallback: [gpt-4o]
tasks:
  - {id: a, llm: {prompt: hi, maxTokens: 100}}
"""


@pytest.fixture
def servers(folder: Path, llmock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that speaks both wire formats."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", llmock.base_url("anthropic"))
    monkeypatch.setenv("OPENAI_BASE_URL", llmock.base_url("openai"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return llmock


def behave(servers: Any, model: str, behavior: Any) -> None:
    servers.add(replace(behavior, match=Match(model=model, stream=True)))


def asked(servers: Any) -> list[str]:
    return [each.body["model"] for each in servers.requests if not each.path.endswith("count_tokens")]


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_another_vendor_answers_and_result_journal_and_terminal_say_so(
    nika: Nika, write: Write, servers: Any, status: int
) -> None:
    write("w.nika.yaml", CHAIN)
    behave(servers, "claude-*", Fail(status, times=None))
    behave(servers, "gpt-*", Reply(text="hello from another vendor"))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"] == "hello from another vendor"
    assert done.tasks["a"]["attempts"] == 1
    assert done.tasks["a"]["usage"]["models"] == ["gpt-4o"]
    assert asked(servers) == ["claude-sonnet-5", "gpt-4o"]
    shown = nika("runs", "show", "last", "--format", "json").json
    assert shown["tasks"][0]["usage"]["models"] == ["gpt-4o"]
    assert ", by gpt-4o" in nika("runs", "show", "last").out


def test_the_events_name_the_model_that_answered_and_those_that_did_not(nika: Nika, write: Write, servers: Any) -> None:
    write("w.nika.yaml", CHAIN)
    behave(servers, "claude-*", Fail(529, times=None))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    (called,) = done.events("model.called")
    assert (called["data"]["model"], called["data"]["insteadOf"]) == ("gpt-4o", ["claude-sonnet-5"])


def test_retries_begin_the_chain_again(nika: Nika, write: Write, servers: Any) -> None:
    write("w.nika.yaml", CHAIN.replace("100}}", "100}, retry: {max: 2}}"))
    behave(servers, "*", Fail(529, times=None))
    assert "'gpt-4o' is asked instead" in nika("run", "w.nika.yaml").err
    assert asked(servers) == ["claude-sonnet-5", "gpt-4o"] * 2
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    assert done.tasks["a"]["attempts"] == 2
    assert "None of the 2 models" in done.tasks["a"]["error"]["message"]


def test_a_wrong_key_is_told_and_nobody_else_is_asked(nika: Nika, write: Write, servers: Any) -> None:
    write("w.nika.yaml", CHAIN)
    behave(servers, "claude-*", Fail(401, times=None))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.tasks["a"]["error"]["category"] == "config"
    assert asked(servers) == ["claude-sonnet-5"]


def test_a_plan_shows_every_model_and_what_the_dearest_costs(
    nika: Nika, write: Write, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", CHAIN)
    write(
        "nika.yaml",
        "prices:\n  claude-sonnet-5: {inputPerMillion: 1, outputPerMillion: 1}\n"
        "  gpt-4o: {inputPerMillion: 1000, outputPerMillion: 1000}\n",
    )
    monkeypatch.setenv("NIKA_MAX_COST", "1000")
    (planned,) = nika("plan", "w.nika.yaml", "--format", "json").json["tasks"]
    assert [each["target"] for each in planned["effects"]] == ["claude-sonnet-5", "gpt-4o"]
    assert planned["estimate"]["costUsdHigh"] > 0.1  # 100 tokens of the dearest
    assert planned["estimate"]["costUsdLow"] < 0.0001


def test_the_command_lines_provider_is_asked_alone(nika: Nika, write: Write, servers: Any) -> None:
    write("w.nika.yaml", CHAIN.replace("prompt: hi", "prompt: hi, fallback: [gpt-4o]"))
    done = nika("run", "w.nika.yaml", "--provider", "mock", "--format", "json")
    assert done.code == 0, done.err
    assert asked(servers) == []


@pytest.mark.parametrize(
    ("fallback", "words", "column"),
    [
        ("[claude-sonnet-5]", "which is asked before it", 14),
        ("[gpt-4o, gpt-4o]", "which is asked before it", 22),
        ("[gpt-4o, o0-unheard-of]", "no installed provider claims the model", 22),
        ("[]", "names no model", None),
        ("gpt-4o", "expected a list", None),
        ("[gpt-4o, '']", "", None),
    ],
    ids=["itself", "twice", "unknown", "empty", "no list", "no name"],
)
def test_a_wrong_chain_is_told_with_its_place(
    nika: Nika, write: Write, fallback: str, words: str, column: int | None
) -> None:
    write("w.nika.yaml", CHAIN.replace("[gpt-4o]", fallback))
    done = nika("validate", "w.nika.yaml", "--format", "json")
    problem = done.json["files"][0]["problems"][0]
    assert problem["line"] == 3
    assert words in problem["message"]
    assert column in (None, problem["column"])


def test_a_tasks_chain_is_checked_like_its_model(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - id: a
            llm:
              prompt: hi
              model: gpt-4o
              temperature: 0.3
              fallback:
                - openai/gpt-4.1
                - claude-sonnet-5
        """,
    )
    done = nika("validate", "w.nika.yaml", "--format", "json")
    assert done.code == 2
    (problem,) = done.json["files"][0]["problems"]
    assert (problem["code"], problem["line"]) == ("NIKA-078", 6)
    assert "claude-sonnet-5" in problem["message"]


def test_a_tier_of_the_project_is_a_fallback_too(nika: Nika, write: Write, servers: Any) -> None:
    write("nika.yaml", "models: {spare: gpt-4o}\n")
    write("w.nika.yaml", CHAIN.replace("[gpt-4o]", "[spare]"))
    behave(servers, "claude-*", Fail(529, times=None))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert asked(servers) == ["claude-sonnet-5", "gpt-4o"]


def test_another_chain_makes_another_task(nika: Nika, write: Write, servers: Any) -> None:
    write("w.nika.yaml", CHAIN)
    assert nika("run", "w.nika.yaml").code == 0
    write("w.nika.yaml", CHAIN.replace("[gpt-4o]", "[gpt-4.1]"))
    assert nika("resume", "last").code == 0
    assert asked(servers) == ["claude-sonnet-5"] * 2


def test_a_provider_named_in_a_fallback_is_asked_even_if_the_agent_block_names_another(
    nika: Nika, write: Write, servers: Any
) -> None:
    write("w.nika.yaml", CHAIN.replace("fallback: [gpt-4o]", "provider: claude\n  fallback: [mock/spare]"))
    behave(servers, "claude-*", Fail(529, times=None))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.tasks["a"]["usage"]["models"] == ["spare"]


def test_a_fallback_may_come_from_a_value(nika: Nika, write: Write, servers: Any) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: pick, shell: printf gpt-4o}
          - {id: a, llm: {prompt: hi, model: claude-sonnet-5, maxTokens: 100, fallback: ["{{pick}}"]}}
        """,
    )
    behave(servers, "claude-*", Fail(529, times=None))
    assert nika("plan", "w.nika.yaml").code == 0
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.tasks["a"]["usage"]["models"] == ["gpt-4o"]


def test_the_main_agent_decides_by_its_fallback_too(nika: Nika, write: Write, servers: Any) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: claude-sonnet-5, fallback: [gpt-4o], mode: agentic}
        tasks:
          - {id: a, shell: exit 3}
        """,
    )
    behave(servers, "claude-*", Fail(529, times=None))
    nika("run", "w.nika.yaml", "--format", "json")
    assert asked(servers)[:2] == ["claude-sonnet-5", "gpt-4o"]
