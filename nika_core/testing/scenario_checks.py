"""Check a provider's client against the scenarios of a file: what it makes of a server that answers oddly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nika_core.engine.llm.replies import reply_parts
from nika_core.errors import TaskError
from nika_core.model.message import Message, Role, ToolResultPart
from nika_core.model.usage import Usage
from nika_core.plugin import Client, ClientNotice, Finished, ModelInfo, ModelRequest, TextDelta
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.provider_checks import SCHEMA, TOOL, in_time, small_request
from nika_core.testing.scenario import Scenario
from nika_core.testing.scenario_server import SCENARIO, ScenarioServer
from nika_core.values import dataclass

_RESULT: Final = "sunny"  # what the tool returns
_USAGE: Final = {
    "input": "input_tokens", "output": "output_tokens", "cached": "cached_tokens", "cacheWrite": "cache_write_tokens",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str = ""
    end: Finished | None = None
    error: TaskError | None = None
    notices: Sequence[str] = ()


def needs(scenario: Scenario, info: ModelInfo) -> str | None:
    """Return what a scenario asks for and the model cannot do, or None."""
    asked = {"tools": info.tools, "temperature": info.temperature, "schema": info.json_schema}
    return next((name for name, able in asked.items() if scenario.request.get(name) and not able), None)


async def check_scenario(
    make: Callable[[str], Client], model: str, scenario: Scenario, secrets: Sequence[str] = ()
) -> None:
    """Check that a client makes of a scenario what the file says, asks for what it expects, and shows no key.

    Args:
        make: makes a client of the server at a URL.

    Raises:
        NotConformant: with everything that differs.
    """
    async with ScenarioServer(scenario) as server:
        client = make(server.url)
        try:
            reply = await in_time(_talk(client, model, scenario), SCENARIO)
        finally:
            await client.close()
    wrong = _judged(scenario.outcome, reply, len(server.requests), secrets)
    require(not wrong, SCENARIO, f"{scenario.name}: {'; '.join(wrong)}")


async def _talk(client: Client, model: str, scenario: Scenario) -> _Reply:
    """Return the last reply of the conversation that the scenario asks for."""
    asked = scenario.request
    more: dict[str, Any] = {}
    if asked.get("tools"):
        more["tools"] = (TOOL,)
    if asked.get("schema"):
        more["output_schema"] = SCHEMA
    if "temperature" in asked:
        more["temperature"] = float(asked["temperature"])
    request = small_request(model, str(asked.get("prompt", "Is anybody there?")), **more)
    notices: list[str] = []
    if asked.get("again"):
        await _ask(client, request, [])  # what becomes of it, another scenario says
    for turn in range(int(asked.get("turns", 1)), 0, -1):
        reply = await _ask(client, request, notices)
        if turn > 1 and (reply.end is None or not reply.end.tool_calls):
            said = reply.error.message if reply.error else reply.end
            raise NotConformant(SCENARIO, f"{scenario.name}: it calls no tool: {said}")
        if reply.end is not None:
            request = _next(request, reply)
    return reply


async def _ask(client: Client, request: ModelRequest, notices: list[str]) -> _Reply:
    text, end = "", None
    try:
        async for chunk in client.stream(request):
            if isinstance(chunk, TextDelta):
                text += chunk.text
            elif isinstance(chunk, ClientNotice):
                notices.append(chunk.message)
            elif isinstance(chunk, Finished):
                end = chunk
    except TaskError as error:
        return _Reply(text, None, error, notices)
    except Exception as error:
        raise NotConformant(SCENARIO, f"it raises {error!r:.200}, not TaskError") from error
    if end is None:
        raise NotConformant(SCENARIO, "the stream ends without `Finished`: raise TaskError (network) instead")
    return _Reply(text, end, None, notices)


def _next(request: ModelRequest, reply: _Reply) -> ModelRequest:
    assert reply.end is not None
    results = [Message(Role.TOOL, [ToolResultPart(call.id, _RESULT)]) for call in reply.end.tool_calls]
    said = Message(Role.ASSISTANT, reply_parts(reply.text, reply.end, ""))
    return replace(request, messages=(*request.messages, said, *results))


def _judged(outcome: Mapping[str, Any], reply: _Reply, requests: int, secrets: Sequence[str]) -> list[str]:
    """Return what is otherwise than the scenario says."""
    wrong: list[str] = []
    if reply.error is not None:
        shown = f"{reply.error.message} {reply.error.hint}"
        wrong += ["the error shows a key" for secret in secrets if secret in shown]
    if "error" in outcome:
        wrong += _judged_error(outcome["error"] or {}, reply)
    elif reply.error is not None:
        wrong.append(f"it fails as {reply.error.category.value}: {reply.error.message}")
    else:
        wrong += _judged_end(outcome, reply)
    if "requests" in outcome and outcome["requests"] != requests:
        wrong.append(f"it sends {requests} requests, not {outcome['requests']}")
    if "usage" in outcome:
        usage = reply.error.usage if reply.error is not None else reply.end.usage if reply.end is not None else None
        wrong += _judged_usage(outcome["usage"], usage or Usage())
    notices = " ".join(reply.notices)
    wrong += [
        f"no warning tells of {word!r}: {notices!r}" for word in outcome.get("notices", ()) if word not in notices
    ]
    if "notices" in outcome and len(reply.notices) != len(outcome["notices"]):
        wrong.append(f"it warns {len(reply.notices)} times, not {len(outcome['notices'])}: {notices}")
    return wrong


def _judged_end(outcome: Mapping[str, Any], reply: _Reply) -> list[str]:
    assert reply.end is not None
    wrong: list[str] = []
    if "text" in outcome and reply.text != outcome["text"]:
        wrong.append(f"its text is {reply.text!r:.200}, not {outcome['text']!r}")
    if "stop" in outcome and reply.end.stop_reason != outcome["stop"]:
        wrong.append(f"it ends with {reply.end.stop_reason!r}, not {outcome['stop']!r}")
    if "calls" in outcome:
        calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in reply.end.tool_calls]
        same = len(calls) == len(outcome["calls"]) and all(
            {**call, **expected} == call for call, expected in zip(calls, outcome["calls"], strict=True)
        )
        if not same:
            wrong.append(f"its calls are {calls!r:.500}")
        if len({call["id"] for call in calls}) < len(calls):
            wrong.append("two calls have one id")
    return wrong


def _judged_error(expected: Mapping[str, Any], reply: _Reply) -> list[str]:
    error = reply.error
    if error is None:
        stop = reply.end.stop_reason if reply.end is not None else None
        return [f"it is taken for an answer: {reply.text!r:.200}, which ends with {stop!r}"]
    wrong: list[str] = []
    categories = expected.get("category", error.category.value)
    categories = categories if isinstance(categories, list) else [categories]
    if error.category.value not in categories:
        wrong.append(f"it fails as {error.category.value}, not {' or '.join(categories)}: {error.message}")
    if str(expected.get("says", "")) not in error.message:
        wrong.append(f"the error does not tell {expected['says']!r}: {error.message}")
    if "hides" in expected and str(expected["hides"]) in f"{error.message} {error.hint}":
        wrong.append(f"the error shows {expected['hides']!r}: {error.message}")
    if "retriable" in expected and error.retriable is not expected["retriable"]:
        wrong.append("it is asked for again" if error.retriable else f"it is not asked for again: {error.message}")
    if "retryAfter" in expected and error.retry_after != expected["retryAfter"]:
        wrong.append(f"`retry_after` is {error.retry_after}, not {expected['retryAfter']}")
    return wrong


def _judged_usage(expected: Mapping[str, int], usage: Usage) -> list[str]:
    return [
        f"it counts {getattr(usage, _USAGE[name])} tokens ({name}), not {tokens}"
        for name, tokens in expected.items()
        if getattr(usage, _USAGE[name]) != tokens
    ]
