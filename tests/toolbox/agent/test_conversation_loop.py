"""The loop over turns, tools and answers, against a scripted model."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.events import EventKind
from nika_core.model.message import Message, ReasoningPart, Role, TextPart, ToolCall, ToolResultPart, ToolSpec
from nika_core.model.workflow import AgentBlock, OutputSpec
from nika_core.plugin import ModelInfo, Tool, ToolResult
from nika_core.toolbox.agent import converse

SCORE = {"type": "object", "required": ["score"], "properties": {"score": {"type": "integer"}}}


def wants_json(schema: Any = SCORE) -> OutputSpec:
    return OutputSpec("json", schema)


async def test_one_answer_ends_it_and_fields_of_the_payload_go_before_those_of_the_block(
    context: Any, reply: Any
) -> None:
    seen = context(reply("hello"), agent=AgentBlock(model="m", max_tokens=9, temperature=0.1, system_prompt="be kind"))
    answer = await converse({"prompt": "hi", "maxTokens": 7, "model": "n"}, seen)
    assert answer.text == "hello"
    assert answer.turns == 1
    request = seen.requests[0]
    assert (request.model, request.max_tokens, request.temperature, request.system) == ("n", 7, None, "be kind")
    # the block's temperature is put in by the caller, who knows whether the model takes one
    assert request.messages == (Message(Role.USER, "hi"),)


async def test_the_conversation_gets_question_and_answer_but_not_the_turns_between(
    context: Any, reply: Any, weather: Tool
) -> None:
    seen = context(reply("let me see", ToolCall("1", "weather", {"city": "Rome"})), reply("warm"))
    earlier = (Message(Role.USER, "a"), Message(Role.ASSISTANT, "b"))
    answer = await converse({"prompt": "and Rome?"}, seen, history=earlier, tools=[weather])
    assert answer.messages == (Message(Role.USER, "and Rome?"), Message(Role.ASSISTANT, "warm"))
    assert answer.turns == 2
    assert seen.requests[0].messages[:2] == earlier
    assert [m.role.value for m in seen.requests[1].messages] == ["user", "assistant", "user", "assistant", "tool"]
    assert seen.requests[1].messages[-1].tool_results[0].text == "mcp::sky::weather says hi"
    assert seen.called == [("mcp::sky::weather", {"city": "Rome"})]


async def test_calls_of_one_turn_run_side_by_side_and_are_answered_in_their_order(
    context: Any, reply: Any, weather: Tool
) -> None:
    both = asyncio.Event()
    waiting = 0

    async def call(arguments: Any) -> ToolResult:
        nonlocal waiting
        waiting += 1
        if waiting == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 5)
        return ToolResult(arguments["city"])

    calls = [ToolCall(str(i), "weather", {"city": city}) for i, city in enumerate(("Rome", "Oslo"))]
    seen = context(reply("", *calls), reply("ok"), on_call=lambda tool, arguments: call(arguments))
    await converse({"prompt": "x"}, seen, tools=[weather])
    results = [ToolResultPart("0", "Rome"), ToolResultPart("1", "Oslo")]
    assert [part for message in seen.requests[1].messages[-2:] for part in message.parts] == results


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (ToolCall("1", "weather", None, "{city: Rome"), "not a JSON object"),
        (ToolCall("1", "weather", {"city": 5}), r"\$\.city: 5 is not of type 'string'"),
        (ToolCall("1", "weather", {}), "'city' is a required property"),
        (ToolCall("1", "wheather", {"city": "Rome"}), "no tool 'wheather'. The tools are: weather"),
    ],
)
async def test_a_bad_call_goes_back_to_the_model_which_can_mend_it(
    context: Any, reply: Any, weather: Tool, call: ToolCall, says: str
) -> None:
    seen = context(reply("", call), reply("", ToolCall("2", "weather", {"city": "Rome"})), reply("warm"))
    assert (await converse({"prompt": "x"}, seen, tools=[weather])).text == "warm"
    told = seen.requests[1].messages[-1].tool_results[0]
    assert told.is_error
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(told.text)
    assert len(seen.called) == 1
    assert [(kind, data["isError"]) for kind, _, data in seen.told] == [(EventKind.TOOL_CALLED, True)]


async def test_a_tools_failure_is_told_and_not_fatal(context: Any, reply: Any, weather: Tool) -> None:
    seen = context(
        reply("", ToolCall("1", "weather", {"city": "x"})),
        reply("I could not"),
        on_call=lambda tool, arguments: ToolResult("no such city", is_error=True),
    )
    assert (await converse({"prompt": "x"}, seen, tools=[weather])).text == "I could not"
    assert seen.requests[1].messages[-1].tool_results[0].is_error


async def test_what_ends_the_task_inside_a_tool_call_is_raised_as_it_is(
    context: Any, reply: Any, weather: Tool
) -> None:
    refused = TaskError("spent", category=Category.BUDGET)
    calls = [ToolCall(str(i), "weather", {"city": "x"}) for i in range(2)]
    with pytest.raises(TaskError) as caught:
        await converse({"prompt": "x"}, context(reply("", *calls), on_call=lambda *_: refused), tools=[weather])
    assert caught.value is refused


@pytest.mark.parametrize("together", [True, False])
async def test_one_of_several_errors_that_end_the_task_is_raised(
    context: Any, reply: Any, weather: Tool, together: bool
) -> None:
    errors: list[TaskError] = []
    begun = asyncio.Event()

    class Both:
        spec = weather.spec
        name = weather.name

    seen = context(reply("", *(ToolCall(str(i), "weather", {"city": "x"}) for i in range(2))))

    async def call(tool: Any, arguments: Any) -> ToolResult:
        errors.append(TaskError(f"spent {len(errors)}", category=Category.BUDGET))
        mine = errors[-1]
        if together:
            if len(errors) == 2:
                begun.set()
            await begun.wait()
        raise mine

    seen.call = call
    with pytest.raises(TaskError) as caught:
        await converse({"prompt": "x"}, seen, tools=[Both])
    assert any(caught.value is error for error in errors)


async def test_more_turns_than_max_turns_fail_with_what_there_was(context: Any, reply: Any, weather: Tool) -> None:
    again = reply("so far", ToolCall("1", "weather", {"city": "x"}))
    with pytest.raises(TaskError, match="maxTurns") as caught:
        await converse({"prompt": "x", "maxTurns": 2}, context(again, again), tools=[weather])
    assert (caught.value.category, caught.value.output, caught.value.retriable) == (Category.EXECUTION, "so far", False)


async def test_a_budget_that_refuses_keeps_what_there_was(context: Any, reply: Any, weather: Tool) -> None:
    seen = context(
        reply("first thoughts", ToolCall("1", "weather", {"city": "x"})), TaskError("no", category=Category.BUDGET)
    )
    with pytest.raises(TaskError) as caught:
        await converse({"prompt": "x"}, seen, tools=[weather])
    assert (caught.value.category, caught.value.output) == (Category.BUDGET, "first thoughts")


@pytest.mark.parametrize(
    ("text", "stop", "says", "category"),
    [
        ("I won't", "refusal", "refused", Category.PROVIDER),
        ("half an", "maxTokens", "cut off", Category.VALIDATION),
        ("  \n", "end", "answered nothing", Category.PROVIDER),
    ],
)
async def test_an_end_that_is_none_is_a_clear_error_and_not_paid_for_again(
    context: Any, reply: Any, text: str, stop: str, says: str, category: Category
) -> None:
    with pytest.raises(TaskError, match=says) as caught:
        await converse({"prompt": "x"}, context(reply(text, stop=stop)))
    assert (caught.value.category, caught.value.retriable) == (category, False)
    assert caught.value.hint


async def test_a_model_without_tools_is_not_given_any(context: Any, weather: Tool) -> None:
    with pytest.raises(TaskError, match="cannot use tools") as caught:
        await converse({"prompt": "x"}, context(info=ModelInfo("m", tools=False)), tools=[weather])
    assert caught.value.code == codes.MODEL_CANNOT


async def test_two_tools_with_one_name_are_refused(context: Any, weather: Tool) -> None:
    other = Tool("function::weather", "function", ToolSpec("weather", ""), lambda arguments: arguments)
    with pytest.raises(TaskError, match="both called 'weather'"):
        await converse({"prompt": "x"}, context(), tools=[weather, other])


async def test_a_schema_is_asked_for_natively_where_the_model_has_it(context: Any, reply: Any) -> None:
    seen = context(reply('{"score": 3}'), output=wants_json(), info=ModelInfo("m", json_schema=True))
    assert (await converse({"prompt": "x"}, seen)).text == '{"score": 3}'
    assert (seen.requests[0].output_schema, seen.requests[0].system) == (SCORE, None)


async def test_a_schema_is_asked_for_in_words_where_the_model_has_it_not(context: Any, reply: Any) -> None:
    seen = context(reply('{"score": 3}'), output=wants_json())
    await converse({"prompt": "x", "systemPrompt": "Be brief."}, seen)
    assert seen.requests[0].output_schema is None
    assert seen.requests[0].system.startswith("Be brief.\n\nAnswer with one JSON value")
    assert '"score"' in seen.requests[0].system


async def test_an_answer_that_does_not_fit_is_repaired_with_the_validators_words(context: Any, reply: Any) -> None:
    seen = context(reply("three"), reply('{"score": "3"}'), reply('{"score": 3}'), output=wants_json())
    assert (await converse({"prompt": "x"}, seen)).text == '{"score": 3}'
    assert "not JSON" in seen.requests[1].messages[-1].text
    assert "$.score: '3' is not of type 'integer'" in seen.requests[2].messages[-1].text
    assert len(seen.told) == 2


async def test_after_two_repairs_it_fails_with_the_last_answer(context: Any, reply: Any) -> None:
    seen = context(reply("a"), reply("b"), reply("c"), output=wants_json())
    with pytest.raises(TaskError, match="after 2 repairs") as caught:
        await converse({"prompt": "x"}, seen)
    assert (caught.value.category, caught.value.code) == (Category.VALIDATION, codes.OUTPUT_INVALID)
    assert (caught.value.output, caught.value.retriable) == ("c", False)


@pytest.mark.parametrize("bad", ['{"score": NaN}', '{"score": 1, "score": 2}', "[" * 30 + "]" * 30])
async def test_json_is_strict(context: Any, reply: Any, bad: str) -> None:
    seen = context(reply(bad), reply('{"score": 2}'), output=wants_json(None))
    assert (await converse({"prompt": "x"}, seen)).text == '{"score": 2}'
    assert len(seen.requests) == 2


async def test_a_code_fence_around_the_json_is_taken_off_and_told(context: Any, reply: Any) -> None:
    seen = context(reply('```json\n{"score": 2}\n```'), output=wants_json())
    assert (await converse({"prompt": "x"}, seen)).text == '{"score": 2}'
    assert "code fence" in seen.told[0][1]


async def test_a_schema_that_makes_no_sense_is_a_configuration_error(context: Any, reply: Any) -> None:
    for schema in ({"type": "nonsense"}, {"$ref": "https://example.com/schema.json"}, {"$ref": "#/$defs/no"}):
        with pytest.raises(TaskError) as caught:
            await converse({"prompt": "x"}, context(reply("{}"), output=wants_json(schema)))
        assert caught.value.category is Category.CONFIG


TOO_LONG = TaskError("too long", category=Category.VALIDATION, code=codes.CONTEXT_TOO_LONG)


async def test_a_conversation_that_does_not_fit_ends_the_task(context: Any) -> None:
    seen = context(TOO_LONG)
    with pytest.raises(TaskError) as caught:
        await converse({"prompt": "word " * 100, "maxTokens": 50}, seen)
    assert (caught.value.code, len(seen.requests)) == (codes.CONTEXT_TOO_LONG, 1)


async def test_with_overflow_summarize_the_model_condenses_it_once_and_says_so(context: Any, reply: Any) -> None:
    seen = context(
        TOO_LONG,
        reply("they talked about Rome"),
        reply("warm"),
        info=ModelInfo("m", context_tokens=600),
        agent=AgentBlock(model="m", overflow="summarize"),
    )
    history = (Message(Role.USER, "tell me of Rome " * 100), Message(Role.ASSISTANT, "old " * 400))
    answer = await converse({"prompt": "and the weather?"}, seen, history=history)
    assert answer.text == "warm"
    assert seen.requests[2].messages == (
        Message(Role.USER, "Summary of the conversation so far:\nthey talked about Rome\n\nand the weather?"),
    )
    assert seen.told[0][0] is EventKind.CONTEXT_SUMMARIZED
    assert seen.told[0][2]["before"] > 600 > seen.told[0][2]["after"]


async def test_a_prompt_that_templates_made_empty_or_too_long_is_refused(context: Any) -> None:
    for prompt, code in ((" \n", codes.BAD_PAYLOAD), ("x" * 100_001, codes.PROMPT_TOO_LONG)):
        with pytest.raises(TaskError) as caught:
            await converse({"prompt": prompt}, context())
        assert caught.value.code == code


async def test_skills_stand_before_the_system_prompt_and_files_are_read_from_the_folder(
    context: Any, reply: Any
) -> None:
    seen = context(reply("ok"))
    (seen.folder / "style").mkdir()
    (seen.folder / "style" / "SKILL.md").write_text("Use short words.\n")
    (seen.folder / "system.txt").write_text("You are a clerk.")
    await converse({"prompt": "x", "skills": ["style"], "systemPromptFile": "system.txt"}, seen)
    assert seen.requests[0].system == "Use short words.\n\nYou are a clerk."


async def test_a_skill_that_is_not_there_is_told(context: Any) -> None:
    with pytest.raises(TaskError, match="does not exist") as caught:
        await converse({"prompt": "x", "skills": ["none.md"]}, context())
    assert caught.value.category is Category.CONFIG


async def test_what_a_vendor_sent_with_its_calls_goes_back_with_them(context: Any, reply: Any, weather: Tool) -> None:
    parts = (ReasoningPart({"signature": "S"}), TextPart("hm"), ToolCall("1", "weather", {"city": "Rome"}))
    seen = context(replace(reply(""), parts=parts), reply("warm"))
    answer = await converse({"prompt": "x"}, seen, tools=[weather])
    assert seen.requests[1].messages[1].parts == parts
    assert (answer.text, answer.messages[-1]) == ("warm", Message(Role.ASSISTANT, "warm"))
