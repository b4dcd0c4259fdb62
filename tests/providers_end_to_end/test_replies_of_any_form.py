"""Whatever a server sends in place of a value, what collects a reply raises nothing: an exception of ours would be
shown as an error of the server's.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from nika_provider_claude.wire import ClaudeReply
from nika_provider_ollama.wire import Reply as OllamaReply
from nika_provider_openai.responses import EitherReply

from nika_core.plugin import Message, ModelRequest, Role
from nika_core.testing import Scenario, read_scenarios
from nika_core.toolbox.providers import error_in
from nika_core.toolbox.providers.events import EventDecoder, UnreadableReplyError

REQUEST = ModelRequest((Message(Role.USER, "hi"),), model="m")
REPLIES: Mapping[str, Any] = {
    "openai": EitherReply,
    "openai-responses": EitherReply,
    "claude": ClaudeReply,
    "ollama": OllamaReply,
}
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e300, float("nan"), "", "x", "0", "\ud800", [], {}, [None], [1], ["x"], [[]], [{}],
    {"x": 1}, {"type": "text"}, {"type": ["a"]}, {"text": None}, {"text": {"a": 1}}, {"index": []}, [{"index": {}}],
)  # fmt: skip
CHANGES = 12  # of each stream


def streams(scenario: Scenario) -> Iterator[list[Mapping[str, Any]]]:
    for answer in (answer for answers in scenario.answers.values() for answer in answers):
        decoder, events = EventDecoder(), []
        try:
            for part in answer.parts:
                events += decoder.feed(part) if isinstance(part, bytes) else ()
            events += decoder.finish()
        except UnreadableReplyError:
            pass
        if events:
            yield events


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value but its root."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*place, key)
        yield from places(member, (*place, key))


def changed(value: Any, place: tuple[Any, ...], junk: Any) -> Any:
    if not place:
        return junk
    copied = value.copy()
    copied[place[0]] = changed(value[place[0]], place[1:], junk)
    return copied


def read(reply: Any, events: list[Any]) -> None:
    for event in events:
        if error_in(event) is not None:
            return
        assert isinstance(reply.add(event), str)
    if reply.complete:
        end = reply.finished()
        assert all(isinstance(call.name, str) and isinstance(call.id, str) for call in end.tool_calls)
        json.dumps([getattr(part, "data", None) for part in end.parts])


@pytest.mark.parametrize("format_", REPLIES)
def test_no_value_of_the_wrong_type_makes_it_raise(format_: str) -> None:
    chance = random.Random(format_)
    for scenario in read_scenarios(format_):
        for events in streams(scenario):
            for _ in range(CHANGES):
                odd = list(events)
                number = chance.randrange(len(odd))
                found = list(places(odd[number]))
                odd[number] = changed(odd[number], chance.choice(found), chance.choice(JUNK))
                read(REPLIES[format_](REQUEST), odd)
