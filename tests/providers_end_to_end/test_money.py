"""What a run counts for servers with odd figures: never less than their text, and never more than they can mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import pytest

from nika_core import codes
from nika_core.testing import RawServer, run_workflow
from nika_core.testing.fault_server import ReceivedRequest
from nika_core.testing.raw_server import RawAnswer

WORDS = "word " * 80  # 400 bytes, 100 tokens as we estimate them
TEXT = 100
UNKNOWN = -1  # as many tokens as we estimate for the prompt
MOST = 150  # maxTokens
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True)
class Row:
    """A server, and what a run counts for it: tokens of the prompt and of the answer, and whether as an estimate."""

    name: str
    counts: tuple[int, int]
    answer: bytes
    estimated: bool = False
    fails: bool = False


def sse(*events: Any) -> bytes:
    parts = []
    for event in events:
        kind = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        parts.append(f"{kind}data: {event if isinstance(event, str) else json.dumps(event)}\n\n")
    return HEAD % b"text/event-stream" + "".join(parts).encode()


def piece(**delta: Any) -> Any:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def usage(prompt: Any, answer: Any, **more: Any) -> Any:
    return {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": answer, **more}}


TOLD = piece(content=WORDS)
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
DIED = {"error": {"message": "the worker has died", "code": 500}}
THOUGHT = piece(reasoning_content="let me see " * 20)
CALL = piece(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}])


def told(name: str, figures: Any, *counts: int, estimated: bool = False) -> Row:
    return Row(name, (counts[0], counts[1]), sse(TOLD, STOP, figures, "[DONE]"), estimated)


def broken(name: str, *events: Any, counts: tuple[int, int] = (UNKNOWN, 0)) -> Row:
    return Row(name, counts, sse(*events), estimated=True, fails=True)


def told_by(
    name: str, *events: Any, counts: tuple[int, int] = (UNKNOWN, TEXT), estimated: bool = True, fails: bool = False
) -> Row:
    return Row(name, counts, sse(*events), estimated, fails)


OPENAI = [
    told("honest", usage(10, 90), 10, 90),
    Row("no-figures", (UNKNOWN, TEXT), sse(TOLD, STOP, "[DONE]"), True),
    told("empty-figures", {"choices": [], "usage": {}}, UNKNOWN, TEXT, estimated=True),
    told("figures-null", {"choices": [], "usage": None}, UNKNOWN, TEXT, estimated=True),
    told("figures-are-a-list", {"choices": [], "usage": [10, 90]}, UNKNOWN, TEXT, estimated=True),
    told("zero", usage(0, 0), UNKNOWN, TEXT, estimated=True),
    told("one", usage(1, 0), 1, TEXT, estimated=True),
    told("answer-too-small", usage(10, 3), 10, TEXT, estimated=True),
    told("negative", usage(-1000000, -1000000), UNKNOWN, TEXT, estimated=True),
    told("negative-answer", usage(10, -5), 10, TEXT, estimated=True),
    told("huge", usage(10**30, 10**30), UNKNOWN, TEXT, estimated=True),
    told("large", usage(10, 1000), 10, 1000),
    told("texts", usage("12x", "abc"), UNKNOWN, TEXT, estimated=True),
    told("numbers-as-texts", usage("10", "90"), 10, 90),
    told("full-width-digits", usage("１０", "９０"), UNKNOWN, TEXT, estimated=True),
    told("nan", usage(nan, nan), UNKNOWN, TEXT, estimated=True),
    told("infinite", usage(inf, 1), UNKNOWN, TEXT, estimated=True),
    told("fractions", usage(10.9, 90.9), 10, 90),
    told("truth", usage(True, False), UNKNOWN, TEXT, estimated=True),
    told("objects", usage([1], {}), UNKNOWN, TEXT, estimated=True),
    told("cached-more-than-sent", usage(10, 90, prompt_tokens_details={"cached_tokens": 10**9}), 10, 90),
    told("cached-negative", usage(10, 90, prompt_tokens_details={"cached_tokens": -(10**9)}), 10, 90),
    told("reasoning-outside", usage(10, 90, completion_tokens_details={"reasoning_tokens": 400}), 10, 490),
    told("total-only", {"choices": [], "usage": {"total_tokens": 200}}, UNKNOWN, TEXT, estimated=True),
    told(
        "cache-writes",
        {"choices": [], "usage": {"input_tokens": 10, "cache_creation_input_tokens": 40, "output_tokens": 90}},
        50,
        90,
    ),
    Row("only-in-the-first-event", (10, TEXT), sse({**TOLD, **usage(10, 1), "choices": TOLD["choices"]}, STOP), True),
    Row("twice", (10, 90), sse(TOLD, STOP, usage(10, 90), usage(0, 0), "[DONE]")),
    Row("twice-the-same", (10, 90), sse(TOLD, STOP, usage(10, 90), usage(10, 90))),
    Row("running-total", (10, 90), sse({**usage(10, 40), "choices": TOLD["choices"]}, STOP, usage(10, 90))),
    Row("billed-as-nothing", (10, 90), sse(TOLD, STOP, usage(10, 90, cost=0))),
    broken("dies-after-text", TOLD, DIED, counts=(UNKNOWN, TEXT)),
    broken("dies-after-thoughts", THOUGHT, DIED),
    broken("dies-after-a-call", CALL, DIED),
    broken("dies-after-an-empty-piece", piece(role="assistant", content=""), DIED),
    Row("dies-after-figures", (10, TEXT), sse({**usage(10, 1), "choices": TOLD["choices"]}, DIED), True, True),
    broken("cut-after-text", TOLD, counts=(UNKNOWN, TEXT)),
    broken("cut-after-thoughts", THOUGHT),
    broken("nonsense-after-text", TOLD, "{nonsense", counts=(UNKNOWN, TEXT)),
    broken("no-answer-at-all"),
    Row("a-page", (0, 0), HEAD % b"text/html" + b"<html>It works!</html>", False, True),
    Row("refused", (0, 0), sse(DIED), False, True),
    told("float-texts", usage("10.0", "90.0"), UNKNOWN, TEXT, estimated=True),
    told("exponent", usage(1e1, 9e1), 10, 90),
    told("negative-zero", usage(-0.0, -0.0), UNKNOWN, TEXT, estimated=True),
    told("just-below-text", usage(10, 79), 10, 79),
    told("prompt-negative-only", usage(-10, 90), UNKNOWN, 90, estimated=True),
    told("prompt-zero", usage(0, 90), UNKNOWN, 90, estimated=True),
    told("prompt-huge", usage(10**12, 90), UNKNOWN, 90, estimated=True),
    told("answer-huge", usage(10, 10**12), 10, TEXT, estimated=True),
    told("prompt-missing", {"choices": [], "usage": {"completion_tokens": 90}}, UNKNOWN, 90, estimated=True),
    told("answer-missing", {"choices": [], "usage": {"prompt_tokens": 10}}, 10, TEXT, estimated=True),
    told("answer-null", usage(10, None), 10, TEXT, estimated=True),
    told("swapped-names", {"choices": [], "usage": {"input_tokens": 10, "output_tokens": 90}}, 10, 90),
    told(
        "camel", {"choices": [], "usage": {"promptTokens": 10, "completionTokens": 90}}, UNKNOWN, TEXT, estimated=True
    ),
    told(
        "both-names-differ",
        {
            "choices": [],
            "usage": {"prompt_tokens": 10, "input_tokens": 99, "completion_tokens": 90, "output_tokens": 5},
        },
        10,
        90,
    ),
    told("total-smaller", usage(10, 90, total_tokens=5), 10, 90),
    told("total-larger", usage(10, 90, total_tokens=500), 10, 490),
    told("cached-float", usage(10, 90, prompt_tokens_details={"cached_tokens": 4.5}), 10, 90),
    told("cached-text", usage(10, 90, prompt_tokens_details={"cached_tokens": "4"}), 10, 90),
    told("details-list", usage(10, 90, prompt_tokens_details=[1]), 10, 90),
    told("details-text", usage(10, 90, completion_tokens_details="x"), 10, 90),
    told("reasoning-negative", usage(10, 90, completion_tokens_details={"reasoning_tokens": -400}), 10, 90),
    told("reasoning-huge", usage(10, 90, completion_tokens_details={"reasoning_tokens": 10**30}), 10, 90),
    told("reasoning-inside", usage(10, 90, completion_tokens_details={"reasoning_tokens": 50}), 10, 90),
    told("cost-negative", usage(10, 90, cost=-5), 10, 90),
    told("cost-text", usage(10, 90, cost="free"), 10, 90),
    told("cost-nan", usage(10, 90, cost=nan), 10, 90),
    told_by(
        "shrinking-total",
        {**usage(10, 90), "choices": TOLD["choices"]},
        STOP,
        usage(10, 40),
        counts=(10, 90),
        estimated=False,
    ),
    told_by(
        "growing-then-zero",
        {**usage(10, 50), "choices": TOLD["choices"]},
        usage(10, 95),
        STOP,
        usage(0, 0),
        counts=(10, 95),
        estimated=False,
    ),
    told_by("after-done", TOLD, STOP, "[DONE]", usage(10, 90)),
    told_by("in-the-delta", piece(content=WORDS, usage={"prompt_tokens": 10, "completion_tokens": 90}), STOP),
    told_by(
        "in-the-choice",
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": WORDS},
                    "usage": {"prompt_tokens": 10, "completion_tokens": 90},
                    "finish_reason": "stop",
                }
            ]
        },
        counts=(10, 90),
        estimated=False,
    ),
    told_by(
        "x_groq",
        TOLD,
        {**STOP, "x_groq": {"usage": {"prompt_tokens": 10, "completion_tokens": 90}}},
        counts=(10, 90),
        estimated=False,
    ),
    told_by("figures-before-text", usage(10, 1), TOLD, STOP, counts=(10, TEXT)),
    told_by("figures-then-dies", TOLD, usage(10, 90), DIED, counts=(10, TEXT), fails=True),
    told_by("large-then-dies", TOLD, usage(10, 1000), DIED, counts=(10, 1000), estimated=False, fails=True),
    told_by("dies-after-half-an-event", TOLD, '{"choices": [{"delta"', fails=True),
    told_by("timings", TOLD, {**STOP, "timings": {"prompt_n": 10, "predicted_n": 90}}, counts=(UNKNOWN, TEXT)),
    told_by(
        "empty-choices-text",
        {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 90}, "text": WORDS},
        counts=(10, 90),
        fails=True,
        estimated=False,
    ),
    told_by("refusal-text", piece(refusal="I can not do that " * 20), STOP, usage(10, 2), counts=(10, 90), fails=True),
    Row("status-500", (0, 0), b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}", False, True),
]


def start(**figures: Any) -> Any:
    return {"type": "message_start", "message": {"content": [], "usage": figures}}


def end(**figures: Any) -> list[Any]:
    return [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": figures}, {"type": "message_stop"}]


BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": WORDS}}
FAILED = {"type": "error", "error": {"type": "api_error", "message": "the worker has died"}}
THINKS = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "well " * 9}}

CLAUDE = [
    Row("claude-honest", (10, 90), sse(start(input_tokens=10, output_tokens=1), BLOCK, *end(output_tokens=90))),
    Row("claude-only-at-the-start", (10, TEXT), sse(start(input_tokens=10, output_tokens=1), BLOCK, *end()), True),
    Row("claude-none", (UNKNOWN, TEXT), sse(start(), BLOCK, *end()), True),
    Row("claude-negative", (10, TEXT), sse(start(input_tokens=10), BLOCK, *end(output_tokens=-5)), True),
    Row(
        "claude-cache",
        (60, 90),
        sse(start(input_tokens=10, cache_creation_input_tokens=50), BLOCK, *end(output_tokens=90)),
    ),
    Row(
        "claude-cumulative",
        (10, 95),
        sse(
            start(input_tokens=10, output_tokens=40),
            BLOCK,
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 50}},
            *end(output_tokens=95),
        ),
    ),
    Row("claude-shrinks", (10, 95), sse(start(input_tokens=10, output_tokens=95), BLOCK, *end(output_tokens=3))),
    Row("claude-text", (10, 90), sse(start(input_tokens="10", output_tokens=1), BLOCK, *end(output_tokens="90"))),
    Row("claude-float", (10, 90), sse(start(input_tokens=10.7, output_tokens=1), BLOCK, *end(output_tokens=90.7))),
    Row("claude-input-at-end", (10, 90), sse(start(), BLOCK, *end(input_tokens=10, output_tokens=90))),
    Row("claude-input-zero", (UNKNOWN, 90), sse(start(input_tokens=0), BLOCK, *end(output_tokens=90)), True),
    Row(
        "claude-cache-negative",
        (10, 90),
        sse(start(input_tokens=10, cache_read_input_tokens=-50), BLOCK, *end(output_tokens=90)),
    ),
    Row(
        "claude-cache-huge",
        (10, 90),
        sse(start(input_tokens=10, cache_read_input_tokens=10**15), BLOCK, *end(output_tokens=90)),
    ),
    Row("claude-no-start", (UNKNOWN, 90), sse(BLOCK, *end(output_tokens=90)), True),
    Row(
        "claude-two-starts",
        (10, 90),
        sse(start(input_tokens=10), start(input_tokens=10), BLOCK, *end(output_tokens=90)),
    ),
    Row(
        "claude-usage-list",
        (UNKNOWN, TEXT),
        sse({"type": "message_start", "message": {"content": [], "usage": [1]}}, BLOCK, *end()),
        True,
    ),
    Row(
        "claude-overloaded-after-text",
        (10, TEXT),
        sse(start(input_tokens=10), BLOCK, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
        True,
        True,
    ),
    Row(
        "claude-dies-after-figures",
        (10, TEXT),
        sse(start(input_tokens=10), BLOCK, end(output_tokens=90)[0], FAILED),
        True,
        True,
    ),
    Row("claude-dies-after-the-start", (10, 1), sse(start(input_tokens=10, output_tokens=1), FAILED), False, True),
    Row("claude-dies-after-thoughts", (UNKNOWN, 0), sse(start(), THINKS, FAILED), True, True),
    Row("claude-dies-after-text", (10, TEXT), sse(start(input_tokens=10, output_tokens=1), BLOCK, FAILED), True, True),
]


class OddServer(RawServer):
    """Answers by the name of the model."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self.rows = {row.name: row for row in rows}

    def answer_to(self, request: ReceivedRequest) -> RawAnswer:
        row = self.rows.get(str(request.body.get("model")))
        if row is None or "count_tokens" in request.path:
            return RawAnswer(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "close")
        return RawAnswer(row.answer, "close")


