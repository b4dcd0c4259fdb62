"""`nika run --economy`: batches, pauses and what was saved, through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from .conftest import KEY, Nika, Wire, Write

THREE = """
agent: {model: mock, maxTokens: 50}
tasks:
  - {id: a, llm: {prompt: one}}
  - {id: b, llm: {prompt: two}}
  - {id: c, llm: {prompt: three}, timeout: 50ms}
  - {id: all, llm: "{{a}} {{b}} {{c}}"}
"""
PRICED = "prices: {mock: {inputPerMillion: 1000, outputPerMillion: 2000}}\n"
Play = Callable[[Any], Path]


def test_a_wave_goes_as_one_batch_whatever_may_run_at_once_and_shows_what_it_saved(
    nika: Nika, write: Write, script: Play
) -> None:
    write("w.nika.yaml", THREE)
    write("nika.yaml", PRICED)
    script([{"text": "fine", "usage": {"inputTokens": 10, "outputTokens": 5}, "times": None}])
    done = nika("run", "w.nika.yaml", "--economy", "--max-concurrent", "1", "--format", "jsonl")
    assert done.code == 0, done.err
    sent = [each["data"]["message"] for each in done.events("notice") if "as a batch" in each["data"]["message"]]
    assert [message.split()[0] for message in sent] == ["3", "1"]
    usage = done.lines[-1]["data"]["usage"]
    # 4 calls of 10 + 5 tokens at 1,000 and 2,000 dollars a million, for half the price.
    assert usage["costUsd"] == pytest.approx(0.04)
    assert usage["savedUsd"] == pytest.approx(0.04)
    assert usage["calls"] == 4
    again = nika("run", "w.nika.yaml", "--economy")
    assert "$0.0400 saved by batches" in again.err


def test_tasks_that_are_no_batch_keep_to_their_limit_meanwhile(nika: Nika, write: Write, script: Play) -> None:
    write(
        "w.nika.yaml",
        """
        agent: {model: mock}
        tasks:
          - {id: s1, shell: echo 1}
          - {id: a, llm: one}
          - {id: s2, shell: echo 2}
          - {id: b, llm: two}
        """,
    )
    script([])
    done = nika("run", "w.nika.yaml", "--economy", "--max-concurrent", "1", "--format", "jsonl")
    assert done.code == 0, done.err
    assert [message["data"]["message"].split()[0] for message in done.events("notice")] == ["2"]


def test_agents_do_not_wait_and_a_workflow_that_gains_nothing_is_told(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, agent: hello}\n")
    done = nika("run", "w.nika.yaml", "--economy")
    assert done.code == 0
    assert "--economy changed nothing" in done.err
    assert "as a batch" not in done.err


def test_a_batch_that_takes_long_pauses_the_run_and_resume_goes_on_without_paying_again(
    nika: Nika, write: Write, script: Play, monkeypatch: pytest.MonkeyPatch, the_run: Callable[[], str]
) -> None:
    write("w.nika.yaml", THREE)
    write("nika.yaml", PRICED)
    reply = {"text": "fine", "usage": {"inputTokens": 10, "outputTokens": 5}, "times": 4}
    script({"replies": [reply], "batch": {"polls": 1000}})
    monkeypatch.setenv("NIKA_BATCH_WAIT", "10ms")
    paused = nika("run", "w.nika.yaml", "--economy", "--format", "json")
    assert paused.code == 4, paused.err
    assert paused.json["status"] == "paused"
    assert paused.json["usage"]["totalTokens"] == 0
    assert nika("runs", "list", "--format", "json").json["runs"][0]["status"] == "paused"

    told = nika("resume", the_run())
    assert told.code == 4
    assert "3 waiting" in told.err
    assert "to resume it: nika resume" in told.err
    assert "as a batch" not in told.err  # nothing was sent anew

    script({"replies": [reply | {"times": 1}]})  # only the last task may still ask anything
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err
    assert [task["output"] for task in done.json["tasks"]] == ["fine"] * 4
    assert done.json["usage"]["totalTokens"] == 60
    assert nika("runs", "show", the_run(), "--format", "json").json["usage"]["savedUsd"] == pytest.approx(0.04)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_while_it_waits_goes_on_with_its_batch(
    start: Callable[..., subprocess.Popen[str]],
    nika: Nika,
    write: Write,
    script: Play,
    the_run: Callable[[], str],
    how: signal.Signals,
) -> None:
    write("w.nika.yaml", THREE)
    script({"replies": [{"text": "from the first life", "times": 3}], "batch": {"polls": 1000}})
    process = start("run", "w.nika.yaml", "--economy", "--format", "jsonl")
    assert process.stdout is not None
    for line in process.stdout:
        if "as a batch" in line:  # told when it is durable
            process.send_signal(how)
            break
    out, err = process.communicate(timeout=120)
    if how is signal.SIGINT:
        assert process.returncode == 4, err
        assert json.loads(out.splitlines()[-1])["data"]["status"] == "paused"
    script([])
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err
    assert [task["output"] for task in done.json["tasks"]][:3] == ["from the first life"] * 3


def test_without_a_history_an_interrupted_run_cannot_be_paused(
    start: Callable[..., subprocess.Popen[str]], write: Write, script: Play
) -> None:
    write("w.nika.yaml", THREE)
    script({"batch": {"polls": 1000}})
    process = start("run", "w.nika.yaml", "--economy", "--no-journal", "--format", "jsonl")
    assert process.stdout is not None
    for line in process.stdout:
        if "as a batch" in line:
            process.send_signal(signal.SIGINT)
            break
    process.communicate(timeout=120)
    assert process.returncode == 130


@pytest.mark.parametrize("wire", ["openai"], indirect=True)
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")  # the server's
def test_real_batch_interfaces_are_waited_for_across_runs_and_their_discount_is_shown(
    nika: Nika, write: Write, wire: Wire, monkeypatch: pytest.MonkeyPatch, the_run: Callable[[], str]
) -> None:
    batches = import_module("llmock.routers.batch")
    monkeypatch.setattr(batches, "_BATCH_DELAY", 1e6)
    monkeypatch.setenv("NIKA_OPENAI_BATCH", "1")  # llmock is not OpenAI's own server, but has batches
    monkeypatch.setenv("NIKA_BATCH_WAIT", "10ms")
    write("w.nika.yaml", THREE.replace("model: mock", f"model: {wire.model}, provider: {wire.provider}"))
    paused = nika("run", "w.nika.yaml", "--economy", "--format", "json")
    assert paused.code == 4, paused.err + paused.out
    sent = [each for each in wire.mock.requests if each.method == "POST" and each.path.endswith("/batches")]
    assert len(sent) == 1

    for batch in batches._batches.values():
        batch["ready_at"] = 0
    monkeypatch.setattr(batches, "_BATCH_DELAY", 0)
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err + done.out
    usage = done.json["usage"]
    assert usage["calls"] == 4
    assert usage["savedUsd"] == pytest.approx(usage["costUsd"]) != 0
    assert usage["unpriced"] == []
    sent = [each for each in wire.mock.requests if each.method == "POST" and each.path.endswith("/batches")]
    assert len(sent) == 2
    assert wire.calls == []  # nothing was sent at the full price


@pytest.mark.parametrize("server", ["openai", "anthropic"])
@pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")  # the server's
def test_a_run_that_is_killed_before_it_is_given_its_batch_finds_it_and_sends_nothing_twice(
    nika: Nika,
    write: Write,
    start: Callable[..., subprocess.Popen[str]],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    the_run: Callable[[], str],
    server: str,
) -> None:
    monkeypatch.setenv("NIKA_BATCH_WAIT", "10ms")
    if server == "openai":
        monkeypatch.setenv("OPENAI_BASE_URL", request.getfixturevalue("llmock").base_url("openai"))
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("NIKA_OPENAI_BATCH", "1")
        batches = import_module("llmock.routers.batch")
        monkeypatch.setattr(batches, "_BATCH_DELAY", 0)
        answers, answering, model = batches, "_public_payload", "gpt-4o"
        store = batches._batches
    else:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", request.getfixturevalue("mock_ai_api"))
        answers = import_module("app.anthropic.catalog")
        answering, model = "public_record", "claude-sonnet-5"
        store = answers.batch_store._batches
    before = set(store)
    taken, killed, answer = threading.Event(), threading.Event(), getattr(answers, answering)

    def late(record: Any, *more: Any, **named: Any) -> Any:
        taken.set()
        assert killed.wait(120)
        return answer(record, *more, **named)

    monkeypatch.setattr(answers, answering, late)  # it has the batch, and has not said so
    write("w.nika.yaml", f"agent: {{model: {model}}}\ntasks: [{{id: a, llm: one}}, {{id: b, llm: two}}]\n")
    process = start("run", "w.nika.yaml", "--economy")
    try:
        assert taken.wait(120)
        process.kill()
        process.wait()
    finally:
        killed.set()
    (batch,) = set(store) - before

    if server == "anthropic":  # which shows what is in a batch only when it has ended
        waits = nika("resume", the_run())
        assert waits.code == 4, waits.err
        assert "can say only later whether it has it" in waits.err
        answers.batch_store.results(batch)  # that server ends a batch when its results are looked at
    done = nika("resume", the_run(), "--format", "jsonl")
    assert done.code == 0, done.err
    assert "The batch that was on its way" in done.out
    assert {task["state"] for task in done.lines[-1]["data"]["tasks"]} == {"success"}
    assert set(store) - before == {batch}


def test_anthropics_batches_are_collected_by_the_run_that_goes_on(
    nika: Nika, write: Write, mock_ai_api: str, monkeypatch: pytest.MonkeyPatch, the_run: Callable[[], str]
) -> None:
    store = import_module("app.anthropic.catalog").batch_store  # of this process: other tests' batches may be in it
    before = {batch["id"] for batch in store.list_all()}
    monkeypatch.setenv("ANTHROPIC_BASE_URL", mock_ai_api)
    monkeypatch.setenv("NIKA_BATCH_WAIT", "10ms")
    write("w.nika.yaml", "agent: {model: claude-sonnet-5}\ntasks: [{id: a, llm: one}, {id: b, llm: two}]\n")
    assert nika("run", "w.nika.yaml", "--economy").code == 4
    (batch,) = (each for each in store.list_all() if each["id"] not in before)
    assert len(batch["_requests"]) == 2
    store.results(batch["id"])  # that server ends a batch when its results are looked at
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err
    assert [task["output"] for task in done.json["tasks"]] == ["A unified model API gateway."] * 2
    assert done.json["usage"]["savedUsd"] > 0
    assert len(store.list_all()) == len(before) + 1
