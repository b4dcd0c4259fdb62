"""Messages as JSON: what is written is read back, also what an earlier version wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.model.codec import message_json, message_of, part_of
from nika_core.model.message import (
    DocumentPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCall,
    ToolResultPart,
)

_OBJECTS = st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.integers() | st.none(), max_size=2)
_PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(TextPart, st.text(max_size=5)),
    st.builds(ImagePart, st.just("image/png"), st.binary(max_size=9), st.text(max_size=3)),
    st.builds(DocumentPart, st.just("application/pdf"), st.binary(max_size=9), st.text(max_size=3), st.integers(0, 9)),
    st.builds(ToolCall, st.text(max_size=3), st.just("f"), st.none() | _OBJECTS, st.text(max_size=3)),
    st.builds(ToolResultPart, st.text(max_size=3), st.text(max_size=3), st.booleans()),
    st.builds(ReasoningPart, _OBJECTS, st.text(max_size=3)),
)


@given(st.builds(Message, st.sampled_from(Role), st.lists(_PARTS, max_size=4)))
def test_a_message_is_read_back_as_it_was(message: Message) -> None:
    written = json.dumps(message_json(message))
    again = message_of(json.loads(written))
    assert again == message or (message.parts, again.parts) == ((TextPart(""),), ())  # an empty text is not a part


def test_a_message_of_one_text_has_the_form_of_earlier_versions() -> None:
    assert message_json(Message(Role.USER, "hi")) == {"role": "user", "content": "hi"}
    assert message_json(Message(Role.ASSISTANT, "")) == {"role": "assistant", "content": ""}


def test_messages_of_earlier_versions_are_read() -> None:
    call = {"id": "1", "name": "f", "arguments": {"a": 1}, "raw": "{}"}
    answered = {"role": "assistant", "content": "hm", "toolCalls": [call], "state": {"signature": "S"}}
    parts = (ReasoningPart({"signature": "S"}), TextPart("hm"), ToolCall("1", "f", {"a": 1}, "{}"))
    assert message_of(answered) == Message(Role.ASSISTANT, parts)
    result = {"role": "tool", "content": "no", "toolCallId": "1", "isError": True}
    assert message_of(result) == Message(Role.TOOL, [ToolResultPart("1", "no", is_error=True)])


def test_a_part_of_a_later_version_is_an_error_that_names_its_type() -> None:
    with pytest.raises(ValueError, match="'video'"):
        part_of({"type": "video"})
