"""The digest of a message, by which replies are kept."""

from nika_core.model.message import DocumentPart, ImagePart, Message, Role, TextPart, ToolCall, ToolResultPart


def test_messages_have_one_digest_if_they_are_equal_and_another_if_anything_differs():
    call = ToolCall("1", "f", {"a": 1})
    different = [
        Message(Role.USER, "a"),
        Message(Role.ASSISTANT, "a"),
        Message(Role.USER, "b"),
        Message(Role.USER, (TextPart("a"), TextPart(""))),
        Message(Role.TOOL, (ToolResultPart("1", "a"),)),
        Message(Role.TOOL, (ToolResultPart("1", "a", is_error=True),)),
        Message(Role.ASSISTANT, (TextPart("a"), call)),
        Message(Role.ASSISTANT, (call, TextPart("a"))),
        Message(Role.USER, (ImagePart("image/png", b"1"),)),
        Message(Role.USER, (ImagePart("image/png", b"2"),)),
        Message(Role.USER, (DocumentPart("image/png", b"1"),)),
    ]
    assert len({message.digest for message in different}) == len(different)
    assert Message(Role.USER, "a").digest == different[0].digest
    assert Message(Role.USER, "\udcff").digest != Message(Role.USER, "?").digest
