"""A subagent as a tool of a model: a conversation of its own inside a task, under the task's limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from nika_core.plugin import ModelReply, ToolCall
from nika_core.testing import ScriptedModel, Workbench, model_reply, run_workflow, validate_workflow

FLOW = """\
agent: {model: scripted, provider: scripted, systemPrompt: s}
tasks:
  - {id: a, agent: {prompt: Find out., maxTurns: 5}, allowedTools: ENTRIES}
"""


def calls(tool: str, **arguments: object) -> ModelReply:
    return model_reply("", ToolCall(f"c-{tool}", tool, dict(arguments)))


def test_it_sees_only_its_prompt_and_its_answer_goes_back_to_the_model() -> None:
    model = ScriptedModel(calls("subagent", prompt="What is two and two?"), "four", "It is four.")
    ran = run_workflow(FLOW.replace("ENTRIES", "[subagent]"), model=model)
    assert (ran.result.status, ran.output) == ("succeeded", "It is four.")
    outer, inner, last = model.requests
    assert [message.text for message in inner.messages] == ["What is two and two?"]
    assert [tool.name for tool in outer.tools] == [tool.name for tool in inner.tools] == ["subagent"]
    (result,) = last.messages[-1].tool_results
    assert (result.text, result.is_error) == ("four", False)


def test_what_it_uses_counts_for_the_task() -> None:
    model = ScriptedModel(calls("subagent", prompt="x"), "four", "It is four.")
    ran = run_workflow(FLOW.replace("ENTRIES", "[subagent]"), model=model)
    assert ran.task("a").usage.calls == 3


def test_it_has_the_tools_of_the_task_and_no_others(tmp_path: Path) -> None:
    model = ScriptedModel(calls("subagent", prompt="x"), calls("shell", command="echo hi > made"), "done", "end")
    ran = Workbench(folder=tmp_path, model=model).run(FLOW.replace("ENTRIES", "[subagent, shell]"))
    assert ran.output == "end"
    assert (tmp_path / "made").read_text() == "hi\n"
    (result,) = model.requests[2].messages[-1].tool_results
    assert not result.is_error


def test_one_that_calls_itself_for_ever_is_told_that_it_is_too_deep() -> None:
    model = ScriptedModel(*(calls("subagent", prompt=f"{number}") for number in range(9)), *["enough"] * 9)
    ran = run_workflow(FLOW.replace("ENTRIES", "[subagent]"), model=model)
    assert ran.result.status == "succeeded"
    results = [part for request in model.requests for message in request.messages for part in message.tool_results]
    assert any(part.is_error for part in results)


@pytest.mark.parametrize("entry", ["'subagent::x'", "'subagent::y_*'"])
def test_a_part_of_it_is_no_tool(entry: str) -> None:
    problems = validate_workflow(FLOW.replace("ENTRIES", f"[{entry}]"))
    assert [problem.code for problem in problems] == ["NIKA-018"]


def test_a_person_is_asked_about_its_calls_too(tmp_path: Path) -> None:
    model = ScriptedModel(calls("subagent", prompt="x"), calls("shell", command="echo hi > made"))
    flow = FLOW.replace("ENTRIES", "[subagent, shell], askTools: [shell]")
    ran = Workbench(folder=tmp_path, model=model, journal=True).run(flow)
    assert ran.result.status == "paused"
    assert not (tmp_path / "made").exists()
