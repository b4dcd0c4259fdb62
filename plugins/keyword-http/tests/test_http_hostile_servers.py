"""Hostile servers: each request ends within its limits, with an output or with an error that says what it is."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_http.step import HttpStep

from nika_core.errors import Category, TaskError
from nika_core.testing import FakeStepContext

sys.path.insert(0, str(Path(__file__).parent))

from hostile_parts import ANY, BAD, BOMB, DEEP, ENDLESS, GOOD, OK, chunked, packed, plain, typed
from more_hostile_servers import MORE_SERVERS

LIMIT = 20_000  # bytes of an output
SERVERS: dict[str, tuple[str, list[Any]]] = {
    # charsets and types
    "charset unknown": (GOOD, typed("a", "text/plain; charset=klingon")),
    "charset empty": (GOOD, typed("a", "text/plain; charset=")),
    "charset quoted": (GOOD, typed("a", 'text/plain; charset="utf-8"')),
    "charset unclosed": (GOOD, typed("a", 'text/plain; charset="utf-8')),
    "charset with NUL": (ANY, typed("a", "text/plain; charset=utf\x00-8")),
    "charset very long": (GOOD, typed("a", "text/plain; charset=" + "a" * 5000)),
    "charset rot13": (GOOD, typed("a", "text/plain; charset=rot13")),
    "charset hex": (GOOD, typed("zz", "text/plain; charset=hex")),
    "charset zlib": (GOOD, typed("a", "text/plain; charset=zlib")),
    "charset idna": (GOOD, typed(b"xn--\xff", "text/plain; charset=idna")),
    "charset punycode": (GOOD, typed("a-" + "9" * 100, "text/plain; charset=punycode")),
    "charset unicode_escape": (GOOD, typed(b"\\x", "text/plain; charset=unicode_escape")),
    "charset utf-7": (GOOD, typed(b"+AGE-", "text/plain; charset=utf-7")),
    "charset utf-16 odd": (GOOD, typed(b"\xff\xfea", "text/plain; charset=utf-16")),
    "charset utf-32 broken": (GOOD, typed(b"\xff\xff\xff\xff", "text/plain; charset=utf-32")),
    "charset undefined": (GOOD, typed("a", "text/plain; charset=undefined")),
    "charset twice": (GOOD, typed("a", "text/plain; charset=utf-8; charset=latin-1")),
    "charset path": (GOOD, typed("a", "text/plain; charset=../../x")),
    "charset non-ascii": (GOOD, typed("a", "text/plain; charset=\xfc\xff")),
    "type empty": (GOOD, typed("a", "")),
    "type nonsense": (GOOD, typed("a", ";;;///")),
    "type very long": (GOOD, typed("a", "text/" + "x" * 8000)),
    "type twice": (GOOD, plain("a", "content-type: text/plain", "content-type: application/json")),
    "utf-16 with mark": (GOOD, plain("héllo".encode("utf-16"))),
    "byte order mark": (GOOD, plain(b"\xef\xbb\xbf{}")),
    "not utf-8": (GOOD, plain(b"\xff\xfe\xfd\x80")),
    "lone surrogate": (GOOD, plain("\ud800")),
    "NUL bytes": (GOOD, plain(b"\x00" * 50)),
    "terminal codes": (GOOD, plain(b"\x1b]0;x\x07\x1b[2J")),
    # JSON
    "deep JSON": (GOOD, typed(DEEP, "application/json")),
    "deep closed JSON": (GOOD, typed("[" * 9000 + "]" * 9000, "application/json")),
    "broken JSON": (GOOD, typed('{"a": ', "application/json")),
    "duplicate keys": (GOOD, typed('{"a": 1, "a": 2}', "application/json")),
    "NaN": (GOOD, typed('{"a": NaN, "b": Infinity}', "application/json")),
    "huge number": (GOOD, typed("9" * 10_000, "application/json")),
    "huge exponent": (GOOD, typed("1e999999999", "application/json")),
    "JSON of another type": (GOOD, typed("<p>", "application/json")),
    "JSON with half a pair": (GOOD, typed('"\\ud800"', "application/json")),
    "empty JSON": (GOOD, typed("", "application/json")),
    # lengths
    "length too long": (BAD, plain("abc", length=10)),
    "length too short": (ANY, plain("abc", length=1)),
    "length negative": (BAD, plain("abc", length=-5)),
    "length a word": (BAD, plain("abc", length="many")),
    "length empty": (ANY, plain("abc", length="")),
    "length huge": (BAD, plain("abc", length=10**30)),
    "length with a plus": (ANY, plain("abc", length="+3")),
    "length hexadecimal": (BAD, plain("abc", length="0x3")),
    "length full-width": (BAD, plain("abc", length="\xef\xbc\x93")),
    "lengths differ": (BAD, plain("abc", "content-length: 5")),
    "length and chunks": (ANY, chunked(b"3\r\nabc\r\n0\r\n\r\n", "content-length: 3")),
    "no length": (GOOD, plain("abc", length=None)),
    "204 with a body": (ANY, plain("abc", status="204 No Content")),
    "304": (BAD, plain("", status="304 Not Modified")),
    "endless body": (GOOD, [OK.encode() + b"\r\n", b"x" * 65536, ENDLESS]),
    "endless body with a length": (GOOD, [f"{OK}content-length: {10**12}\r\n\r\n".encode(), b"x" * 65536, ENDLESS]),
    "endless chunks": (GOOD, [*chunked(b""), b"1000\r\n" + b"x" * 4096 + b"\r\n", ENDLESS]),
    "endless tiny chunks": (GOOD, [*chunked(b""), b"1\r\nx\r\n" * 1000, ENDLESS]),
    "endless error body": (BAD, [b"HTTP/1.1 500 X\r\n\r\n", b"x" * 65536, ENDLESS]),
    # chunks
    "chunk size a word": (BAD, chunked(b"zz\r\nabc\r\n0\r\n\r\n")),
    "chunk size negative": (BAD, chunked(b"-3\r\nabc\r\n0\r\n\r\n")),
    "chunk size huge": (BAD, chunked(b"f" * 40 + b"\r\nabc\r\n")),
    "chunk without an end": (BAD, chunked(b"3\r\nabcdef\r\n0\r\n\r\n")),
    "chunks cut": (BAD, chunked(b"10\r\nabc")),
    "chunks without a last one": (BAD, chunked(b"3\r\nabc\r\n")),
    "chunk extension": (ANY, chunked(b"3;a=" + b"b" * 100 + b"\r\nabc\r\n0\r\n\r\n")),
    "endless chunk extension": (BAD, [*chunked(b"3;a="), b"b" * 65536, ENDLESS]),
    "trailers": (ANY, chunked(b"3\r\nabc\r\n0\r\nx-a: b\r\n\r\n")),
    "endless trailers": (ANY, [*chunked(b"3\r\nabc\r\n0\r\n"), b"x-a: b\r\n" * 1000, ENDLESS]),
    "chunked twice": (ANY, plain(b"3\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked, chunked", length=None)),
    "unknown transfer encoding": (ANY, plain("abc", "transfer-encoding: teleport", length=None)),
    # compressions
    "gzip bomb": (BAD, packed(BOMB, "gzip")),
    "gzip in gzip": (BAD, packed(gzip.compress(BOMB), "gzip, gzip")),
    "gzip that is none": (BAD, packed(b"abc", "gzip")),
    "gzip cut": (ANY, packed(gzip.compress(b"abc" * 100)[:20], "gzip")),
    "gzip with more behind it": (ANY, packed(gzip.compress(b"abc") + b"more", "gzip")),
    "deflate": (GOOD, packed(zlib.compress(b"abc"), "deflate")),
    "deflate that is none": (BAD, packed(b"\xff\xff\xff", "deflate")),
    "deflate bomb": (BAD, packed(zlib.compress(bytes(2_000_000), 9), "deflate")),
    "brotli": (BAD, packed(b"abc", "br")),
    "zstd": (BAD, packed(b"abc", "zstd")),
    "unknown compression": (ANY, packed(b"abc", "magic")),
    "a hundred compressions": (ANY, packed(b"abc", ", ".join(["gzip"] * 100))),
    "compression empty": (GOOD, packed(b"abc", "")),
    # heads
    "nothing": (BAD, [b""]),
    "no HTTP": (BAD, [b"hello\r\n\r\n"]),
    "HTTP/0.9": (BAD, [b"<html>hello</html>"]),
    "HTTP/9.9": (ANY, [b"HTTP/9.9 200 OK\r\ncontent-length: 1\r\n\r\na"]),
    "status 999": (BAD, plain("a", status="999 X")),
    "status 99": (BAD, plain("a", status="99 X")),
    "status 1000": (BAD, plain("a", status="1000 X")),
    "status a word": (BAD, plain("a", status="OK")),
    "status negative": (BAD, plain("a", status="-200 OK")),
    "no reason": (GOOD, plain("a", status="200")),
    "reason very long": (ANY, plain("a", status="200 " + "x" * 9000)),
    "reason with odd bytes": (ANY, plain("a", status="200 \xff\xfe\x1b[2J")),
    "101": (BAD, plain("", "upgrade: x", status="101 Switching")),
    "1xx flood": (ANY, [b"HTTP/1.1 100 Continue\r\n\r\n" * 500, *plain("a")]),
    "NUL in a header": (BAD, plain("a", "x-a: a\x00b")),
    "line feed in a header": (ANY, plain("a", "x-a: a\n b")),
    "header without a colon": (BAD, plain("a", "nonsense")),
    "header without a name": (BAD, plain("a", ": b")),
    "header with a blank in its name": (BAD, plain("a", "x a: b")),
    "header of 200,000 characters": (BAD, plain("a", "x-a: " + "a" * 200_000)),
    "1,000 headers": (GOOD, plain("a", *[f"x-{number}: a" for number in range(1000)])),
    "endless headers": (BAD, [OK.encode(), b"x-a: b\r\n" * 1000, ENDLESS]),
    "endless header": (BAD, [OK.encode() + b"x-a: ", b"b" * 65536, ENDLESS]),
    "1,000 cookies": (ANY, plain("a", *[f"set-cookie: c{number}=v" for number in range(1000)])),
    "cookie for another host": (GOOD, plain("a", "set-cookie: a=b; domain=.com; path=/; secure")),
    "cut in the head": (BAD, [b"HTTP/1.1 200 OK\r\ncontent-le"]),
    "only line feeds": (ANY, [b"HTTP/1.1 200 OK\ncontent-length: 1\n\na"]),
    "TLS": (BAD, [b"\x15\x03\x01\x00\x02\x02\x28"]),
    "zeros": (BAD, [bytes(1000)]),
    "retry-after very large": (BAD, plain("", "retry-after: " + "9" * 400, status="429 X")),
    "retry-after a word": (BAD, plain("", "retry-after: soon", status="503 X")),
    "retry-after negative": (BAD, plain("", "retry-after: -5", status="503 X")),
    "retry-after a strange date": (BAD, plain("", "retry-after: Mon, 99 Foo 99999 99:99:99 GMT", status="503 X")),
    # redirects
    "redirect to itself": (BAD, plain("", "location: ?", status="302 X")),
    "redirect to a private address": (BAD, plain("", "location: http://10.0.0.1/", status="302 X")),
    "redirect to metadata": (BAD, plain("", "location: http://169.254.169.254/latest", status="307 X")),
    "redirect to a file": (BAD, plain("", "location: file:///etc/passwd", status="302 X")),
    "redirect to a script": (BAD, plain("", "location: javascript:alert(1)", status="302 X")),
    "redirect to ftp": (BAD, plain("", "location: ftp://127.0.0.1/", status="302 X")),
    "redirect to a broken address": (BAD, plain("", "location: http://[::1", status="302 X")),
    "redirect to port 99999": (BAD, plain("", "location: http://127.0.0.1:99999/", status="302 X")),
    "redirect to a decimal address": (BAD, plain("", "location: http://2852039166/", status="302 X")),
    "redirect to IPv4 in IPv6": (BAD, plain("", "location: http://[::ffff:10.0.0.1]/", status="302 X")),
    "redirect to nothing": (ANY, plain("", "location: ", status="302 X")),
    "redirect with odd bytes": (ANY, plain("", "location: /\xff\xfe\x01", status="302 X")),
    "redirect very long": (BAD, plain("", "location: /" + "a" * 100_000, status="302 X")),
    "two locations": (ANY, plain("", "location: /a", "location: http://10.0.0.1/", status="302 X")),
}  # fmt: skip
SERVERS |= MORE_SERVERS


class Hostile:
    """Answers `/N` with the N-th of these servers' parts."""

    def __init__(self) -> None:
        self.answers = [parts for _, parts in SERVERS.values()]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
            parts = self.answers[int(line[1:].split(b"?")[0])]
            last = b""
            for part in parts:
                while part is ENDLESS:
                    writer.write(last)
                    await writer.drain()
                if isinstance(part, bytes):
                    last = part
                    writer.write(part)
                    await writer.drain()
        writer.close()


