"""A call without files uses no thread: the change of threads would take longer than all the rest of a short call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from nika_core.model.workflow import AgentBlock
from nika_core.toolbox.agent.attachments import attached_files
from nika_core.toolbox.agent.prompts import read_system


def result_at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """What it returns without waiting for anything."""
    with pytest.raises(StopIteration) as ended:
        work.send(None)
    return ended.value.value


def test_a_system_prompt_that_is_not_in_a_file_is_there_at_once(tmp_path: Path) -> None:
    assert result_at_once(read_system({"systemPrompt": " be brief "}, tmp_path, AgentBlock())) == "be brief"


def test_no_attached_files_are_there_at_once() -> None:
    assert result_at_once(attached_files({}, None)) == ()  # type: ignore[arg-type]  # without files nothing is asked


def test_a_system_prompt_in_a_file_is_read_in_a_thread(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("be brief\n")
    work = read_system({"systemPromptFile": "system.md"}, tmp_path, AgentBlock())
    assert asyncio.run(work) == "be brief"
    work = read_system({"systemPromptFile": "system.md"}, tmp_path, AgentBlock())

    async def begun() -> bool:
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        waits = not task.done()
        await task
        return waits

    assert asyncio.run(begun())
