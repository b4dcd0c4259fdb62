"""The `agent:` block: its values, its system prompt, its model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core import codes
from nika_core.document import load_workflow
from nika_core.model.project import Project
from nika_core.model.workflow import Mode

ASKS = "tasks: [{id: a, agent: hi}]\n"


def test_every_value_has_its_type(load: Callable[..., Any]) -> None:
    block = """\
agent:
  model: claude-sonnet-5
  provider: claude
  systemPrompt: "You write about ${input.topic}."
  mode: agentic
  maxTurns: 10
  maxBudgetUsd: 2.50
  maxTokens: 1024
  temperature: 0.2
  allowedTools: [shell]
  disallowedTools: []
  output: a
  overflow: summarize
"""
    agent = load(block + ASKS).workflow.agent
    assert (agent.model, agent.provider, agent.mode, agent.overflow) == (
        "claude-sonnet-5",
        "claude",
        Mode.AGENTIC,
        "summarize",
    )
    assert (agent.max_turns, agent.max_budget_usd, agent.max_tokens, agent.temperature) == (10, 2.5, 1024, 0.2)
    assert (agent.allowed_tools, agent.disallowed_tools, agent.output) == (("shell",), (), "a")
    assert [placeholder.source for placeholder in agent.system_prompt.placeholders] == ["input"]


def test_without_a_list_of_allowed_tools_it_is_none_and_not_empty(load: Callable[..., Any]) -> None:
    assert load("agent: {model: m}\n" + ASKS).workflow.agent.allowed_tools is None
    assert load("agent: {model: m, allowedTools: []}\n" + ASKS).workflow.agent.allowed_tools == ()


def test_a_task_that_asks_needs_a_model_from_somewhere(load: Callable[..., Any]) -> None:
    assert [problem.code for problem in load(ASKS).problems] == [codes.MISSING_MODEL]
    assert load(ASKS, model="m").problems == ()
    assert load(ASKS, project=Project(model="m")).problems == ()
    assert load("tasks: [{id: a, agent: {prompt: hi, model: m}}]\n").problems == ()
    assert load("tasks: [{id: a, shell: x}]\n").problems == ()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, codes.BAD_SYSTEM_PROMPT, "does not exist"),
        (b"\xff", codes.BAD_SYSTEM_PROMPT, "is not UTF-8"),
        (b"x" * 100_001, codes.PROMPT_TOO_LONG, "100,000"),
        ("é".encode() * 300_000, codes.PROMPT_TOO_LONG, "100,000"),
    ],
)
def test_the_file_of_the_system_prompt_is_looked_at(
    tmp_path: Path, catalog: Any, make_limits: Any, content: bytes | None, code: str, message: str
) -> None:
    path = tmp_path / "w.nika.yaml"
    path.write_text("agent: {model: m, systemPromptFile: prompt.md}\n" + ASKS)
    if content is not None:
        (tmp_path / "prompt.md").write_bytes(content)
    (problem,) = load_workflow(path, catalog, make_limits()).problems
    assert (problem.code, problem.place and problem.place.column) == (code, 37)
    assert message in problem.message
    (tmp_path / "prompt.md").write_bytes(b"Be brief.")
    loaded = load_workflow(path, catalog, make_limits())
    assert loaded.workflow is not None
    assert loaded.workflow.agent is not None
    assert loaded.workflow.agent.system_prompt_file == "prompt.md"


def test_a_folder_is_no_system_prompt(load: Callable[..., Any]) -> None:
    (problem,) = load("agent: {model: m, systemPromptFile: .}\n" + ASKS).problems
    assert "is a directory" in problem.message


def test_two_system_prompts_and_long_ones_are_refused(load: Callable[..., Any]) -> None:
    (problem,) = load("agent: {model: m, systemPrompt: a, systemPromptFile: b}\n" + ASKS).problems
    assert (problem.code, problem.place.column) == (codes.BAD_SYSTEM_PROMPT, 36)
    (problem,) = load(f"agent: {{model: m, systemPrompt: {'x' * 100_001}}}\n" + ASKS).problems
    assert problem.code == codes.PROMPT_TOO_LONG