async def test_each_hostile_server_ends_in_an_output_or_a_clear_error() -> None:
    hostile = Hostile()
    server = await asyncio.start_server(hostile.answer, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    wrong = []
    context = FakeStepContext(environ={"NIKA_HTTP_ALLOW": host}, timeout=60.0, max_output=LIMIT)
    async with server, context:
        for number, (name, (expected, _)) in enumerate(SERVERS.items()):
            payload = {"url": f"http://{host}/{number}", "followRedirects": True, "response": "full"}
            try:
                async with asyncio.timeout(30):
                    output = await HttpStep().run(payload, context)
            except TaskError as error:
                clear = error.category is not Category.UNKNOWN and len(error.message) < 2000
                if expected is GOOD or not clear:
                    wrong.append(f"{name}: {error.category}: {error.message[:150]}")
            except Exception as error:
                wrong.append(f"{name}: {type(error).__name__}: {error}")
            else:
                size = len(json.dumps(output.value))
                if expected is BAD or size > 8 * LIMIT:
                    wrong.append(f"{name}: {size} {str(output.value)[:100]}")
    assert wrong == []
    assert len(SERVERS) > 200


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 103 Early\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na"])
async def test_a_server_that_says_no_more_is_left_when_the_task_ends(head: bytes) -> None:
    reached, left = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        reached.set()
        with contextlib.suppress(OSError):
            await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, FakeStepContext(environ={"NIKA_HTTP_ALLOW": host}, timeout=60.0) as context:
        call = asyncio.create_task(HttpStep().run({"url": f"http://{host}/"}, context))
        await asyncio.wait_for(reached.wait(), 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(left.wait(), 60)
