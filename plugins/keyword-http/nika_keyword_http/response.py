"""From what a server answers to an output: read up to a limit, decoded, its status judged."""

from __future__ import annotations

import asyncio
import base64
import codecs as text_codecs
import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from nika_core.plugin import Category, Json, JsonObject, StepOutput, TaskError, bound
from nika_keyword_http.request import Request, Statuses
from nika_keyword_http.urls import without_query

_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]+)", re.IGNORECASE)
_TEXT: Final = re.compile(
    r"text/|[^/;]+/(?:[^;]*\+)?(?:json|xml|yaml|csv)\b|application/(?:x-)?"
    r"(?:javascript|ecmascript|ndjson|jsonl|www-form-urlencoded|toml|sql|graphql)\b",
    re.IGNORECASE,
)
_MARKS: Final = (  # UTF-32's begins with UTF-16's
    (text_codecs.BOM_UTF8, "utf-8-sig"),
    (text_codecs.BOM_UTF32_LE, "utf-32"),
    (text_codecs.BOM_UTF32_BE, "utf-32"),
    (text_codecs.BOM_UTF16_LE, "utf-16"),
    (text_codecs.BOM_UTF16_BE, "utf-16"),
)
_GZIP: Final = b"\x1f\x8b\x08"
_LENGTH: Final = re.compile(r"[0-9]{1,18}\Z")
_EXCERPT: Final = 200  # characters of a body in an error's message


@dataclass(frozen=True, slots=True)
class Body:
    """What was read. `seen` counts bytes after decompression; `cut`: there was more, and `total` of it where known."""

    data: bytes
    cut: bool
    seen: int
    total: int | None = None


