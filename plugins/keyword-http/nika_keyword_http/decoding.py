"""A compressed body, decompressed to its very end: half of one is an error, and all members of a gzip body count."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

_AT_ONCE: Final = 1024 * 1024  # bytes that a piece may become
_GZIP: Final = 16 + zlib.MAX_WBITS
_MAGIC: Final = b"\x1f\x8b"
_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
_OTHERS: Final = frozenset({"br", "zstd", "dcb", "dcz", "compress", "x-compress", "exi", "pack200-gzip"})


class DecodingError(Exception):
    """A body's compression is broken; the text says how."""


def codings(header: str) -> list[str]:
    """Return the codings that a Content-Encoding names, in the order to undo them.

    Some servers write a charset or another word there: what is not a coding is nothing to undo.
    """
    named = [word for word in re.split(r"[\s,]+", header.lower()) if word in _CODINGS or word in _OTHERS]
    return named[::-1]


async def decoded(chunks: AsyncIterator[bytes], named: list[str]) -> AsyncIterator[bytes]:
    """Undo the codings of a body. An empty one (of HEAD, 204, 304) is empty. Raise DecodingError."""
    other = next((coding for coding in named if coding in _OTHERS), None)
    layers = [_Layer(coding) for coding in named]
    async for chunk in chunks:
        if other and chunk:
            raise DecodingError(f"it is {other!r}, which cannot be undone here")
        for piece in _through(layers, chunk):
            yield piece
    for layer in layers:
        layer.close()


def _through(layers: list[_Layer], data: bytes) -> Iterator[bytes]:
    if not layers:
        yield data
        return
    for piece in layers[0].feed(data):
        yield from _through(layers[1:], piece)


class _Layer:
    def __init__(self, coding: str) -> None:
        self._gzip = coding != "deflate"
        self._begun = b""  # bytes that do not yet say which form it is
        self._inflater: zlib._Decompress | None = None
        self._between = False  # a member has ended

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflater is None:
                data, self._begun = self._begun + data, b""
                if len(data) < len(_MAGIC):
                    self._begun = data
                    return
                if self._between and not (self._gzip and data.startswith(_MAGIC)):
                    return  # padding after the last member, as gzip's own tools ignore it
                self._inflater = zlib.decompressobj(self._window(data))
            piece = self._inflated(data)
            while piece:  # it may hold more than one piece, also if it has taken in all bytes
                yield piece
                piece = self._inflated(self._inflater.unconsumed_tail)
            data = b""
            if self._inflater.eof:
                data, self._inflater, self._between = self._inflater.unused_data, None, True

    def _inflated(self, data: bytes) -> bytes:
        assert self._inflater is not None
        try:
            return self._inflater.decompress(data, _AT_ONCE)
        except zlib.error as error:
            raise DecodingError(str(error)) from None

    def _window(self, data: bytes) -> int:
        if self._gzip:
            return _GZIP
        # "deflate" is zlib's format by the standard, and the bare one by the habit of some servers.
        zlib_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS

    def close(self) -> None:
        cut = self._begun and (not self._between or (self._gzip and _MAGIC.startswith(self._begun)))
        if self._inflater is not None or cut:
            raise DecodingError("it ends in the middle")
