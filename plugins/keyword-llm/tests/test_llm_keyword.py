"""The keyword `llm`, its description and its step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nika_keyword_llm.plugin import nika_task_keywords
from nika_keyword_llm.step import Step

from nika_core.document.validation.compile_validators import compile_schema
from nika_core.model.message import Message, Role, ToolSpec, parts_of
from nika_core.model.usage import Usage
from nika_core.model.workflow import AgentBlock, OutputSpec
from nika_core.plugin import ModelInfo, ModelReply, ModelRequest, Tool, fields

EARLIER = (Message(Role.USER, "a"), Message(Role.ASSISTANT, "b"))
TOOL = Tool("shell", "shell", ToolSpec("shell", "Run"), lambda arguments: arguments)


def context_of(requests: list[ModelRequest], folder: Path) -> Any:
    async def complete(request: ModelRequest) -> ModelReply:
        requests.append(request)
        return ModelReply(parts_of("done"), "end", Usage(), "m")

    async def model(request: ModelRequest) -> ModelInfo:
        return ModelInfo("m")

    async def tools() -> tuple[Tool, ...]:
        return (TOOL,)

    return SimpleNamespace(
        folder=folder, output=OutputSpec(), agent=AgentBlock(model="m"), messages=EARLIER, max_json_depth=50,
        complete=complete, model=model, tools=tools,
    )  # fmt: skip


def test_every_field_is_documented_and_the_primary_one_is_a_field() -> None:
    [keyword] = nika_task_keywords()
    documented = set(fields.field_docs(keyword.payload))
    assert documented == compile_schema(keyword.payload).fields
    assert keyword.primary in documented


def test_declaring_it_imports_nothing_heavy() -> None:
    heavy = "anthropic openai jsonschema httpx2 pydantic rich structlog"
    code = f"import nika_keyword_llm.plugin, sys; print([m for m in {heavy.split()} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).strip() == "[]"


async def test_it_asks_once_without_conversation_and_without_tools(tmp_path: Path) -> None:
    requests: list[ModelRequest] = []
    output = await Step().run({"prompt": "go"}, context_of(requests, tmp_path))
    assert (output.value, output.messages) == ("done", ())
    assert [(r.messages, r.tools) for r in requests] == [((Message(Role.USER, "go"),), ())]


async def test_the_system_prompt_and_skills_may_be_files(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("Be brief.")
    (tmp_path / "skill.md").write_text("Use metric units.")
    requests: list[ModelRequest] = []
    payload = {"prompt": "go", "systemPromptFile": "system.md", "skills": ["skill.md"]}
    await Step().run(payload, context_of(requests, tmp_path))

    [request] = requests
    assert request.system is not None
    assert request.system.index("Use metric units.") < request.system.index("Be brief.")


def test_files_are_named_by_the_author_and_never_by_a_value() -> None:
    [keyword] = nika_task_keywords()
    assert keyword.verbatim_fields >= {"systemPromptFile", "skills"}
