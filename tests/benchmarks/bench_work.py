"""Real work beside what a user would write by hand: `python tests/benchmarks/bench_work.py [--json] [--only PART]`.

Tools of MCP servers, agents with tools, HTTP requests, commands and functions: a run through the public interface with
its journal, and the same with the SDK, httpx2 or asyncio, 10 at once. Servers are in processes of their own. CPU time,
the best of several rounds in turns, with that of all processes that are started; the model server is not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from model_server import model_server
from rows import Row, best_in_turns, duration, tell
from work_servers import SERVER, http_server

import nika_core as nika
from nika_core.cli import collect_rarely
from nika_core.toolbox.process import sweeping
from nika_core.toolbox.process.guardian_client import guardian_pids
from nika_core.toolbox.process.table import descendants, process_table

AT_ONCE = 10
MODEL = "claude-sonnet-4-5"
LIMITS = ("NIKA_MAX_TOKENS_TOTAL", "NIKA_MAX_TOKENS_PER_TASK", "NIKA_MAX_TASKS", "NIKA_MAX_CONCURRENT")
TICKS = os.sysconf("SC_CLK_TCK")
MCP = {"command": sys.executable, "args": [SERVER, "mcp"]}
PLAIN = '''def words(text: str) -> dict[str, int]:
    """Count."""
    return {"words": len(text.split())}
'''
HEAVY = f"# nika: preload: true\nimport asyncio, decimal, email.message, http.client, unittest.mock, xml.dom\n\n{PLAIN}"
BY_HAND = (
    "import json, sys; sys.path.insert(0, '.'); from {} import words; print(json.dumps(words(**json.loads({!r}))))"
)


def workflow(folder: Path, tasks: Sequence[str], head: str = "") -> Any:
    """A prepared run of these tasks."""
    path = folder / "work.nika.yaml"
    path.write_text(f"{head}tasks:\n" + "".join(f"  - {{id: t{number}, {one}}}\n" for number, one in enumerate(tasks)))
    return nika.prepare(path, max_concurrent=AT_ONCE)


class _Guarded:
    """CPU seconds of what the guardians of a run have started, read at its end: nobody who waits for it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._end = sweeping.end_guardians

    async def __call__(self, run_id: str) -> int | None:
        guardians = guardian_pids()
        for pid in guardians | descendants(process_table(), guardians):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                self.seconds += sum(map(int, fields[11:15])) / TICKS
        return await self._end(run_id)


GUARDED = _Guarded()


def ours(folder: Path, tasks: Sequence[str], head: str = "") -> float:
    """CPU seconds that a run takes, with what it starts, once."""
    ready = workflow(folder, tasks, head)
    gc.collect()
    start, GUARDED.seconds = time.process_time(), 0.0
    before = _forker_seconds()
    result = asyncio.run(nika.carry_out(nika.start(ready)))
    took = time.process_time() - start + GUARDED.seconds - before
    failed = [task.failure for task in result.tasks if task.failure is not None]
    assert result.status is nika.RunStatus.SUCCEEDED, failed[:1]
    return took


def _forker_seconds() -> float:
    """What the process that forks guardians has already used: it is there for more than one run."""
    seconds = 0.0
    for pid in guardian_pids():
        with contextlib.suppress(OSError):
            seconds += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])) / TICKS
    return seconds


def by_hand(work: Callable[[asyncio.Semaphore], Awaitable[object]]) -> float:
    """CPU seconds of a program that somebody has written for it, once, with the processes that it has waited for."""

    async def run() -> None:
        await work(asyncio.Semaphore(AT_ONCE))

    gc.collect()
    start, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    asyncio.run(run())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return time.process_time() - start + started


def compared(measure: str, other: str, bound: float | None, count: int, works: dict[str, Callable[[], float]]) -> Row:
    """Both in turns; told for each call."""
    return measured(measure, other, bound, count, works)[0]


def measured(
    measure: str, other: str, bound: float | None, count: int, works: dict[str, Callable[[], float]]
) -> tuple[Row, float]:
    """Return the row, and our seconds for each call."""
    best = best_in_turns(works, least=3, still=3, most=20.0)
    mine, theirs = (best[name] / count for name in ("ours", "other"))
    return Row(f"{measure}, each", duration(mine), f"{other}: {duration(theirs)}", mine / theirs, bound), mine


def mcp(folder: Path) -> Iterator[Row]:
    """Calls of a tool over stdio."""
    from mcp import Client, StdioServerParameters

    count = 500
    head = f"mcpServers: {{echo: {json.dumps(MCP)}}}\n"
    tasks = [f'mcp: {{reference: "echo::echo", args: {{text: "call {number}"}}}}' for number in range(count)]

    async def sdk(turns: asyncio.Semaphore) -> None:
        async with Client(StdioServerParameters(command=MCP["command"], args=list(MCP["args"]))) as client:

            async def call(number: int) -> Any:
                async with turns:
                    return (await client.call_tool("echo", {"text": f"call {number}"})).content[0]

            await asyncio.gather(*map(call, range(count)))

    works = {"ours": lambda: ours(folder, tasks, head), "other": lambda: by_hand(sdk)}
    yield compared("calls of an MCP tool over stdio", "the SDK", 1.4, count, works)


