"""What a model is told: the main conversation, skills, prompt files, and what happens when it is too much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Nika, Wire, Write

Play = Callable[[Any], Path]
ECHO = [{"when": {"system": "terse"}, "text": "terse", "times": None}, {"text": "plain", "times": None}]


@pytest.mark.parametrize("file", ["style.md", "prompt.md", "folder/SKILL.md", "block.md"])
def test_a_file_that_belongs_to_a_tasks_prompt_decides_whether_resume_does_it_again(
    nika: Nika, write: Write, script: Play, the_run: Callable[[], str], file: str
) -> None:
    for name in ("style.md", "prompt.md", "folder/SKILL.md", "block.md"):
        write(name, "be kind")
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, systemPromptFile: block.md}
        tasks:
          - {id: skilled, agent: {prompt: hi, skills: [style.md, folder]}}
          - {id: prompted, subagent: {prompt: hi, systemPromptFile: prompt.md}}
          - {id: other, llm: {prompt: hi, systemPrompt: none}}
          - {id: fails, shell: "test -e fixed", retry: {max: 1}}
        """,
    )
    script(ECHO)
    assert nika("run", "w.nika.yaml").code == 1
    write(file, "be terse")
    write("fixed", "")
    done = nika("resume", the_run(), "--format", "json")
    assert done.code == 0, done.err
    reused = {name: task["reused"] for name, task in done.tasks.items()}
    changed = {"prompt.md": {"prompted"}, "block.md": {"skilled", "prompted", "other"}}.get(file, {"skilled"})
    assert {name for name, was in reused.items() if not was} == changed | {"fails"}
    if file != "block.md":
        assert all(done.tasks[name]["output"] == "terse" for name in changed)


def test_a_file_that_did_not_change_leaves_its_task_alone(
    nika: Nika, write: Write, script: Play, the_run: Callable[[], str]
) -> None:
    write("style.md", "be kind")
    tasks = '[{id: a, agent: {prompt: hi, skills: [style.md]}}, {id: b, shell: "test -e x", retry: {max: 1}}]'
    write("w.nika.yaml", f"agent: {{model: mock}}\ntasks: {tasks}\n")
    script(ECHO)
    assert nika("run", "w.nika.yaml").code == 1
    write("style.md", "be kind")
    write("x", "")
    assert nika("resume", the_run(), "--format", "json").tasks["a"]["reused"] is True


def test_an_agent_task_sees_its_ancestors_in_declared_order_and_nobody_else(
    nika: Nika, write: Write, wire: Wire
) -> None:
    write(
        "w.nika.yaml",
        f"""\
        agent: {{model: {wire.model}, provider: {wire.provider}}}
        tasks:
          - {{id: second, agent: "ask second"}}
          - {{id: first, agent: "ask first"}}
          - {{id: aside, agent: "ask aside"}}
          - {{id: alone, subagent: "ask alone"}}
          - {{id: last, agent: "ask last"}}
        flows:
          - {{source: first, target: second}}
          - {{source: second, target: last}}
          - {{source: alone, target: last}}
        """,
    )
    wire.mock.tool_mode("off")
    done = nika("run", "w.nika.yaml", "--max-concurrent", "1", "--format", "json")
    assert done.code == 0, done.err
    said = {talk[-1][1]: talk for talk in wire.conversations}
    output = {name: task["output"] for name, task in done.tasks.items()}
    asked = [("user", "ask second"), ("assistant", output["second"]), ("user", "ask first")]
    assert said["ask last"] == [*asked, ("assistant", output["first"]), ("user", "ask last")]
    assert said["ask second"] == [("user", "ask first"), ("assistant", output["first"]), ("user", "ask second")]
    for lone in ("ask first", "ask aside", "ask alone"):
        assert said[lone] == [("user", lone)]


LONG = """
agent: {{model: mock-small, maxTokens: 200, overflow: {overflow}}}
tasks:
  - {{id: early, agent: {{prompt: "{words}", maxTokens: 500}}}}
  - {{id: late, agent: "what was it about?"}}
flows:
  - {{source: early, target: late}}
"""


def test_a_conversation_that_no_longer_fits_is_refused_with_the_figures_before_the_call(
    nika: Nika, write: Write, script: Play
) -> None:
    write("w.nika.yaml", LONG.format(overflow="refuse", words="word " * 300))
    script([{"text": "much " * 380, "times": 1}, {"text": "never", "times": None}])
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    error = done.tasks["late"]["error"]
    assert error["code"] == "NIKA-069"
    assert "holds 1,000" in error["message"]
    assert "overflow: summarize" in error["hint"]
    assert done.tasks["late"].get("usage", {}).get("totalTokens", 0) == 0


def test_a_conversation_that_no_longer_fits_is_summarized_once_and_that_is_told(
    nika: Nika, write: Write, script: Play
) -> None:
    write("w.nika.yaml", LONG.format(overflow="summarize", words="word " * 300))
    script(
        [
            {"text": "much " * 380, "when": {"prompt": "word word"}},
            {"text": "It was about words.", "when": {"system": "condense a conversation"}},
            {"text": "About words.", "when": {"prompt": "It was about words."}},
        ]
    )
    done = nika("run", "w.nika.yaml", "--format", "jsonl")
    assert done.code == 0, done.err
    assert done.lines[-1]["data"]["output"] == "About words."
    (told,) = done.events("context.summarized")
    assert told["task"] == "late"
    assert told["data"]["before"] > told["data"]["holds"] - 200
    assert told["data"]["after"] < 100
    late = next(each for each in done.lines[-1]["data"]["tasks"] if each["id"] == "late")
    assert late["usage"]["calls"] == 2  # the summary is paid for, and counted
