"""The body of an answer that is an error, as far as it can be had: its status counts, whatever its body is like."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

LARGEST_REASON: Final = 256 * 1024  # bytes of an error's body
_SECONDS: Final = 2.0  # for an error's body, which may never come whole


def refusal_hook(http: Any) -> Callable[[Any], Awaitable[None]]:
    """Return a hook for responses of an httpx library, `http`.

    A response that is an error gives only what comes of its body soon, decompressed if it can be. SDKs read all of it,
    and lose the status if that fails.
    """

    class RefusalStream(http.AsyncByteStream):  # type: ignore[misc]  # the library is loaded at run time
        def __init__(self, stream: Any, encoding: str) -> None:
            self._stream = stream
            self._encoding = encoding

        async def __aiter__(self) -> AsyncIterator[bytes]:
            body = bytearray()
            try:
                async with asyncio.timeout(_SECONDS):
                    async for part in self._stream:
                        body += part
                        if len(body) > LARGEST_REASON:
                            break
            except Exception:  # noqa: S110  # what has come of it may say why
                pass
            yield readable_body(bytes(body), self._encoding)

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def hook(response: Any) -> None:
        if response.status_code >= 300:
            encoding = response.headers.pop("content-encoding", "")
            response.stream = RefusalStream(response.stream, encoding)

    return hook


def readable_body(body: bytes, encoding: str) -> bytes:
    """Return a body decompressed, as much of it as there is; as it is if it is not compressed at all; else nothing."""
    names = [name for each in encoding.lower().split(",") if (name := each.strip()) not in ("", "identity")]
    if not names:
        return body
    for _ in names:
        unpacked = _decompressed(body)
        if unpacked is None:
            break
        body = unpacked
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return body if error.end == len(body) else b""  # half a character at the end is no reason to say nothing
    return body


def _decompressed(body: bytes) -> bytes | None:
    """Return what gzip or deflate has packed; None: it has not."""
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            unpacked = zlib.decompressobj(bits).decompress(body, LARGEST_REASON)
        except zlib.error:
            continue
        if unpacked:
            return unpacked
    return None