def agent(folder: Path) -> Iterator[Row]:
    """Conversations with tools: 4 answers of a model and 3 calls of a tool in each."""
    from anthropic import AsyncAnthropic
    from mcp import Client, StdioServerParameters

    count = 100
    head = f"agent: {{provider: claude, model: {MODEL}, maxTokens: 500}}\nmcpServers: {{echo: {json.dumps(MCP)}}}\n"
    tasks = [
        f'agent: {{prompt: "turns-3: number {number}", maxTurns: 5}}, allowedTools: ["mcp::echo::echo"]'
        for number in range(count)
    ]

    async def sdks(turns: asyncio.Semaphore) -> None:
        parameters = StdioServerParameters(command=MCP["command"], args=list(MCP["args"]))
        async with Client(parameters) as client, AsyncAnthropic(max_retries=0) as claude:
            tools: Any = [
                {"name": one.name, "description": one.description or "", "input_schema": one.input_schema}
                for one in (await client.list_tools()).tools
            ]

            async def talk(number: int) -> str:
                messages: list[Any] = [{"role": "user", "content": f"turns-3: number {number}"}]
                async with turns:
                    while True:
                        async with claude.messages.stream(
                            model=MODEL, messages=messages, max_tokens=500, tools=tools
                        ) as stream:
                            message = await stream.get_final_message()
                        uses = [block for block in message.content if block.type == "tool_use"]
                        if not uses:
                            return "".join(block.text for block in message.content if block.type == "text")
                        results: list[Any] = []
                        for use in uses:
                            found: Any = (await client.call_tool(use.name, use.input)).content[0]
                            results.append({"type": "tool_result", "tool_use_id": use.id, "content": found.text})
                        messages += [
                            {"role": "assistant", "content": message.content},
                            {"role": "user", "content": results},
                        ]

            assert all(await asyncio.gather(*map(talk, range(count))))

    with model_server() as address:
        os.environ |= {"ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": address}
        works = {"ours": lambda: ours(folder, tasks, head), "other": lambda: by_hand(sdks)}
        yield compared("agents with 3 calls of a tool", "the SDKs", 1.4, count, works)


def http(folder: Path) -> Iterator[Row]:
    """Requests, and how many connections they open."""
    import httpx2

    count = 1000
    with http_server() as address:
        os.environ["NIKA_HTTP_ALLOW"] = "127.0.0.0/8"
        tasks = [f'http: "{address}/{number}"' for number in range(count)]

        async def httpx(turns: asyncio.Semaphore) -> None:
            async with httpx2.AsyncClient() as client:

                async def get(number: int) -> Any:
                    async with turns:
                        return (await client.get(f"{address}/{number}")).raise_for_status().json()

                await asyncio.gather(*map(get, range(count)))

        works = {"ours": lambda: ours(folder, tasks), "other": lambda: by_hand(httpx)}
        yield compared("http requests", "httpx2", 1.5, count, works)
        most = 100
        asked = f"{address}/connections"
        with urllib.request.urlopen(asked):
            ready = workflow(folder, tasks)
        ready = nika.prepare(folder / "work.nika.yaml", max_concurrent=most)
        result = asyncio.run(nika.carry_out(nika.start(ready)))
        assert result.status is nika.RunStatus.SUCCEEDED, result
        with urllib.request.urlopen(asked) as answer:
            opened = int(answer.read()) - 1
        measure = f"connections for {count:,} requests, {most} at once"
        yield Row(measure, f"{opened}", f"{most}", opened / most, 1.0)


def shell(folder: Path) -> Iterator[Row]:
    """Commands that end at once."""
    count = 300
    tasks = [f'shell: "echo {number}"' for number in range(count)]

    async def processes(turns: asyncio.Semaphore) -> None:
        async def call(number: int) -> bytes:
            async with turns:
                process = await asyncio.create_subprocess_shell(
                    f"echo {number}", cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
                )
                return (await process.communicate())[0]

        assert all(await asyncio.gather(*map(call, range(count))))

    works = {"ours": lambda: ours(folder, tasks), "other": lambda: by_hand(processes)}
    yield compared("shell commands", "asyncio", 1.3, count, works)


def function(folder: Path) -> Iterator[Row]:
    """Functions in processes of their own: plain ones, and one with imports that take 0.1 s."""
    yield from _function(folder, "Python functions", "plain", PLAIN, (0.3, 0.006), 200)
    yield from _function(folder, "Python functions, preloaded", "heavy", HEAVY, (0.1, 0.012), 40)


def _function(
    folder: Path, measure: str, name: str, source: str, bounds: tuple[float, float], count: int
) -> Iterator[Row]:
    """Compare with a new interpreter, and report against the goal in seconds."""
    bound, goal = bounds
    (folder / f"{name}.py").write_text(source)
    reference = f'function: {{reference: "{name}.py::words", args: {{text: "some words {{}}"}}}}'

    async def processes(turns: asyncio.Semaphore) -> None:
        async def call(number: int) -> bytes:
            async with turns:
                code = BY_HAND.format(name, json.dumps({"text": f"some words {number}"}))
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", code, cwd=folder, stdout=asyncio.subprocess.PIPE
                )
                return (await process.communicate())[0]

        assert all(await asyncio.gather(*map(call, range(count))))

    tasks = [reference.replace("{}", str(number)) for number in range(count)]
    works = {"ours": lambda: ours(folder, tasks), "other": lambda: by_hand(processes)}
    row, mine = measured(measure, "a new interpreter", bound, count, works)
    yield row
    yield Row(f"{measure}: goal", duration(mine), f"goal: {duration(goal)}", mine / goal, 1.0, reported=True)


PARTS: dict[str, Callable[[Path], Iterator[Row]]] = {
    part.__name__: part for part in (mcp, agent, http, shell, function)
}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    given = parser.parse_args()
    collect_rarely()  # as `nika run` does
    os.environ |= dict.fromkeys(LIMITS, "1000000000")
    sweeping.end_guardians = GUARDED
    rows: list[Row] = []
    for name in [given.only] if given.only else PARTS:
        with tempfile.TemporaryDirectory() as folder:
            rows += PARTS[name](Path(folder))
    tell(rows)


if __name__ == "__main__":
    main()
