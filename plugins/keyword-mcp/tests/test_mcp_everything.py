"""Against a server that none of us wrote, where it is installed: npm's @modelcontextprotocol/server-everything."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_mcp.facets import McpFacets
from nika_keyword_mcp.step import McpStep

from nika_core.plugin import TaskError

COMMAND = shutil.which("mcp-server-everything")
pytestmark = pytest.mark.skipif(COMMAND is None, reason="mcp-server-everything is not installed")


async def test_its_tools_work(small: Any) -> None:
    small.sections = {"mcpServers": {"every": {"command": COMMAND, "args": ["stdio"]}}}

    async def call(tool: str, **args: Any) -> Any:
        async with asyncio.timeout(120):
            return await McpStep().run({"reference": f"every::{tool}", "args": args}, small)

    assert await call("echo", message="hi") == "Echo: hi"
    assert await call("get-sum", a="2", b=3) == "The sum of 2 and 3 is 5."
    assert "[image image/png" in await call("get-tiny-image")
    assert set(await call("get-structured-content", location="New York")) >= {"temperature", "humidity"}
    assert len(await McpFacets().tools("every::*", small)) > 5


async def test_its_form_and_its_pages_are_put_to_a_person(small: Any) -> None:
    small.sections = {"mcpServers": {"every": {"command": COMMAND, "args": ["stdio"]}}}

    async def call(tool: str, *answers: Any, **args: Any) -> Any:
        small.answers = list(answers)
        async with asyncio.timeout(120):
            return await McpStep().run({"reference": f"every::{tool}", "args": args}, small)

    given = {
        "name": "Ada",
        "email": "ada@example.com",
        "birthdate": "1815-12-10",
        "untitledMultipleSelectEnum": "Piano, Violin",
        "titledSingleSelectEnum": "hero-2",
    }
    told = await call("trigger-elicitation-request", given)
    assert "User provided the requested information" in told
    assert json.loads(told.partition("Raw result:")[2])["content"] == {
        **given,
        "firstLine": "It was a dark and stormy night.",
        "integer": 42,
        "number": 3.14,
        "untitledSingleSelectEnum": "Monica",
        "untitledMultipleSelectEnum": ["Piano", "Violin"],
        "titledMultipleSelectEnum": ["fish-1"],
        "legacyTitledEnum": "pet-1",
    }
    assert "User declined" in await call("trigger-elicitation-request", "decline")
    assert "User cancelled" in await call("trigger-elicitation-request", "cancel")
    url = "https://example.com/log-in"
    assert "accept" in await call("trigger-url-elicitation", "yes", url=url)
    assert small.questions[-1].show["url"] == url
    with pytest.raises(TaskError, match="the answer was: decline"):
        await call("trigger-url-elicitation", "no", url=url, errorPath=True)


def test_its_form_pauses_a_run_and_its_answer_is_taken(tmp_path: Path) -> None:
    servers = json.dumps({"every": {"command": COMMAND, "args": ["stdio"]}})
    (tmp_path / "w.nika.yaml").write_text(
        f'mcpServers: {servers}\ntasks:\n  - {{id: ask, mcp: "every::trigger-elicitation-request"}}\n'
    )

    def nika(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("nika")), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    paused = nika("run", "w.nika.yaml")
    assert paused.returncode == 4, paused.stderr
    assert "ask -i name=STRING [-i check=BOOL]" in paused.stderr
    assert nika("answer", "ask", "-i", "name=Ada", "-i", "email=ada").returncode == 2
    done = nika("answer", "ask", "-i", "name=Ada", "-i", "check=true", "--resume")
    assert done.returncode == 0, done.stderr
    assert "- Name: Ada\n- Agreed to terms: true" in done.stdout
