"""What a server sends, as JSON objects: server-sent events, lines of JSON, or one whole JSON answer.

What it is shows in the bytes, not in the content type, which servers often have wrong. Lines end where the format says
so: text in JSON may hold any of the other characters that Unicode takes for the end of a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

_FIELD: Final = re.compile(rb"(data|event|id|retry)?(:|\Z)")  # of server-sent events; what begins with ":" is a comment
_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:")
_BEGINS: Final = re.compile(rb""":|\{\s*(["}]|\Z)|\[\s*([\[{"\]\-0-9tfn]|\Z)""")  # a comment, or JSON
_LARGEST: Final = 64 << 20  # bytes of one event
_SPACE: Final = " \t\n\r"  # of JSON
_decode: Final = json.JSONDecoder(
    strict=False
).raw_decode  # `json.loads` costs twice as much for the small objects of a stream
_SHOWN: Final = 2000  # bytes of what cannot be read


class UnreadableReplyError(Exception):
    """What came is not an event.

    Attributes:
        data: the beginning of it.
        first: whether nothing readable came before.
    """

    def __init__(self, data: bytes, *, first: bool) -> None:
        super().__init__("it is not JSON")
        self.data = data if len(data) <= _SHOWN else data[:_SHOWN] + "…".encode()
        self.first = first


class ByteResponse(Protocol):
    """A response of an HTTP library such as httpx2, its body not read yet."""

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the body, decompressed."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


async def read_events(
    response: ByteResponse, error_of: Callable[[UnreadableReplyError], Exception] | None = None
) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield every JSON object of a response, and close it.

    Args:
        error_of: makes what is raised in place of an UnreadableReplyError.

    Raises:
        UnreadableReplyError: something is not JSON; raised as soon as that shows.
    """
    decoder = EventDecoder()
    try:
        async for data in response.aiter_bytes():
            for event in decoder.feed(data):
                yield event
            if decoder.ended:
                return
        for event in decoder.finish():
            yield event
    except UnreadableReplyError as error:
        if error_of is None:
            raise
        raise error_of(error) from error
    finally:
        await response.aclose()


def json_lines(data: bytes) -> Iterator[tuple[Mapping[str, Any] | None, bytes]]:
    """Yield each line of a file of JSON lines: its object (None if it is not JSON) and its bytes."""
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line.strip():
            yield next(iter(_objects(line)), None), line