def tasks(rows: list[Row]) -> str:
    return "\n".join(
        f"  - {{id: {row.name}, llm: {{prompt: Say something., model: {row.name}, maxTokens: {MOST}}}, "
        "retry: {max: 1}, onError: continue}"
        for row in rows
    )


@pytest.mark.parametrize(
    ("provider", "rows", "environ"),
    [
        ("openai", OPENAI, lambda url: {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-none"}),
        ("claude", CLAUDE, lambda url: {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-none"}),
    ],
)
def test_odd_figures_count_as_what_they_can_mean(
    provider: str, rows: list[Row], environ: Callable[[str], dict[str, str]]
) -> None:
    with OddServer(rows) as server:
        ran = run_workflow(
            f"agent: {{model: m, provider: {provider}}}\ntasks:\n{tasks(rows)}\n",
            environ={**environ(server.url), "NO_PROXY": "127.0.0.1", "NIKA_MAX_CONCURRENT": "4"},
        )
    prompt = next(ran.task(row.name).usage.input_tokens for row in rows if row.counts[0] == UNKNOWN)
    wrong = []
    for row in rows:
        task = ran.task(row.name)
        expected = prompt if row.counts[0] == UNKNOWN else row.counts[0], row.counts[1]
        counted = task.usage.input_tokens, task.usage.output_tokens
        if (counted, task.usage.estimated, task.failure is not None) != (expected, row.estimated, row.fails):
            message = task.failure.message if task.failure else ""
            wrong.append(f"{row.name}: counted {counted}, not {expected} (estimated {task.usage.estimated}) {message}")
    assert wrong == []


def test_decisions_and_calls_of_tools_count_although_the_server_tells_no_figures() -> None:
    decision = piece(
        tool_calls=[
            {"index": 0, "id": "a", "type": "function", "function": {"name": "continue_run", "arguments": "{}"}},
        ]
    )
    with OddServer([Row("decides", (0, 0), sse(decision, STOP))]) as server:
        ran = run_workflow(
            """\
            agent: {model: decides, provider: openai, mode: agentic, maxTokens: 100}
            tasks: [{id: bad, shell: exit 1}]
            """,
            environ={"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "sk-none", "NO_PROXY": "127.0.0.1"},
        )
    assert ran.result.usage.input_tokens > 20
    assert ran.result.usage.output_tokens > 0
    assert ran.result.usage.estimated


@pytest.mark.parametrize("at_once", [1, 4])
def test_servers_that_count_differently_exceed_a_limit_by_no_more_than_what_was_in_flight(at_once: int) -> None:
    rows = [told("low", usage(1, 21), 1, 21), told("high", usage(4000, 4000), 4000, 4000)]
    calls = "\n".join(
        f"  - {{id: t{number}, llm: {{prompt: Hello., model: {rows[number % 2].name}, maxTokens: {MOST}}}, "
        "retry: {max: 1}, onError: continue}"
        for number in range(8)
    )
    with OddServer(rows) as server:
        ran = run_workflow(
            f"agent: {{model: m, provider: openai}}\ntasks:\n{calls}\n",
            environ={
                "OPENAI_BASE_URL": f"{server.url}/v1",
                "OPENAI_API_KEY": "sk-none",
                "NO_PROXY": "127.0.0.1",
                "NIKA_MAX_CONCURRENT": str(at_once),
                "NIKA_MAX_TOKENS_TOTAL": "10000",
            },
        )
    used = ran.result.usage.total_tokens
    assert used < 10_000 + at_once * 8000
    assert sum(task.failure is not None and task.failure.code == codes.TOKEN_BUDGET for task in ran.result.tasks) >= 2
    over = [warning for warning in ran.warnings if "more than NIKA_MAX_TOKENS_TOTAL allows" in warning]
    assert [f"{used:,} tokens, {used - 10_000:,} tokens more" in warning for warning in over] == [True] * (
        used > 10_000
    )
