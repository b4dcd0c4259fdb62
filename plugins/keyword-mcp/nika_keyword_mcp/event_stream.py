"""The body of an answer over HTTP: what form it has, and its events in the form that the SDK's decoder reads.

What it is shows in the bytes: servers, and what stands before them, often have the content type wrong.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from enum import Enum
from typing import Final

from nika_keyword_mcp.wire import LARGEST_UNENDED, is_json

_FIELD: Final = re.compile(rb"(data|event|id|retry)?(:|\Z)")  # what begins with ":" is a comment
_FIELDS: Final = (b"data", b"event", b"id", b"retry")
_UNKNOWN_FIELD: Final = re.compile(rb"[A-Za-z0-9_-]{1,40}:")  # to be ignored
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_SPACE: Final = b"\xef\xbb\xbf\x00 \t\r\n"
_HEAD: Final = 64  # bytes of a line that tell what it is


class Form(Enum):
    """What a body is."""

    EVENTS = "events"
    JSON = "json"
    TEXT = "text"  # a page, or words


class NotEventsError(Exception):
    """Something that belongs to no event came. `data` is the beginning of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__("it is not an event")
        self.data = data


def form_of(data: bytes) -> Form | None:
    """Return the form of the body that begins like this; None: that does not show yet."""
    start = data.lstrip(_SPACE)[:_HEAD]
    if not start:
        return None
    if start[:1] in b"{[":
        return Form.JSON
    line, *more = _LINE_END.split(start, maxsplit=1)
    if line.startswith((b":", *(name + b":" for name in _FIELDS))) or (more and line in _FIELDS):
        return Form.EVENTS
    unfinished = not more and any(name.startswith(line) for name in _FIELDS)
    return None if unfinished else Form.TEXT


async def whole_events(begun: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the bytes of a stream of events, `begun` first. Its last event ends even if its empty line is missing.

    A line without the name of a field continues the data before it.

    Raises:
        NotEventsError: a line belongs to no event.
    """
    lines = _Lines()
    passed, junk = lines.feed(begun.lstrip(_SPACE))
    yield passed
    while junk is None:
        data = await anext(body, None)
        passed, junk = lines.feed(b"\n\n" if data is None else data)
        yield passed
        if data is None:
            break
    if junk is not None:
        raise NotEventsError(junk)


class _Lines:
    """Looks at the beginning of each line."""

    def __init__(self) -> None:
        self._held = b""  # the beginning of a line of which nobody knows yet what it is
        self._known = False  # whether it is known what the line is that has begun
        self._in_data = False
        self._after_cr = False

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return what can go on, and what is left from the first line on that belongs to no event."""
        passed: list[bytes] = []
        last = b""  # the last line that is here from its beginning
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        *lines, rest = _LINE_END.split(data)
        for number, line in enumerate((*lines, rest)):
            ended = number < len(lines)
            if not self._known:
                line, self._held = self._held + line, b""
                if not ended and len(line) < _HEAD and not _is_whole_data(line):
                    self._held = line
                    break
                fitting = self._fitting(line)
                if fitting is None:
                    return b"".join(passed), b"\n".join((line, *lines[number + 1 :], *([rest] if ended else ())))
                line = fitting
                last = line
            passed += [line, b"\n"] if ended else [line]
            self._known = not ended
        if _is_whole_data(last) and (self._known or not rest):  # some servers leave the empty line out, and wait
            passed.append(b"\n\n" if self._known else b"\n")
            self._known = self._in_data = False
        return b"".join(passed), None

    def _fitting(self, line: bytes) -> bytes | None:
        """Return a line that begins as a field does; None: it belongs to no event."""
        if not line or line.startswith(b"data"):
            self._in_data = bool(line)
        if _FIELD.match(line):
            return line
        if self._in_data or line.lstrip()[:1] in (b"{", b"["):
            self._in_data = True
            return b"data: " + line
        return line if _UNKNOWN_FIELD.match(line) else None


def _is_whole_data(line: bytes) -> bool:
    field, _, data = line.partition(b":")
    end = data[-1:]
    return (
        field == b"data"
        and end in (b"}", b"]")
        and len(data) <= LARGEST_UNENDED
        and is_json(data.decode("utf-8", "replace"))
    )
