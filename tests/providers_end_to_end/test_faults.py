"""Everything that goes wrong on the way to a model, through the command line, in both wire formats."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llmock.scenarios import Fail, Reply, StreamFault

from .conftest import KEY, Nika, Wire, Write

WORDS = "one two three four five six seven eight nine ten"
Play = Callable[[Any], Path]


@pytest.fixture
def workflow(write: Write, wire: Wire) -> Callable[..., Path]:
    def make(extra: str = "", prompt: str = "hi") -> Path:
        return write(
            "w.nika.yaml",
            f"agent: {{model: {wire.model}, provider: {wire.provider}}}\n"
            f"tasks:\n  - {{id: a, llm: {{prompt: {prompt}, maxTokens: 100}}{extra}}}\n",
        )

    return make


def error_of(done: Any) -> dict[str, Any]:
    assert done.code == 1, done.err
    assert KEY not in done.out + done.err
    found: dict[str, Any] = done.tasks["a"]["error"]
    return found


@pytest.mark.parametrize(
    "fault",
    [
        Fail(429, retry_after=0.05),
        Fail(500),
        Fail(529),
        Fail(503),
        StreamFault("disconnect", after_chunks=0),
    ],
    ids=["429", "500", "529", "503", "disconnect before the first token"],
)
def test_what_may_pass_is_tried_again_until_it_does(
    nika: Nika, wire: Wire, workflow: Callable[..., Path], fault: Any
) -> None:
    workflow()
    wire.add(fault, Reply(text=WORDS, times=2 if isinstance(fault, StreamFault) else 1))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"] == WORDS
    assert done.tasks["a"]["attempts"] == 2
    assert len(wire.calls) == 2
    wire.mock.assert_resilient()


@pytest.mark.parametrize(
    ("status", "category", "words"),
    [(401, "config", "refuses the key"), (404, "config", "has no model"), (400, "validation", "refuses the request")],
)
def test_what_stays_wrong_is_told_once(
    nika: Nika, wire: Wire, workflow: Callable[..., Path], status: int, category: str, words: str
) -> None:
    workflow()
    wire.add(Fail(status, times=None, message=f"no model for {KEY}"))
    error = error_of(nika("run", "w.nika.yaml", "--format", "json"))
    assert error["category"] == category
    assert words in error["message"]
    assert len(wire.calls) == 1
    wire.mock.assert_resilient()


def test_a_prompt_that_the_server_finds_too_long_has_its_own_code(
    nika: Nika, wire: Wire, workflow: Callable[..., Path]
) -> None:
    workflow()
    wire.add(Fail(400, code="context_length_exceeded", message="This model's maximum context length was exceeded."))
    error = error_of(nika("run", "w.nika.yaml", "--format", "json"))
    assert (error["code"], error["category"]) == ("NIKA-069", "validation")
    assert "overflow: summarize" in error["hint"]


@pytest.mark.parametrize(
    ("kind", "category"), [("disconnect", "network"), ("truncate", "network"), ("malformed", "provider")]
)
def test_a_stream_that_breaks_after_its_first_words_is_a_failure_whose_tokens_count(
    nika: Nika, wire: Wire, workflow: Callable[..., Path], kind: Any, category: str
) -> None:
    workflow(extra=", retry: {max: 1}")
    wire.add(Reply(text=WORDS), StreamFault(kind, after_chunks=8))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert error_of(done)["category"] == category
    assert done.json["usage"]["calls"] == 1
    assert done.json["usage"]["inputTokens"] > 0
    assert done.json["usage"]["outputTokens"] > 2  # at least what was shown of it
    assert "output" not in done.json


@pytest.mark.parametrize("kind", ["disconnect", "truncate"])
def test_what_was_shown_is_not_asked_for_again_by_itself(
    nika: Nika, wire: Wire, workflow: Callable[..., Path], kind: Any
) -> None:
    workflow()
    wire.add(Reply(text=WORDS), StreamFault(kind, after_chunks=8))
    error_of(nika("run", "w.nika.yaml", "--format", "json"))
    assert len(wire.calls) == 1


def test_a_stream_that_stands_still_ends_with_the_tasks_time(
    nika: Nika, wire: Wire, workflow: Callable[..., Path]
) -> None:
    workflow(extra=", timeout: 1500ms, retry: {max: 1}")
    wire.add(Reply(text=WORDS), StreamFault("stall", after_chunks=4, stall_seconds=20))
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert error_of(done)["category"] == "timeout"
    assert done.json["usage"]["totalTokens"] > 0


def test_an_empty_answer_is_a_failure(nika: Nika, wire: Wire, workflow: Callable[..., Path]) -> None:
    workflow()
    wire.add(Reply(text=""))
    assert "answered nothing" in error_of(nika("run", "w.nika.yaml", "--format", "json"))["message"]


def test_a_provider_that_is_down_is_left_alone_and_the_run_can_be_resumed(
    nika: Nika, wire: Wire, write: Write, the_run: Callable[[], str]
) -> None:
    tasks = "".join(f"  - {{id: t{n}, llm: hi {n}, retry: {{max: 2}}}}\n" for n in range(4))
    write("w.nika.yaml", f"agent: {{model: {wire.model}, provider: {wire.provider}}}\ntasks:\n{tasks}")
    wire.add(Fail(503, times=None))
    done = nika("run", "w.nika.yaml", "--max-concurrent", "1", "--format", "json")
    assert done.code == 1
    assert len(wire.calls) == 3  # then its breaker is open
    assert {task["error"]["category"] for task in done.json["tasks"]} == {"provider", "circuitOpen"}
    wire.mock.reset()
    again = nika("resume", the_run(), "--format", "json")
    assert again.code == 0, again.err
    assert len(wire.calls) == 4


def test_text_reaches_jsonl_while_the_server_still_speaks(
    start: Callable[..., subprocess.Popen[str]],
    wire: Wire,
    workflow: Callable[..., Path],
    nika: Nika,
    the_run: Callable[[], str],
) -> None:
    workflow()
    wire.add(Reply(text=WORDS), StreamFault("stall", after_chunks=6, stall_seconds=30))
    process = start("run", "w.nika.yaml", "--format", "jsonl")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "task.chunk":
            process.send_signal(signal.SIGINT)
            break
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    last = json.loads(out.splitlines()[-1])["data"]
    assert last["status"] == "cancelled"
    assert last["usage"]["totalTokens"] > 0  # what it had begun to say is paid for
    wire.mock.reset()
    assert nika("resume", the_run(), "--format", "json").code == 0


def test_a_secret_that_is_cut_in_two_by_the_stream_is_masked(
    nika: Nika, write: Write, script: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "shop-secret-987654")
    write("w.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, llm: tell me}\n")
    script([{"text": "it is shop-secret-987654, really", "chunks": 30}])
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    chunks = [each["data"]["text"] for each in done.events("task.chunk")]
    assert "".join(chunks) == "it is ***, really"
    assert len(chunks) > 3


def test_a_refusal_is_told_and_not_tried_again(nika: Nika, write: Write, script: Play) -> None:
    write("w.nika.yaml", "agent: {model: mock}\ntasks:\n  - {id: a, llm: do harm}\n")
    script([{"text": "", "stopReason": "refusal"}, "never"])
    done = nika("run", "w.nika.yaml", "--format", "json")
    error = done.tasks["a"]["error"]
    assert (error["category"], done.tasks["a"]["attempts"]) == ("provider", 1)
    assert "refused" in error["message"]


def test_a_task_that_succeeded_at_its_second_attempt_is_taken_over_when_the_run_is_resumed(
    nika: Nika, write: Write, script: Play, the_run: Callable[[], str]
) -> None:
    tasks = '[{id: a, llm: hi}, {id: b, shell: "test -e fixed", retry: {max: 1}}]'
    write("w.nika.yaml", f"agent: {{model: mock}}\ntasks: {tasks}\nflows: [{{source: a, target: b}}]\n")
    script([{"error": {"category": "network"}}, "fine", "never again"])
    first = nika("run", "w.nika.yaml", "--format", "json")
    assert (first.code, first.tasks["a"]["attempts"]) == (1, 2)
    write("fixed", "")
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err
    assert (done.tasks["a"]["reused"], done.tasks["a"]["output"]) == (True, "fine")


def test_what_a_killed_call_may_have_used_is_told_and_bounds_the_resumed_run(
    start: Callable[..., subprocess.Popen[str]],
    wire: Wire,
    workflow: Callable[..., Path],
    nika: Nika,
    the_run: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workflow()
    wire.add(Reply(text=WORDS), StreamFault("stall", after_chunks=6, stall_seconds=30))
    process = start("run", "w.nika.yaml", "--format", "jsonl")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "task.chunk":
            process.kill()
            break
    process.communicate(timeout=60)
    usage = nika("runs", "show", the_run(), "--format", "json").json["usage"]
    assert (usage["totalTokens"], usage.get("calls", 0)) == (0, 0)
    assert usage["unknownTokens"] > 100  # its prompt, and all of its maxTokens
    assert f"up to {usage['unknownTokens']} more" in nika("runs", "show", the_run()).out
    wire.mock.reset()
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", str(usage["unknownTokens"] + 50))
    refused = nika("resume", the_run(), "--format", "json")
    assert refused.tasks["a"]["error"]["code"] == "NIKA-064"
    assert "by calls whose usage is unknown" in refused.tasks["a"]["error"]["message"]
    monkeypatch.delenv("NIKA_MAX_TOKENS_TOTAL")
    assert nika("resume", the_run(), "--format", "json").code == 0
