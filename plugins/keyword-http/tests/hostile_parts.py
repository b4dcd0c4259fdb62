"""What the answers of hostile servers are made of: parts that are sent one after another."""

from __future__ import annotations

import gzip
from typing import Any

BOMB = gzip.compress(bytes(2_000_000), 9)
OK = "HTTP/1.1 200 OK\r\n"
ENDLESS = object()  # the last part is sent until nobody reads


def plain(body: bytes | str, *headers: str, status: str = "200 OK", length: int | str | None = -1) -> list[Any]:
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    sized = [] if length is None else [f"content-length: {len(data) if length == -1 else length}"]
    lines = [f"HTTP/1.1 {status}", *headers, *sized, "connection: close"]
    return [("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data]


def chunked(body: bytes, *headers: str) -> list[Any]:
    lines = [OK.strip(), *headers, "transfer-encoding: chunked"]
    return [("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body]


def typed(body: bytes | str, content_type: str) -> list[Any]:
    return plain(body, f"content-type: {content_type}")


def packed(body: bytes, encoding: str) -> list[Any]:
    return plain(body, f"content-encoding: {encoding}")


DEEP = "[" * 100_000
GOOD, BAD, ANY = "good", "bad", "any"  # an output, an error, or either
