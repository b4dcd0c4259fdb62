"""What is said of a task with a model before anything runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nika_core import codes
from nika_core.errors import Place
from nika_core.model.template import MISSING, Placeholder, Template
from nika_core.model.workflow import AgentBlock, OutputSpec
from nika_core.plugin import Effect
from nika_core.toolbox.agent import AgentFacets, CompletionFacets

QUESTION = Template("about {{x}}", ("about ", Placeholder("task", ("x",), MISSING, 6, 11, "{{x}}")))


def payload(
    folder: Path | None = None,
    agent: AgentBlock | None = None,
    output: str = "text",
    tools: tuple[str, ...] = ("shell",),
    **fields: Any,
) -> Any:
    return SimpleNamespace(
        task_id="t",
        fields={"prompt": "hello", **fields},
        folder=folder or Path(),
        agent=agent or AgentBlock(model="m"),
        sections={},
        settings={},
        output=OutputSpec(output),
        max_tokens=10_000,
        allowed_tools=tools,
        at=lambda *path: Place("f.yaml", 1, 1 + len(path)),
        text=lambda field: str(fields.get(field)),
    )


def problems(given: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    AgentFacets().check(given, lambda message, place, *, code="", **_: found.append((code, message)))
    return found


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"prompt": "  "}, codes.BAD_PAYLOAD, "`prompt` is empty"),
        ({"prompt": "x" * 100_001}, codes.PROMPT_TOO_LONG, "100,001 characters"),
        ({"temperature": 2.1}, codes.BAD_PAYLOAD, "from 0 to 2"),
        ({"temperature": float("nan")}, codes.BAD_PAYLOAD, "from 0 to 2"),
        ({"maxTokens": 0}, codes.BAD_PAYLOAD, "at least 1"),
        ({"maxTurns": -1}, codes.BAD_PAYLOAD, "at least 1"),
        ({"model": ""}, codes.BAD_PAYLOAD, "`model` is empty"),
        ({"systemPrompt": "a", "systemPromptFile": "b"}, codes.BAD_SYSTEM_PROMPT, "both given"),
        ({"systemPromptFile": "none.txt"}, codes.BAD_SYSTEM_PROMPT, "does not exist"),
        ({"systemPromptFile": "."}, codes.BAD_SYSTEM_PROMPT, "is a directory"),
        ({"skills": ["none.md"]}, codes.BAD_SYSTEM_PROMPT, "the skill 'none.md' does not exist"),
    ],
)
def test_what_makes_no_sense_is_found_before_anything_runs(
    tmp_path: Path, fields: dict[str, Any], code: str, says: str
) -> None:
    [(found, message)] = problems(payload(tmp_path, **fields))
    assert found == code
    assert says in message


def test_a_sound_task_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "s.md").write_text("x")
    assert not problems(payload(tmp_path, skills=["s.md"], temperature=0, maxTokens=1, prompt=QUESTION))


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.md").write_bytes(b"\xff")
    assert "not UTF-8" in problems(payload(tmp_path, skills=["s.md"]))[0][1]


def test_a_known_prompt_is_low_by_its_texts_alone_and_high_with_what_a_request_adds() -> None:
    [call] = CompletionFacets().estimate(payload(prompt="x" * 400, maxTokens=50)).calls
    assert (call.input_low, call.input_high, call.output_high, call.calls_high) == (100, 116, 50, 1)
    assert call.reason == ""


def test_a_prompt_with_templates_is_bounded_by_the_tasks_tokens() -> None:
    [call] = CompletionFacets().estimate(payload(prompt=QUESTION)).calls
    assert (call.input_high, call.output_high) == (10_000, 10_000)
    assert "not there yet" in call.reason


def test_json_may_take_two_more_calls() -> None:
    [call] = CompletionFacets().estimate(payload(output="json")).calls
    assert (call.calls_low, call.calls_high) == (1, 3)


def test_an_agent_without_max_turns_is_unbounded_and_says_why() -> None:
    [call] = AgentFacets().estimate(payload()).calls
    assert call.calls_high is None
    assert "maxTurns" in call.reason
    [call] = AgentFacets().estimate(payload(agent=AgentBlock(model="m", max_turns=4))).calls
    assert call.calls_high == 4


def test_an_agent_without_tools_calls_once() -> None:
    [call] = AgentFacets().estimate(payload(tools=())).calls
    assert call.calls_high == 1


def test_it_touches_the_model_that_it_names() -> None:
    assert CompletionFacets().effects(payload(model="n")) == (Effect("model", "n"),)
    assert CompletionFacets().effects(payload()) == (Effect("model", "m"),)


def test_its_mock_repeats_the_first_line() -> None:
    assert CompletionFacets().mock({"prompt": "\n do it\nnow"}) == "mock: do it"
