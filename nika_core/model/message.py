"""A conversation with a model, in a form that every provider can be given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final, TypeAlias

from nika_core.model.json import JsonObject
from nika_core.values import dataclass, field

IMAGE_TOKENS: Final = 1600  # of a large image
PAGE_TOKENS: Final = 3000  # of a page of a PDF, as text and as a picture
_DIGEST_BYTES: Final = 16


class Role(StrEnum):
    """The author of a message."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"  # the result of one tool call


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text.

    Attributes:
        text: the text.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture; only with `USER`.

    Attributes:
        media_type: what it is: `image/png`, `image/jpeg`, `image/gif` or `image/webp`.
        data: the file's bytes.
        name: the file's name, for messages; may be empty.
    """

    media_type: str
    data: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A document; only with `USER`.

    Attributes:
        media_type: what it is: `application/pdf`, or `text/plain` for UTF-8 text of any kind.
        data: the file's bytes.
        name: the file's name, which the model may be shown.
        pages: how many pages a PDF has; 0 if that is not known.
    """

    media_type: str
    data: bytes
    name: str = ""
    pages: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model asks for a tool; only with `ASSISTANT`.

    Attributes:
        id: the model's own name for this call; the answer repeats it.
        name: the tool's name.
        arguments: its arguments; None if what the model sent is not a JSON object.
        raw: what the model sent, if it is not a JSON object.
    """

    id: str
    name: str
    arguments: JsonObject | None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """The result of a tool call; only with `TOOL`.

    Attributes:
        call_id: the `id` of the call.
        text: what the model is told.
        is_error: whether the call failed.
    """

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What a provider sent with a reply beside its answer, and wants back as it came; only with `ASSISTANT`.

    It holds thinking and its signatures, for example. Only the provider that made it reads it: it is never part of an
    answer, and no other provider is sent it.

    Attributes:
        data: the provider's own JSON.
        provider: whose it is; the kernel fills it in.
    """

    data: JsonObject
    provider: str = ""


Part: TypeAlias = TextPart | ImagePart | DocumentPart | ToolCall | ToolResultPart | ReasoningPart


@dataclass(frozen=True, init=False)
class Message:
    """One turn of a conversation.

    A long conversation is sent with each of its turns, so what is worked out of a message is kept with it.

    Attributes:
        role: the author of the message.
        parts: what it consists of, in order. `Message(Role.USER, "Hello")` makes one part of a text, and none of "".
    """

    role: Role
    parts: tuple[Part, ...]

    def __init__(self, role: Role, parts: str | Iterable[Part]) -> None:
        object.__setattr__(self, "role", role)
        object.__setattr__(self, "parts", parts_of(parts))

    @property
    def text(self) -> str:
        """All text parts together."""
        return text_in(self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model calls."""
        return tool_calls_in(self.parts)

    @property
    def tool_results(self) -> tuple[ToolResultPart, ...]:
        """The results of tools."""
        return tuple(part for part in self.parts if isinstance(part, ToolResultPart))

    @cached_property
    def kinds(self) -> frozenset[type[Part]]:
        """The types of its parts."""
        return frozenset(map(type, self.parts))

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits that stand for its role and all of its parts, files by their content."""
        parts = [
            [type(part).__name__, *(getattr(part, name) for name in part.__dataclass_fields__)] for part in self.parts
        ]
        return blake2b(_encode([self.role, parts]).encode(), digest_size=_DIGEST_BYTES).hexdigest()

    @cached_property
    def text_bytes(self) -> int:
        """The bytes, as UTF-8, of all that a model reads of it as text; files aside."""
        return sum(len(_text_of(part).encode("utf-8", "replace")) for part in self.parts)

    @cached_property
    def file_tokens(self) -> int:
        """An estimate of the tokens of its files: an image as the most that models take for one, each page as full."""
        return sum(map(_tokens_of_file, self.parts))


def kinds_of(messages: Iterable[Message]) -> frozenset[type[Part]]:
    """Return the types of all parts of a conversation."""
    return frozenset().union(*map(_KINDS, messages))


def parts_of(parts: str | Iterable[Part]) -> tuple[Part, ...]:
    """Return parts as a tuple: a text is one part, an empty text none."""
    if isinstance(parts, str):
        return (TextPart(parts),) if parts else ()
    return tuple(parts)


_KINDS: Final = attrgetter("kinds")


def text_in(parts: Iterable[Part]) -> str:
    """Return the text of all text parts."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def tool_calls_in(parts: Iterable[Part]) -> tuple[ToolCall, ...]:
    """Return the tool calls among parts."""
    return tuple(part for part in parts if isinstance(part, ToolCall))


def _plain(value: Any) -> Any:
    """Return what is not JSON by itself in a form that is: a file by its content, anything unknown as its text."""
    if isinstance(value, bytes):
        return blake2b(value, digest_size=_DIGEST_BYTES).hexdigest()
    return dict(value) if isinstance(value, Mapping) else str(value)


_encode: Final = json.JSONEncoder(sort_keys=True, default=_plain).encode


def _text_of(part: Part) -> str:
    match part:
        case TextPart() | ToolResultPart():
            return part.text
        case ToolCall():
            return part.raw or str(part.arguments)
        case ReasoningPart():
            return json.dumps(part.data, ensure_ascii=False)
        case _:
            return ""


def _tokens_of_file(part: Part) -> int:
    match part:
        case ImagePart():
            return IMAGE_TOKENS
        case DocumentPart(media_type="text/plain"):
            return -(-len(part.data) // 4)
        case DocumentPart():
            return PAGE_TOKENS * max(1, part.pages)
        case _:
            return 0


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it.

    Attributes:
        name: of letters, digits, `_` and `-`, at most 64 characters.
        description: what it does, for the model.
        parameters: a JSON Schema of type object.
    """

    name: str
    description: str
    parameters: JsonObject = field(default_factory=lambda: {"type": "object", "properties": {}})
