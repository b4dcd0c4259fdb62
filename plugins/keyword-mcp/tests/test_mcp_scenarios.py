"""Every scenario of odd MCP servers that is shipped, over each transport: what becomes of a call is what it says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_mcp.step import McpStep

from nika_core.errors import Category, TaskError
from nika_core.testing import McpScenario, OddMcpServer, odd_mcp_command, read_mcp_scenarios
from nika_core.testing.mcp_scenario import BUILT_IN
from nika_core.testing.scenario import open_scenario_file

CASES = [(scenario, transport) for scenario in read_mcp_scenarios() for transport in scenario.transports]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenarios as JSON, with which a server starts sooner."""
    path = tmp_path_factory.mktemp("scenarios") / "mcp.json"
    path.write_text(json.dumps(open_scenario_file(BUILT_IN)[0]))
    return path


async def outcome(context: Any, calls: int) -> Any:
    """What the last of the calls returns or raises."""
    last: Any = None
    for _ in range(calls):
        try:
            async with asyncio.timeout(120):
                last = await McpStep().run({"reference": "odd::t", "args": {}}, context)
        except TaskError as error:
            last = error
    await context.aclose()
    return last


@pytest.mark.parametrize(("scenario", "transport"), CASES, ids=[f"{each.name}-{way}" for each, way in CASES])
async def test_no_odd_answer_is_taken_for_a_good_one(
    small: Any, file: Path, scenario: McpScenario, transport: str
) -> None:
    if transport == "stdio":
        small.sections = {"mcpServers": {"odd": odd_mcp_command(file, scenario.name)}}
        last = await outcome(small, scenario.calls)
    else:
        async with OddMcpServer(scenario) as server:
            small.sections = {"mcpServers": {"odd": {"url": f"{server.url}/mcp"}}}
            last = await outcome(small, scenario.calls)
            assert server.sessions == scenario.outcome.get("sessions", server.sessions)
    expected = scenario.outcome.get("error")
    if expected is None:
        assert not isinstance(last, TaskError), last.message
        assert last == scenario.outcome.get("output", last)
        return
    assert isinstance(last, TaskError), last
    assert last.category is not Category.TIMEOUT, last.message
    assert last.category.value == expected.get("category", last.category.value), last.message
    assert expected.get("says", "") in last.message
