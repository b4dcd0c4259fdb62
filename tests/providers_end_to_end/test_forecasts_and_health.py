"""`nika plan` with real estimates, and `nika providers --check`, against servers on this machine."""

from __future__ import annotations

import socket

import pytest

from .conftest import KEY, Nika, Wire, Write

PRICES = "prices: {mock: {inputPerMillion: 1000, outputPerMillion: 2000}}\n"


def test_a_known_prompt_is_estimated_with_its_inputs_and_priced(nika: Nika, write: Write) -> None:
    write("nika.yaml", PRICES)
    write(
        "w.nika.yaml",
        """\
        inputs: {text: {type: string}}
        agent: {model: mock, maxTokens: 100}
        tasks:
          - {id: a, llm: "Summarise: ${input.text}"}
          - {id: b, llm: "Translate: {{a}}"}
        """,
    )
    short = nika("plan", "w.nika.yaml", "-i", "text=few words", "--format", "json").json
    long = nika("plan", "w.nika.yaml", "-i", f"text={'word ' * 800}", "--format", "json").json
    first, second = long["tasks"][0]["estimate"], long["tasks"][1]["estimate"]
    assert first["tokensLow"] > 1000 > short["tasks"][0]["estimate"]["tokensLow"]
    assert first["tokensHigh"] == first["tokensLow"] + 16 + 100  # what is not sure counts upwards only
    assert first["costUsdLow"] == pytest.approx(first["tokensLow"] / 1000)
    assert first["costUsdHigh"] == pytest.approx(first["costUsdLow"] + (16 + 2 * 100) / 1000)
    assert "depends on values" in second["reason"]
    assert second["tokensHigh"] > second["tokensLow"]
    assert "tokens (estimated)" in nika("plan", "w.nika.yaml", "-i", "text=few words").out


def test_a_task_of_the_main_conversation_may_take_what_its_ancestors_said_too(nika: Nika, write: Write) -> None:
    tasks = "tasks: [{id: a, agent: first}, {id: b, agent: second}, {id: alone, agent: third}]\n"
    write("w.nika.yaml", f"agent: {{model: mock, maxTokens: 300}}\n{tasks}flows: [{{source: a, target: b}}]\n")
    found = {each["id"]: each["estimate"] for each in nika("plan", "w.nika.yaml", "--format", "json").json["tasks"]}
    assert found["b"]["tokensLow"] == pytest.approx(found["alone"]["tokensLow"], abs=2)
    assert found["b"]["tokensHigh"] >= found["alone"]["tokensHigh"] + 300


def test_prompts_are_counted_by_the_provider_where_that_is_asked_for(
    nika: Nika, write: Write, mock_ai_api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", mock_ai_api)
    write(
        "w.nika.yaml",
        """\
        agent: {model: claude-sonnet-5, maxTokens: 100}
        tasks:
          - {id: known, llm: one two three four five}
          - {id: unknown, llm: "about {{known}}"}
        """,
    )
    counted = nika("plan", "w.nika.yaml", "--count", "--format", "json").json["tasks"]
    assert counted[0]["estimate"]["counted"] is True
    assert counted[0]["estimate"]["tokensHigh"] == counted[0]["estimate"]["tokensLow"] + 100
    assert counted[1]["estimate"]["counted"] is False
    assert "tokens (counted)" in nika("plan", "w.nika.yaml", "--count").out
    plain = nika("plan", "w.nika.yaml", "--format", "json").json["tasks"][0]["estimate"]
    assert plain["counted"] is False
    assert plain["tokensLow"] != counted[0]["estimate"]["tokensLow"]


def test_a_plan_asks_nobody_unless_it_is_told_to(nika: Nika, write: Write, wire: Wire) -> None:
    write("w.nika.yaml", f"agent: {{model: {wire.model}, provider: {wire.provider}}}\ntasks: [{{id: a, llm: hi}}]\n")
    assert nika("plan", "w.nika.yaml").code == 0
    assert wire.mock.requests == []
    assert nika("plan", "w.nika.yaml", "--count").code == 0
    assert wire.calls == []  # not a single call to a model


def test_a_model_without_a_price_is_unpriced_and_never_free(nika: Nika, write: Write, wire: Wire) -> None:
    write("w.nika.yaml", f"agent: {{model: nobody-knows-me, provider: {wire.provider}}}\ntasks: [{{id: a, llm: hi}}]\n")
    estimate = nika("plan", "w.nika.yaml", "--format", "json").json["estimate"]
    assert estimate["unpriced"] == ["nobody-knows-me"]
    assert "unpriced: nobody-knows-me" in nika("plan", "w.nika.yaml").out
    assert "$0" not in nika("plan", "w.nika.yaml").out
    assert nika("run", "w.nika.yaml").code == 0
    told = nika("runs", "list").out
    assert "unpriced" in told
    assert "$" not in told
    task = nika("runs", "show", told.splitlines()[1].split()[0]).out.splitlines()[2]
    assert task.endswith("tokens, unpriced, by nobody-knows-me")
    assert "1 attempt" in task


def test_a_real_run_stays_within_what_was_planned(nika: Nika, write: Write, wire: Wire) -> None:
    write(
        "w.nika.yaml",
        f"agent: {{model: {wire.model}, provider: {wire.provider}, maxTokens: 200}}\n"
        "tasks: [{id: a, llm: What is a teapot?}, {id: b, llm: What is a cup?}]\n",
    )
    planned = nika("plan", "w.nika.yaml", "--format", "json").json["estimate"]
    used = nika("run", "w.nika.yaml", "--format", "json").json["usage"]
    assert used["totalTokens"] <= planned["tokensHigh"]
    assert used["costUsd"] <= planned["costUsdHigh"]


def test_providers_are_checked_and_their_keys_never_shown(
    nika: Nika, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{port}")
        done = nika("providers", "--check", "--format", "json")
        shown = nika("providers", "--check")
    found = {each["name"]: each for each in done.json["providers"]}
    for name in ("claude", "openai", "mock"):
        assert found[name]["health"]["ok"], found[name]
    assert found["openai"]["health"]["models"]
    assert not found["ollama"]["health"]["ok"]
    assert str(port) in found["ollama"]["health"]["detail"]
    assert done.code == shown.code == 1
    assert {secret["name"]: secret["set"] for secret in found["openai"]["secrets"]} == {"OPENAI_API_KEY": True}
    assert KEY not in done.out + done.err + shown.out + shown.err
    assert "OPENAI_API_KEY: set" in shown.out


def test_a_wrong_key_is_not_healthy_and_a_missing_one_is_not_asked(
    nika: Nika, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.mock.fail(401, times=None, message=f"no: {KEY}")
    done = nika("providers", "--check", "--format", "json")
    found = {each["name"]: each for each in done.json["providers"]}
    assert "refuses the key" in found["claude"]["health"]["detail"]
    assert "OPENAI_API_KEY" in found["openai"]["health"]["detail"]
    assert KEY not in done.out + done.err
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name)
    found = {each["name"]: each for each in nika("providers", "--check", "--format", "json").json["providers"]}
    assert found["claude"]["health"]["detail"] == "not asked: ANTHROPIC_API_KEY not set"