class EventDecoder:
    """Takes bytes in any pieces and returns JSON objects.

    Attributes:
        ended: whether the stream's own end (`[DONE]`) has come.
    """

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""
        self._parts: list[bytes] = []  # of an event that is not whole yet
        self._name = b""
        self._events = 0
        self._sse: bool | None = None

    def feed(self, data: bytes) -> Iterator[Mapping[str, Any]]:
        """Yield the objects that are whole with `data`."""
        data = b"" if self.ended else self._rest + data
        if b"\r" in data:  # JSON has it between its parts only
            held = data.endswith(b"\r")  # perhaps the first half of "\r\n"
            data = data[: len(data) - held].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\r" * held
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            if not self._sse:
                objects = self._line(line)
            elif line or self._parts:
                objects = self._sse_line(line)
            else:
                objects, self._name = (), b""
            if objects:
                yield from objects
            if self.ended:
                return
        if len(self._rest) > _LARGEST or ((self._sse or not self._events) and not self._may_begin(self._rest)):
            raise self._unreadable(self._rest)

    def finish(self) -> Iterator[Mapping[str, Any]]:
        """Yield what is left when nothing more comes; what is not whole then was cut off."""
        try:
            yield from self._line(self._rest.rstrip(b"\r"))
        except UnreadableReplyError:
            if not self._events:
                raise
            return
        if self._parts and not self.ended:
            data = b"\n".join(self._parts)
            found = _objects(data)
            if not found and self._name == b"error":
                found = [{"error": data.decode("utf-8", "replace")}]
            if not found and not self._events and not self._sse:
                raise self._unreadable(data)
            yield from found

    def _line(self, line: bytes) -> Sequence[Mapping[str, Any]]:
        """Take a line, and return the objects that are whole with it."""
        if self._sse is None:
            line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                return ()
            self._sse = _FIELD.match(line) is not None
        return self._sse_line(line) if self._sse else self._json_line(line)

    def _sse_line(self, line: bytes) -> Sequence[Mapping[str, Any]]:
        if not line:
            return self._end_of_event() if self._parts or self._name else ()
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if not self._parts and data[:1] == b"{" and (objects := _objects(data)):  # nearly every event
                self._events += 1
                return objects
            self._parts.append(data)
            data = data if len(self._parts) == 1 else b"\n".join(self._parts)
            if data[:1] in b'["' and data.strip(b'"').upper() == b"[DONE]":
                self.ended = True
                return ()
            objects = _objects(data)  # at once: some servers leave the empty line out
            if objects or data in (b"", b"null", b"{}", b"[]"):
                self._events += 1
                self._parts.clear()
                return objects
        elif line.startswith(b"event:"):
            self._name = line[6:].strip()
        elif not _FIELD.match(line):
            raise self._unreadable(line)
        return ()

    def _end_of_event(self) -> Sequence[Mapping[str, Any]]:
        """Return the error that an event of this name is; its objects have been returned."""
        name, self._name = self._name, b""
        if not self._parts:
            return ()
        data = b"\n".join(self._parts)
        self._parts.clear()
        if data and name == b"error":
            return ({"error": data.decode("utf-8", "replace")},)
        if data and name not in (b"ping", b"heartbeat", b"keepalive", b"keep-alive"):
            raise self._unreadable(data)
        return ()

    def _json_line(self, line: bytes) -> Sequence[Mapping[str, Any]]:
        if not line.strip():
            return ()
        if not self._parts and line.lstrip()[:1] not in (b"{", b"["):
            raise self._unreadable(line)
        self._parts.append(line)
        if line[:1] in b"{[}]":  # what is laid out in lines ends with one that is not indented
            objects = _objects(b"\n".join(self._parts))
            if objects:
                self._events += 1
                self._parts.clear()
                return objects
            if self._events:
                raise self._unreadable(line)
        return ()

    def _may_begin(self, data: bytes) -> bool:
        """Return whether an answer may begin like this: a page fails at once, not when it has come whole."""
        start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:32]
        if not start or (self._sse and start[:1] == b":") or (self._sse is None and _BEGINS.match(start)):
            return True
        if self._sse is False:
            return True
        return any(name.startswith(start[:6]) or start.startswith(name) for name in _FIELDS)

    def _unreadable(self, data: bytes) -> UnreadableReplyError:
        return UnreadableReplyError(data, first=not self._events)


def _objects(data: bytes) -> list[Mapping[str, Any]]:
    """Return the object in `data`, or those of a list; [] if it is neither. A half of a character is kept as it is."""
    try:
        text = data.decode("utf-8", "surrogateescape").strip(_SPACE)
        value, end = _decode(text)
        if end != len(text):  # objects one after the other, without the end of a line between them
            value = [value]
            while end < len(text):
                more, end = _decode(text, len(text) - len(text[end:].lstrip(_SPACE)))
                value.append(more)
    except (ValueError, RecursionError):
        return []
    if isinstance(value, dict):
        return [value] if value else []
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


class TextJoiner:
    """Joins the halves of characters that a server sent in two pieces: of UTF-16 or of UTF-8."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, text: str) -> str:
        """Return what is whole of the text so far, and keep the rest."""
        if not self._held and text.isascii():
            return text
        text, self._held = self._held + text, ""
        end = len(text)
        if text and "\ud800" <= text[-1] <= "\udbff":
            end -= 1
        else:
            while end > len(text) - 3 and end and "\udc80" <= text[end - 1] <= "\udcff":
                end -= 1
            if end < len(text) and not _is_beginning(text[end:]):
                end = len(text)
        self._held = text[end:]
        return whole_text(text[:end])

    def finish(self) -> str:
        """Return what was kept."""
        held, self._held = self._held, ""
        return whole_text(held)


def whole_text(text: str) -> str:
    """Return text whose halves of characters are joined; what stays half is replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        found = "".join("�" if "\ud800" <= char <= "\udc7f" or "\udd00" <= char <= "\udfff" else char for char in text)
        return found.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


def _is_beginning(text: str) -> bool:
    """Return whether escaped bytes begin a character of UTF-8."""
    data = text.encode("utf-8", "surrogateescape")
    length = 2 if 0xC2 <= data[0] < 0xE0 else 3 if 0xE0 <= data[0] < 0xF0 else 4 if 0xF0 <= data[0] < 0xF5 else 0
    return len(data) < length and all(0x80 <= byte < 0xC0 for byte in data[1:])
