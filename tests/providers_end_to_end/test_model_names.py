"""What is known of models by their names: `nika providers --models`, and names that nobody has heard of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nika_core.testing.fault_server import FaultAnswer, FaultServer, openai_wire

from .conftest import KEY, Nika, Write


def wire(request: Any) -> FaultAnswer:
    if request.method == "GET":
        listed = [{"id": name, "object": "model"} for name in ("gpt-5", "house-7b")]
        return FaultAnswer([json.dumps({"object": "list", "data": listed}).encode()])
    return openai_wire(request)


def models(done: Any, provider: str) -> dict[str, Any]:
    (found,) = [each for each in done.json["providers"] if each["name"] == provider]
    return {model["name"]: model for model in found["models"]}


def test_models_are_listed_with_price_context_abilities_and_the_projects_names(nika: Nika, write: Write) -> None:
    write("nika.yaml", "models: {small: gpt-5-mini, odd: nobodys-model}\n")
    done = nika("providers", "--models", "--format", "json")
    assert done.code == 0, done.err
    found = models(done, "openai")["gpt-5-mini"]
    assert found == {
        "name": "gpt-5-mini",
        "contextTokens": 400_000,
        "maxOutputTokens": 128_000,
        "abilities": ["tools", "effort", "images", "pdf", "jsonSchema", "promptCache", "batch"],
        "tiers": ["small"],
        "price": {"inputPerMillion": 0.25, "outputPerMillion": 2.0},
    }
    shown = nika("providers", "--models").out
    assert "gpt-5-mini (small): $0.25 in" in shown
    assert "OPENAI_API_KEY not set" in shown
    assert "odd stands for nobodys-model, which no provider claims" in shown


def test_a_servers_own_models_are_listed_if_it_can_be_asked(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("nika.yaml", "provider: openai\nmodels: {house: house-7b, spare: house-9b}\n")
    with FaultServer(wire) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        done = nika("providers", "--models", "--format", "json")
    found = models(done, "openai")
    assert list(found) == ["gpt-5", "house-7b", "house-9b"]
    assert (found["house-7b"]["tiers"], found["house-9b"]["tiers"]) == (["house"], ["spare"])
    assert KEY not in done.out


def test_a_server_that_does_not_answer_is_no_failure_of_the_list(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(wire) as server, server.fault(500):
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        done = nika("providers", "--models")
        checked = nika("providers", "--models", "--check")
    assert done.code == 0
    assert "claude-sonnet-5: $" in done.out
    assert "only what is known without its server" in done.out
    assert checked.code == 1


ODD: list[Any] = [{"id": 5}, None, {"id": ["x"]}, "s", {"id": ""}, {"name": "house"}, {"id": "a\x1b[31m"}]
ODD += [{"id": f"m-{number}"} for number in range(10_000)]
ODD += [{"id": "p", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}]
ODD += [{"id": "q", "pricing": {"prompt": "NaN", "completion": "1e999999"}}]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (json.dumps({"data": ODD}), ["house: unpriced", "a\\x1b[31m: unp", "m-9999: unpriced", "p: $1", "q: unpriced"]),
        ('[{"id": "house"}]', ["house: unpriced"]),
        ("<html><title>Login</title></html>", ["not a JSON object (application/json): Login"]),
        ("[" * 100_000, ["not a JSON object"]),
    ],
    ids=["odd entries", "a list", "a page", "deep"],
)
def test_whatever_a_server_lists_the_rest_is_shown(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, body: str, shown: list[str]
) -> None:
    with FaultServer(lambda request: FaultAnswer([body.encode()])) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        done = nika("providers", "--models")
    assert done.code == 0
    assert [text for text in shown if text not in done.out] == []
    assert "\x1b[31m" not in done.out


@pytest.mark.parametrize(
    ("name", "severity", "hint"),
    [
        ("claude-sonet-5", "warning", "did you mean `claude-sonnet-5`?"),
        ("gpt-55-minni", "warning", "did you mean `gpt-5-mini`?"),
        ("gpt-of-tomorrow-2031", "warning", "give its price under `prices:`"),
        ("cluade-sonnet-5", "warning", "did you mean `claude-sonnet-5`?"),
    ],
)
def test_a_name_that_nobody_knows_is_a_warning_with_the_likely_one(
    nika: Nika, write: Write, name: str, severity: str, hint: str
) -> None:
    write("w.nika.yaml", f"agent: {{model: {name}}}\ntasks:\n  - {{id: a, llm: hi}}\n")
    (problem,) = nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
    assert (problem["severity"], problem["line"], problem["column"]) == (severity, 1, 16)
    assert hint in problem["hint"]


@pytest.mark.parametrize("name", ["gpt-5", "gpt-4-turbo", "claude-3-haiku-20240307", "mock-of-tomorrow"])
def test_a_name_that_a_provider_or_the_price_list_knows_is_not_doubted(nika: Nika, write: Write, name: str) -> None:
    write("w.nika.yaml", f"agent: {{model: {name}}}\ntasks:\n  - {{id: a, llm: hi}}\n")
    assert nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"] == []


def test_a_name_with_a_price_in_the_project_is_not_doubted(nika: Nika, write: Write) -> None:
    write("nika.yaml", "prices:\n  gpt-of-tomorrow: {inputPerMillion: 1, outputPerMillion: 2}\n")
    write("w.nika.yaml", "agent: {model: gpt-of-tomorrow}\ntasks:\n  - {id: a, llm: hi}\n")
    assert nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"] == []


def test_nothing_is_said_of_the_models_of_a_server_that_serves_any(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    write("w.nika.yaml", "agent: {model: house-7b, provider: openai}\ntasks:\n  - {id: a, llm: hi}\n")
    assert nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"] == []


def test_a_run_warns_before_anything_is_sent(nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    write("w.nika.yaml", "agent: {model: claude-sonet-5}\ntasks:\n  - {id: a, llm: hi, retry: {max: 1}}\n")
    done = nika("run", "w.nika.yaml")
    assert "did you mean `claude-sonnet-5`?" in done.err