async def within(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """Yield what comes within `seconds`, as if it were all."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(end):
                chunk = await anext(chunks)
        except (StopAsyncIteration, TimeoutError):
            return
        yield chunk


async def read(chunks: AsyncIterator[bytes], headers: Mapping[str, str], limit: int) -> Body:
    """Read up to `limit` bytes, and one more to know whether that was all."""
    kept = bytearray()
    seen = 0
    async for chunk in chunks:
        seen += len(chunk)
        kept += chunk[: max(0, limit - len(kept))]
        if seen > limit:
            return Body(bytes(kept), True, seen, _length(headers))
    return Body(bytes(kept), False, seen)


def _length(headers: Mapping[str, str]) -> int | None:
    """Content-Length, where it speaks of the body as we read it."""
    text = headers.get("content-length", "")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity") or not _LENGTH.match(text):
        return None
    return int(text)


def decode(body: Body, content_type: str) -> str | None:
    """Return the body as text, or None if it is not text."""
    if body.data.startswith(_GZIP):
        return None  # a compressed file, whatever type the server gives it
    named = _CHARSET.search(content_type)
    charset = _known(named.group(1)) if named else None
    if charset is None and not _TEXT.match(content_type.strip()):
        return _guess(body)
    # A byte order mark says more than a header that many servers add by rote.
    marked = next((name for mark, name in _MARKS if body.data.startswith(mark)), None)
    if marked is not None:
        charset = marked
    elif charset in ("utf-16", "utf-32"):
        charset += "-le"  # as browsers read it
    try:
        return _decoded(body, charset or "utf-8", "replace")
    except (UnicodeError, LookupError):  # a codec that is not a charset: idna, undefined
        return _decoded(body, "utf-8", "replace")


def _known(charset: str) -> str | None:
    try:
        found = text_codecs.lookup(charset)
        return found.name if getattr(found, "_is_text_encoding", True) else None
    except LookupError:
        return None


def _decoded(body: Body, charset: str, errors: str) -> str:
    # Half a character at the place where the reading stopped is not an error.
    return text_codecs.getincrementaldecoder(charset)(errors).decode(body.data, final=not body.cut)


def _guess(body: Body) -> str | None:
    if b"\0" in body.data:
        return None
    try:
        return _decoded(body, "utf-8-sig", "strict")
    except UnicodeDecodeError:
        return None


def headers_of(raw: list[tuple[str, str]]) -> dict[str, str]:
    """Lower-case names; a header that came several times has its values joined by a comma."""
    headers: dict[str, str] = {}
    for name, value in raw:
        headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
    return headers


def binary_limit(max_output: int) -> int:
    """Return how many bytes of a body fit when they are written as base64."""
    return max_output // 4 * 3


def output(status: int, headers: Mapping[str, str], body: Body, *, full: bool, max_output: int) -> StepOutput:
    """Return the step's output. Raise TaskError for a body that is not text and too long to be kept whole."""
    text = decode(body, headers.get("content-type", ""))
    original = (body.total or body.seen) if body.cut else None
    encoding = None
    if text is None:
        if body.cut or len(body.data) > binary_limit(max_output):
            raise TaskError(
                f"the body is not text ({headers.get('content-type') or 'no content type'}) and longer than the "
                f"{binary_limit(max_output)} bytes that fit into an output as base64",
                retriable=False,
                hint="raise NIKA_MAX_OUTPUT, or fetch it into a file with shell",
            )
        text, encoding = base64.b64encode(body.data).decode("ascii"), "base64"
    if not full:
        return StepOutput(text, original_bytes=original)
    value: dict[str, Any] = {"status": status, "headers": dict(headers), "body": text}
    if encoding:
        value["encoding"] = encoding
    return StepOutput(_fitted(value, original, max_output), original_bytes=original)


def _fitted(value: dict[str, Any], original: int | None, max_output: int) -> JsonObject:
    """Return `value` with its body cut so that all of it, as JSON, is no longer than an output may be."""
    text = value["body"]
    room = max_output
    while True:
        kept = bound(text, room, original)
        fitted = {**value, "body": kept.text} | ({"truncated": True} if kept.truncated else {})
        overhead = _size({**fitted, "body": ""})
        written = _size(fitted) - overhead
        if written <= max_output - overhead or room == 0:
            return fitted
        # Escapes make text longer in JSON; in one or two rounds the ratio is found.
        room = min(room - 1, max(0, max_output - overhead) * len(kept.text.encode("utf-8", "replace")) // written)


def _size(value: Json) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def failure(
    request: Request, status: int, headers: Mapping[str, str], result: Json, asked: Statuses, now: float
) -> TaskError:
    """Return the error for a status that was not asked for."""
    text = result if isinstance(result, str) else ""
    if isinstance(result, Mapping) and not result.get("encoding"):
        text = str(result.get("body", ""))
    excerpt = " ".join(text.split())
    if excerpt.startswith("<") or (len(excerpt) > _EXCERPT and excerpt.startswith(("{", "["))):
        from nika_core.toolbox.providers import read_error_body

        excerpt = " ".join(read_error_body(text).message.split()) or excerpt  # its reason may stand far below
    shown = excerpt if len(excerpt) <= _EXCERPT else excerpt[: _EXCERPT - 1] + "…"
    category, retriable = _category(status)
    hint = None
    if 300 <= status < 400 and "location" in headers:
        hint = f"it redirects to {without_query(headers['location'])}: set followRedirects: true, or use that URL"
    elif status in (401, 403):
        hint = "check the credentials in headers"
    return TaskError(
        f"{request.method} {without_query(request.url)} answered {status}{_reason(status)}, "
        f"expected {asked.text}" + (f": {shown}" if shown else ""),
        category=category,
        hint=hint,
        retry_after=retry_after(headers.get("retry-after"), now),
        output=result,
        retriable=retriable,
    )


def _category(status: int) -> tuple[Category, bool]:
    """Return the category of a status: 429 and 408 have their own, the rest is `execution`."""
    if status == 429:
        return Category.RATE_LIMIT, True
    if status == 408:
        return Category.TIMEOUT, True
    return Category.EXECUTION, status == 425 or status >= 500


def _reason(status: int) -> str:
    from http import HTTPStatus

    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds to wait, from a number of seconds or a date. `now`: seconds since the epoch."""
    if not text:
        return None
    text = text.strip()
    try:
        seconds = float(text)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
