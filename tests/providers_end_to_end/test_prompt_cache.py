"""Prompts in a provider's cache: a server that counts as Anthropic does sees what is read, written and paid in full."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from nika_core.testing import FaultServer
from nika_core.testing.fault_server import FaultAnswer, ReceivedRequest

from .conftest import KEY, Nika, Write

TURNS = 10
_LOOKED_BACK = 20  # blocks before a mark in which Anthropic looks for what it has
WORKFLOW = """
agent:
  model: claude-sonnet-5
  provider: claude
  maxTokens: 100
  {more}
  systemPrompt: "{system}"
  allowedTools: [shell]
tasks:
  - {{id: solve, agent: "Count.", timeout: 120s, retry: {{max: 1}}}}
"""
PRICES = """
prices:
  claude-sonnet-5: {inputPerMillion: 10, outputPerMillion: 50, cachedPerMillion: 1, cacheWritePerMillion: 12.5}
"""


class Counting:
    """Calls `shell` until the last turn, and counts the tokens of each prompt: a quarter of the bytes of each block."""

    def __init__(self, calls_in_a_turn: int = 1) -> None:
        self.calls_in_a_turn = calls_in_a_turn
        self.read: list[int] = []
        self.written: list[int] = []
        self.full: list[int] = []
        self._cache: set[str] = set()

    def total(self, call: int) -> int:
        return self.read[call] + self.written[call] + self.full[call]

    def wire(self, request: ReceivedRequest) -> FaultAnswer:
        if request.path.endswith("count_tokens"):
            return FaultAnswer([b'{"input_tokens": 9}'])
        blocks, marks = _blocks_of(request.body)
        sizes = [-(-len(block) // 4) for block in blocks]
        prefixes = ["\n".join(blocks[: number + 1]) for number in range(len(blocks))]
        known = [
            place
            for mark in marks
            for place in range(max(0, mark - _LOOKED_BACK), mark + 1)
            if prefixes[place] in self._cache
        ]
        read = sum(sizes[: max(known) + 1]) if known else 0
        self._cache.update(prefixes[mark] for mark in marks)
        written = max(0, sum(sizes[: marks[-1] + 1]) - read) if marks else 0
        self.read.append(read)
        self.written.append(written)
        self.full.append(sum(sizes) - read - written)
        return self._answer(len(self.read))

    def _answer(self, turn: int) -> FaultAnswer:
        counted = {
            "input_tokens": self.full[-1],
            "cache_read_input_tokens": self.read[-1],
            "cache_creation_input_tokens": self.written[-1],
        }
        content: list[dict[str, Any]] = [{"type": "text", "text": "Ten."}]
        if turn < TURNS:
            content = [
                {"type": "tool_use", "id": f"t{turn}-{n}", "name": "shell", "input": {"command": f"echo {turn} {n}"}}
                for n in range(self.calls_in_a_turn)
            ]
        stop = "tool_use" if turn < TURNS else "end_turn"
        message = {"type": "message", "model": "claude-sonnet-5", "content": content, "stop_reason": stop}
        return FaultAnswer([json.dumps({**message, "usage": {**counted, "output_tokens": 5}}).encode()])


def _blocks_of(body: Any) -> tuple[list[str], list[int]]:
    """Return the blocks of a prompt in the order in which they are cached, and which of them are marked."""
    system = body.get("system", [])
    blocks = [*body.get("tools", []), *([{"type": "text", "text": system}] if isinstance(system, str) else system)]
    blocks += [{"role": turn["role"], **block} for turn in body["messages"] for block in turn["content"]]
    marks = [number for number, block in enumerate(blocks) if "cache_control" in block]
    assert len(marks) <= 4  # Anthropic refuses more
    return [json.dumps({k: v for k, v in block.items() if k != "cache_control"}) for block in blocks], marks


@pytest.fixture
def serve(folder: Any, write: Write, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Counting]]:
    """Start a counting server."""
    servers: list[FaultServer] = []

    def start(**options: Any) -> Counting:
        counting = Counting(**options)
        servers.append(FaultServer(counting.wire).__enter__())
        monkeypatch.setenv("ANTHROPIC_BASE_URL", servers[-1].url)
        return counting

    write("nika.yaml", PRICES)
    monkeypatch.setenv("NIKA_TRUST", str(folder))
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("NIKA_MAX_TOKENS_TASK", "1000000")
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", "1000000")
    yield start
    for server in servers:
        server.__exit__(None, None, None)


@pytest.mark.parametrize("calls_in_a_turn", [1, 15])
def test_each_turn_of_a_tool_loop_pays_in_full_only_for_what_is_new(
    nika: Nika, write: Write, serve: Callable[..., Counting], calls_in_a_turn: int, the_run: Callable[[], str]
) -> None:
    counting = serve(calls_in_a_turn=calls_in_a_turn)
    write("w.nika.yaml", WORKFLOW.format(system="You count. " * 400, more="maxTurns: 20"))
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert len(counting.read) == TURNS
    for call in range(1, TURNS):
        assert counting.read[call] == counting.total(call - 1), call  # all that was sent before
        assert counting.full[call] == 0
    read, written = sum(counting.read), sum(counting.written)
    usage = done.lines[-1]["data"]["usage"]
    total = sum(map(counting.total, range(TURNS)))
    assert (usage["inputTokens"], usage["cachedTokens"], usage["cacheWriteTokens"]) == (total, read, written)
    cost = (read * Decimal(1) + written * Decimal("12.5") + TURNS * 5 * Decimal(50)) / 1_000_000
    assert usage["costUsd"] == pytest.approx(float(cost))
    second = done.events("model.called")[1]["data"]["usage"]
    assert (second["cachedTokens"], second["cacheWriteTokens"]) == (counting.read[1], counting.written[1])
    assert f"{read} read from the cache, {written} written to it" in nika("runs", "show", the_run()).out


@pytest.mark.parametrize("where", ["block", "task"])
def test_without_it_every_turn_pays_for_all(
    nika: Nika, write: Write, serve: Callable[..., Counting], where: str
) -> None:
    counting = serve()
    text = WORKFLOW.format(system="You count.", more="cachePrompt: false" if where == "block" else "maxTurns: 20")
    if where == "task":
        text = text.replace('agent: "Count."', 'agent: {prompt: "Count.", cachePrompt: false}')
    write("w.nika.yaml", text)
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert (sum(counting.read), sum(counting.written)) == (0, 0)
    assert "cachedTokens" not in done.json["usage"]


def test_tasks_with_the_same_system_prompt_share_it(
    nika: Nika, write: Write, serve: Callable[..., Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = serve()
    counting._answer = lambda turn: Counting._answer(counting, TURNS)  # type: ignore[method-assign]  # no tools here
    write(
        "w.nika.yaml",
        f"""\
        agent: {{model: claude-sonnet-5, provider: claude, maxTokens: 100, systemPrompt: "{"You count. " * 100}"}}
        tasks:
          - {{id: a, llm: "One?"}}
          - {{id: b, llm: "Two? {{{{a}}}}"}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert counting.read[0] == 0
    assert counting.read[1] == counting.written[0] > 200
    assert counting.written[1] == 0  # nobody asks again with the same question


def test_a_plans_low_bound_counts_on_the_cache_and_its_high_bound_on_none(
    nika: Nika, write: Write, serve: Callable[..., Counting]
) -> None:
    serve()
    prices = {"low": Decimal(1), "high": Decimal("12.5")}
    for cache, low, high in ((True, prices["low"], prices["high"]), (False, Decimal(10), Decimal(10))):
        write(
            "w.nika.yaml",
            f"""\
            agent: {{model: claude-sonnet-5, maxTokens: 100, cachePrompt: {str(cache).lower()}}}
            tasks: [{{id: a, llm: "{"word " * 100}"}}]
            """,
        )
        (task,) = nika("plan", "w.nika.yaml", "--format", "json").json["tasks"]
        estimate = task["estimate"]
        assert estimate["costUsdLow"] == pytest.approx(float(estimate["tokensLow"] * low / 1_000_000))
        reply = 100 * Decimal(50)
        most = (estimate["tokensHigh"] - 100) * high
        assert estimate["costUsdHigh"] == pytest.approx(float((most + reply) / 1_000_000))


@pytest.mark.parametrize(
    ("words", "model", "low"),
    [(1500, "gpt-5", "1"), (300, "gpt-5", "10"), (1500, "gpt-4-turbo", "10")],
    ids=["long", "too short to be cached", "a model that caches nothing"],
)
def test_a_plans_low_bound_counts_on_what_openai_caches_by_itself(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch, words: int, model: str, low: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    price = "{inputPerMillion: 10, outputPerMillion: 50, cachedPerMillion: 1}"
    write("nika.yaml", f"prices: {{gpt-5: {price}, gpt-4-turbo: {price}}}\n")
    text = (
        f"agent: {{model: {model}, maxTokens: 100, cachePrompt: false}}\ntasks: [{{id: a, llm: '{'word ' * words}'}}]\n"
    )
    write("w.nika.yaml", text)
    (task,) = nika("plan", "w.nika.yaml", "--format", "json").json["tasks"]
    estimate = task["estimate"]
    assert estimate["costUsdLow"] == pytest.approx(float(estimate["tokensLow"] * Decimal(low) / 1_000_000))
    most = (estimate["tokensHigh"] - 100) * Decimal(10) + 100 * Decimal(50)
    assert estimate["costUsdHigh"] == pytest.approx(float(most / 1_000_000))
